// The connections of a running transfer but its first, at the end that dials.
import { sayHello } from './hello';
import type { Dialer } from './link';
import type { NativeTransfer } from './native';
import type { ResolvedTimeouts } from './options';
import { sharedAbortController } from './shared-abort';

/** Work for one connection more: opening it costs the two ends about as much processor time as this. */
const FILES_WORTH_ONE = 100;
const BYTES_WORTH_ONE = 4 << 20;
/** A connection that is far waits for its window; that is what a further one is for. */
const BYTES_WORTH_ONE_FAR = 1 << 20;
/** Between two looks, in milliseconds: at first, and at most. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 64;

/** Dials what a running transfer needs beyond its first connection. */
export class ConnectionPool {
  /** What made the transfer impossible, where that was seen here first. */
  failure: unknown;

  readonly #transfer: NativeTransfer;
  readonly #token: Buffer;
  readonly #dialer: Dialer;
  readonly #timeouts: ResolvedTimeouts;
  readonly #closing = sharedAbortController();
  readonly #pending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(transfer: NativeTransfer, token: Buffer, dialer: Dialer, timeouts: ResolvedTimeouts) {
    this.#transfer = transfer;
    this.#token = token;
    this.#dialer = dialer;
    this.#timeouts = timeouts;
  }

  /** So many more, for speed: where one fails, the transfer goes on with what there is. */
  add(count: number): void {
    for (; count > 0; count--) this.#track(this.#join().catch(() => {}));
  }

  /**
   * As many as there is work for, `most` with the first one: what the sender has found, or the receiver got, so far.
   *
   * @param far - See NativeConnection.
   */
  growTo(most: number, far: boolean): void {
    const bytesWorthOne = far ? BYTES_WORTH_ONE_FAR : BYTES_WORTH_ONE;
    let open = 1;
    const look = (afterMs: number) => {
      const { files, bytes, filesTotal, bytesTotal, totalsFinal } = this.#transfer.progress();
      const work =
        Math.max(files, filesTotal) / FILES_WORTH_ONE + Math.max(bytes, bytesTotal) / bytesWorthOne;
      const wanted = Math.min(most, 1 + Math.floor(work));
      if (wanted > open) this.add(wanted - open);
      open = Math.max(open, wanted);
      if (open === most || totalsFinal) return;
      this.#timer = setTimeout(look, afterMs, Math.min(2 * afterMs, LAST_LOOK_MS));
    };
    look(FIRST_LOOK_MS);
  }

  /** One for a connection whose key is spent: without it the transfer cannot end. */
  replace(): void {
    const failed = (error: unknown) => {
      if (this.#closing.signal.aborted) return;
      this.failure ??= error;
      this.#transfer.cancel();
    };
    this.#track(this.#join().catch(failed));
  }

  /** Gives up what is still being dialled. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    await Promise.all(this.#pending);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  async #join(): Promise<void> {
    const { signal } = this.#closing;
    this.#transfer.expectConnection();
    try {
      const { connection } = await this.#dialer.dial(signal);
      await sayHello(connection, { kind: 'join', token: this.#token }, this.#timeouts, signal);
      this.#transfer.addConnection(connection);
    } catch (error) {
      this.#transfer.callOffConnection();
      throw error;
    }
  }
}
