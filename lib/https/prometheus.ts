// metrics() for Prometheus, through the program's own prom-client.
import { subscribe } from 'node:diagnostics_channel';
import type { Registry } from 'prom-client';

import type { HandshakeMessage, HttpsMetrics, MetricsRegistry } from '../../types/https';
import { KtlsUnsupportedError } from '../errors';
import { metrics } from './metrics';

const PREFIX = 'ktls_https_';

/** Seconds. A resumed handshake takes half a millisecond of a core; a client far away some round trips. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

interface Series {
  name: string;
  help: string;
  labels: string[];
  /** By the values of the labels, in their order. */
  read(now: HttpsMetrics): [values: string[], count: number][];
}

let latest: HttpsMetrics | undefined;

/** The same for all series of a scrape, which collects them in one turn: open connections are gone through once. */
function scraped(): HttpsMetrics {
  if (latest === undefined) {
    latest = metrics();
    setImmediate(() => {
      latest = undefined;
    });
  }
  return latest;
}

const byName = (counts: Record<string, number>): [string[], number][] =>
  Object.entries(counts).map(([name, count]) => [[name], count]);

const COUNTERS: Series[] = [
  {
    name: 'handshakes_total',
    help: 'TLS handshakes that succeeded',
    labels: ['type'],
    read: ({ handshakes: { full, resumed } }) => byName({ full, resumed }),
  },
  {
    name: 'handshake_failures_total',
    help: 'TLS handshakes that failed, by error code',
    labels: ['code'],
    read: ({ handshakes }) => byName(handshakes.failures),
  },
  {
    name: 'protocols_total',
    help: 'Connections by version of TLS',
    labels: ['protocol'],
    read: ({ protocols }) => byName(protocols),
  },
  {
    name: 'ciphers_total',
    help: 'Connections by cipher suite',
    labels: ['cipher'],
    read: ({ ciphers }) => byName(ciphers),
  },
  {
    name: 'record_layers_total',
    help: 'Connections by who encrypts (tx) and decrypts (rx): the kernel, or user space',
    labels: ['direction', 'placement'],
    read: ({ record }) =>
      (['tx', 'rx'] as const).flatMap((direction) =>
        (['kernel', 'user'] as const).map((placement): [string[], number] => [
          [direction, placement],
          record[direction][placement],
        ]),
      ),
  },
  {
    name: 'record_reasons_total',
    help: 'Connections by why their record layer is where it is',
    labels: ['reason'],
    read: ({ record }) => byName(record.reasons),
  },
  {
    name: 'bytes_total',
    help: 'Bytes of HTTP, heads included and TLS not',
    labels: ['direction'],
    read: ({ bytes: { read, written } }) => byName({ read, written }),
  },
  {
    name: 'requests_total',
    help: 'HTTP requests',
    labels: [],
    read: ({ requests }) => [[[], requests]],
  },
  {
    name: 'responses_total',
    help: 'HTTP responses that were sent, by class of status',
    labels: ['status'],
    read: ({ responses }) => byName(responses),
  },
  {
    name: 'first_response_4xx_total',
    help: 'Connections whose first response was an error of the client',
    labels: [],
    read: ({ firstResponse4xx }) => [[[], firstResponse4xx]],
  },
];

/**
 * Adds the metrics of all servers of the process to a registry, prom-client's default one if none is given.
 * Handshake times are counted from this call on, everything else from the start of the process.
 *
 * @throws ERR_KTLS_UNSUPPORTED where prom-client is not installed.
 */
export function registerMetrics(register?: MetricsRegistry): void {
  const prometheus = load();
  const registers = [(register as Registry | undefined) ?? prometheus.register];
  for (const { name, help, labels, read } of COUNTERS) {
    new prometheus.Counter({
      name: `${PREFIX}${name}`,
      help,
      labelNames: labels,
      registers,
      collect() {
        this.reset();
        for (const [values, count] of read(scraped())) {
          this.inc(Object.fromEntries(labels.map((label, index) => [label, values[index] as string])), count);
        }
      },
    });
  }
  new prometheus.Gauge({
    name: `${PREFIX}open_connections`,
    help: 'Connections that are open',
    registers,
    collect() {
      this.set(scraped().connections.open);
    },
  });
  const duration = new prometheus.Histogram({
    name: `${PREFIX}handshake_duration_seconds`,
    help: 'From the first byte of a TLS handshake to its last',
    buckets: BUCKETS,
    registers,
  });
  subscribe('ktls-transfer:handshake', (message) => {
    duration.observe((message as HandshakeMessage).durationMs / 1000);
  });
}

function load(): typeof import('prom-client') {
  try {
    return require('prom-client');
  } catch (cause) {
    throw new KtlsUnsupportedError(
      'registerMetrics() needs the package prom-client: npm install prom-client',
      {
        cause,
      },
    );
  }
}
