// What a server counts: integers that events move, and one histogram. Nothing is computed before it is asked for.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

import type { HttpsMetrics } from '../../types/https';
import type { KtlsSocket } from '../socket/ktls-socket';

/** The histogram's highest value, in microseconds: longer handshakes count as this long. */
const LONGEST_US = 600_000_000;
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export class Tally {
  readonly #durationUs: RecordableHistogram = createHistogram({ lowest: 1, highest: LONGEST_US, figures: 3 });
  readonly #open = new Set<KtlsSocket>();
  /** Those whose first response is still to come. */
  readonly #fresh = new WeakSet<object>();
  #connections = 0;
  #resumed = 0;
  #failed = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  #requests = 0;
  #first4xx = 0;
  readonly #responses = [0, 0, 0, 0, 0];
  readonly #failures: Record<string, number> = {};
  readonly #protocols: Record<string, number> = {};
  readonly #ciphers: Record<string, number> = {};
  readonly #tx = { kernel: 0, user: 0, none: 0 };
  readonly #rx = { kernel: 0, user: 0, none: 0 };
  readonly #reasons: Record<string, number> = {};

  opened(socket: KtlsSocket, durationMs: number): void {
    const { cipher, tx, rx, reason } = socket.record;
    this.#connections++;
    if (socket.isSessionReused()) this.#resumed++;
    this.#durationUs.record(Math.min(Math.max(1, Math.round(durationMs * 1000)), LONGEST_US));
    this.#tx[tx]++;
    this.#rx[rx]++;
    increment(this.#reasons, reason);
    increment(this.#ciphers, cipher);
    increment(this.#protocols, socket.getProtocol() ?? 'unknown');
    this.#open.add(socket);
    this.#fresh.add(socket);
  }

  closed(socket: KtlsSocket): void {
    if (!this.#open.delete(socket)) return;
    this.#bytesRead += socket.bytesRead;
    this.#bytesWritten += socket.bytesWritten;
  }

  /** A handshake that led to no connection. */
  failed(code: string): void {
    this.#failed++;
    increment(this.#failures, code);
  }

  requested(): void {
    this.#requests++;
  }

  /** Whether it was the first response of its connection, and an error of the client. */
  responded(connection: object, status: number): boolean {
    const statusClass = Math.floor(status / 100);
    this.#responses[statusClass - 1] = (this.#responses[statusClass - 1] ?? 0) + 1;
    if (!this.#fresh.delete(connection) || statusClass !== 4) return false;
    this.#first4xx++;
    return true;
  }

  read(): HttpsMetrics {
    let [read, written] = [this.#bytesRead, this.#bytesWritten];
    for (const socket of this.#open) {
      read += socket.bytesRead;
      written += socket.bytesWritten;
    }
    return {
      connections: { open: this.#open.size, total: this.#connections },
      handshakes: {
        full: this.#connections - this.#resumed,
        resumed: this.#resumed,
        failed: this.#failed,
        failures: { ...this.#failures },
        durationMs: this.#durations(),
      },
      protocols: { ...this.#protocols },
      ciphers: { ...this.#ciphers },
      record: { tx: { ...this.#tx }, rx: { ...this.#rx }, reasons: { ...this.#reasons } },
      bytes: { read, written },
      requests: this.#requests,
      responses: Object.fromEntries(
        STATUS_CLASSES.map((name, index) => [name, this.#responses[index]]),
      ) as HttpsMetrics['responses'],
      firstResponse4xx: this.#first4xx,
    };
  }

  #durations(): HttpsMetrics['handshakes']['durationMs'] {
    const histogram = this.#durationUs;
    if (histogram.count === 0) return { mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    const at = (percentile: number) => histogram.percentile(percentile) / 1000;
    return {
      mean: histogram.mean / 1000,
      p50: at(50),
      p95: at(95),
      p99: at(99),
      max: histogram.max / 1000,
    };
  }
}

function increment(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
