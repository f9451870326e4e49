// What servers count, held against what curl and OpenSSL's client did; the channels, and Prometheus' text.
import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import Module from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Registry } from 'prom-client';
import t, { type Test } from 'tap';

import { type HttpsServer, metrics, registerMetrics } from '../../lib/https';
import { opensslClient } from '../helpers/openssl-client';
import { credentials } from '../sockets/support';
import { serve } from './support';

const run = promisify(execFile);
const { folder, maker, server: own } = credentials(t);
const { cert, key } = own;
const BODY = 'x'.repeat(1000);

const start = (t: Test) =>
  serve(t, { cert, key, kernel: 'off' }, (request, response) => {
    response.statusCode = request.url === '/missing' ? 404 : 200;
    response.end(BODY);
  });

interface Curled {
  status: number;
  sent: number;
  received: number;
}

/** One connection, one request for each path. */
async function curl(port: number, paths: string[], ...more: string[]): Promise<Curled[]> {
  const urls = paths.flatMap((path) => [`https://localhost:${port}${path}`, '-o', '/dev/null']);
  const format = '%{http_code} %{size_request} %{size_header} %{size_download}\\n';
  const { stdout } = await run('curl', [
    '-s',
    '-4',
    '--cacert',
    maker.authority.certFile,
    '-w',
    format,
    ...more,
    ...urls,
  ]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [status = 0, sent = 0, head = 0, body = 0] = line.split(' ').map(Number);
      return { status, sent, received: head + body };
    });
}

async function allClosed(server: HttpsServer, failed = 0): Promise<void> {
  const done = () => metrics(server).connections.open === 0 && metrics(server).handshakes.failed === failed;
  while (!done()) await sleep(5);
}

/** What no server of TLS takes. */
async function plainHttp(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.end('GET / HTTP/1.0\r\n\r\n');
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
}

t.test(
  'connections, handshakes, ciphers, bytes, requests and statuses are what the clients say',
  async (t) => {
    const { server, port } = await start(t);
    const chacha = 'TLS_CHACHA20_POLY1305_SHA256';
    const before = metrics();
    const seen = [
      await curl(port, ['/']),
      await curl(port, ['/', '/missing', '/']),
      await curl(port, ['/missing', '/missing'], '--tls13-ciphers', chacha),
    ].flat();
    t.same(
      seen.map(({ status }) => status),
      [200, 200, 404, 200, 404, 404],
    );
    await plainHttp(port);
    await allClosed(server, 1);
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    const now = metrics(server);
    const { durationMs, ...handshakes } = now.handshakes;
    t.same(handshakes, { full: 3, resumed: 0, failed: 1, failures: { ERR_KTLS_NOT_TLS: 1 } });
    t.ok(durationMs.p50 > 0 && durationMs.p50 <= durationMs.p95 && durationMs.p95 <= durationMs.p99);
    t.ok(durationMs.p99 <= durationMs.max && durationMs.mean <= durationMs.max);
    t.same(now.connections, { open: 0, total: 3 });
    t.same(now.ciphers, { TLS_AES_128_GCM_SHA256: 2, [chacha]: 1 });
    t.same(now.protocols, { 'TLSv1.3': 3 });
    t.same(now.record.tx, { kernel: 0, user: 3, none: 0 });
    t.same(now.record.rx, { kernel: 0, user: 3, none: 0 });
    t.same(Object.values(now.record.reasons), [3]);
    t.same(now.bytes, {
      read: sum(seen.map(({ sent }) => sent)),
      written: sum(seen.map(({ received }) => received)),
    });
    t.equal(now.requests, 6);
    t.same(now.responses, { '1xx': 0, '2xx': 3, '3xx': 0, '4xx': 3, '5xx': 0 });
    t.equal(now.firstResponse4xx, 1, 'a 404 behind another response does not count');
    t.equal(metrics().requests - before.requests, 6, 'the whole process');
    t.equal(metrics().connections.total - before.connections.total, 3);
  },
);

t.test('resumed handshakes are told from full ones', async (t) => {
  const { server, port } = await start(t);
  const keep = join(folder, 'session.pem');
  const client = {
    port,
    ca: maker.authority.certFile,
    say: 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  };
  t.equal((await opensslClient({ ...client, keep })).resumed, false);
  t.equal((await opensslClient({ ...client, resume: keep })).resumed, true);
  await allClosed(server);
  t.match(metrics(server).handshakes, { full: 1, resumed: 1 });
});

t.test('open connections are counted, with their bytes, and each server for itself', async (t) => {
  const [{ server, port }, { server: other }] = [await start(t), await start(t)];
  const { stdin, stdout } = execFile('openssl', ['s_client', '-quiet', '-connect', `127.0.0.1:${port}`]);
  t.teardown(() => stdin?.end());
  stdin?.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  let received = '';
  stdout?.on('data', (data) => {
    received += data;
  });
  while (!received.endsWith(BODY)) await once(stdout as NodeJS.ReadableStream, 'data');
  t.same(metrics(server).connections, { open: 1, total: 1 });
  t.equal(metrics(server).bytes.written, received.length);
  t.same(metrics(other).connections, { open: 0, total: 0 });
  t.throws(() => metrics(createPlainServer() as never), TypeError);
});

t.test('channels tell of each event', async (t) => {
  const { server, port } = await start(t);
  const heard: [name: string, message: Record<string, unknown>][] = [];
  const names = ['handshake', 'handshake:failed', 'connection:closed', 'response:first4xx'];
  for (const name of names) {
    const onMessage = (message: unknown) => heard.push([name, message as Record<string, unknown>]);
    subscribe(`ktls-transfer:${name}`, onMessage);
    t.teardown(() => unsubscribe(`ktls-transfer:${name}`, onMessage));
  }
  await plainHttp(port);
  const [{ sent, received }] = (await curl(port, ['/missing'])) as [Curled];
  await allClosed(server, 1);
  t.ok(heard.every(([, message]) => message.server === server));
  const of = (name: string) =>
    heard.filter(([heardName]) => heardName === name).map(([, message]) => message);
  t.match(of('handshake'), [
    { resumed: false, protocol: 'TLSv1.3', durationMs: Number, record: { tx: 'user' } },
  ]);
  t.match(of('handshake:failed'), [{ error: { code: 'ERR_KTLS_NOT_TLS' }, address: /^127\.0\.0\.1:\d+$/ }]);
  t.match(of('connection:closed'), [{ bytesRead: sent, bytesWritten: received }]);
  t.match(of('response:first4xx'), [{ request: { url: '/missing' }, response: { statusCode: 404 } }]);
  t.equal(heard.length, 4);
});

const dashboards = join(__dirname, '../../examples/grafana');

t.test('Prometheus is told the same, and the dashboard asks for nothing else', async (t) => {
  const register = new Registry();
  registerMetrics(register);
  const { server, port } = await start(t);
  await curl(port, ['/', '/missing']);
  await plainHttp(port);
  await allClosed(server, 1);
  const text = await register.metrics();
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    );
  const now = metrics();
  t.equal(value('ktls_https_handshakes_total{type="full"}'), now.handshakes.full);
  t.equal(value('ktls_https_handshakes_total{type="resumed"}'), now.handshakes.resumed);
  t.equal(value('ktls_https_handshake_failures_total{code="ERR_KTLS_NOT_TLS"}'), now.handshakes.failed);
  t.equal(value('ktls_https_record_layers_total{direction="tx",placement="user"}'), now.record.tx.user);
  t.equal(value('ktls_https_bytes_total{direction="written"}'), now.bytes.written);
  t.equal(value('ktls_https_requests_total'), now.requests);
  t.equal(value('ktls_https_responses_total{status="4xx"}'), now.responses['4xx']);
  t.equal(value('ktls_https_open_connections'), now.connections.open);
  t.equal(value('ktls_https_handshake_duration_seconds_count'), 1, 'from registerMetrics() on');
  t.ok(now.requests > 2 && now.bytes.written > 2 * BODY.length);
  t.equal(await register.metrics(), text, 'asking changes nothing');

  const names = new Set([...text.matchAll(/^(ktls_https_\w+)[{ ]/gm)].map(([, name]) => name));
  for (const file of readdirSync(dashboards)) {
    const queries = [
      ...readFileSync(join(dashboards, file), 'utf8').matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g),
    ];
    const asked = queries.flatMap(
      ([, query]) => (JSON.parse(query as string) as string).match(/ktls_https_\w+/g) ?? [],
    );
    t.ok(asked.length > 8, `${file} asks`);
    t.same(
      asked.filter((name) => !names.has(name)),
      [],
      `${file} asks for what is there`,
    );
  }
});

t.test('without prom-client, registerMetrics() says so', async (t) => {
  const internals = Module as unknown as { _resolveFilename(name: string, ...rest: unknown[]): string };
  const resolve = internals._resolveFilename;
  t.teardown(() => Object.assign(internals, { _resolveFilename: resolve }));
  internals._resolveFilename = (name, ...rest) => {
    if (name === 'prom-client') throw new Error('Cannot find module');
    return resolve(name, ...rest);
  };
  t.throws(() => registerMetrics(), { code: 'ERR_KTLS_UNSUPPORTED', message: /npm install prom-client/ });
});
