// The end that dials: the first connection, HELLO, the transfer, and the further connections.
import type { InitiatorOptions, TransferResult } from '../types/index';
import type { Target } from './address';
import { Dialer, type Link } from './link';
import type { Hello, HelloOk, NativeConnection, NativeTransfer } from './native';
import { CONNECTIONS_LIMIT, defaultConnections, type ResolvedTimeouts, resolveTimeouts } from './options';
import { sharedAbortController } from './shared-abort';
import type { TransferContext } from './transfer-handle';
import { publicProgress, publicResult } from './transfer-result';

export interface Initiation {
  kind: 'push' | 'pull';
  target: Target;
  options: InitiatorOptions;
  /** This end of the transfer; it starts when the other end has agreed. */
  createTransfer(timeouts: ResolvedTimeouts): NativeTransfer;
}

/** Settles when nothing of the transfer is left running. */
export async function initiate(initiation: Initiation, context: TransferContext): Promise<TransferResult> {
  const { kind, target, options } = initiation;
  const startedAt = performance.now();
  const timeouts = resolveTimeouts(options.timeouts);
  const transfer = initiation.createTransfer(timeouts);
  const dialer = new Dialer(target, options, timeouts);
  const hello: Omit<Hello, 'connections'> = {
    kind,
    path: target.below,
    verify: options.verify ?? true,
    ownership: options.ownership ?? false,
    continueOnError: options.onError === 'continue',
  };
  let first: Link;
  let wanted: number;
  let granted: HelloOk;
  try {
    first = await dialer.dial(context.signal);
    wanted = options.connections ?? defaultConnections(first.connection.far);
    const offer = { ...hello, connections: wanted };
    granted = await sayHello(first.connection, offer, timeouts, context.signal).catch((error) => {
      throw dialer.explain(error);
    });
  } catch (error) {
    transfer.cancel();
    throw error;
  }

  const pool = new ConnectionPool(transfer, granted.token, dialer, timeouts);
  const running = transfer.run(first.connection, () => pool.replace());
  if (context.signal.aborted) transfer.cancel();
  else context.signal.addEventListener('abort', () => transfer.cancel(), { once: true });
  context.running(() => publicProgress(transfer.progress()));
  for (let index = 1; index < Math.min(wanted, granted.connections, CONNECTIONS_LIMIT); index++) pool.add();
  try {
    return publicResult(await running, startedAt, first);
  } catch (error) {
    throw pool.failure ?? error;
  } finally {
    await pool.close();
  }
}

/** HELLO and its answer; an abort closes the connection under it. */
async function sayHello(
  connection: NativeConnection,
  hello: Hello,
  timeouts: ResolvedTimeouts,
  signal: AbortSignal,
) {
  const close = () => connection.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    signal.throwIfAborted();
    const answer = await connection.hello(hello, timeouts.handshake);
    // The answer may have come at the moment of the abort, which has closed the connection.
    signal.throwIfAborted();
    return answer;
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/** Dials what a running transfer needs beyond its first connection. */
class ConnectionPool {
  /** What made the transfer impossible, where that was seen here first. */
  failure: unknown;

  readonly #transfer: NativeTransfer;
  readonly #token: Buffer;
  readonly #dialer: Dialer;
  readonly #timeouts: ResolvedTimeouts;
  readonly #closing = sharedAbortController();
  readonly #pending = new Set<Promise<void>>();

  constructor(transfer: NativeTransfer, token: Buffer, dialer: Dialer, timeouts: ResolvedTimeouts) {
    this.#transfer = transfer;
    this.#token = token;
    this.#dialer = dialer;
    this.#timeouts = timeouts;
  }

  /** One more, for speed: where it fails, the transfer goes on with what there is. */
  add(): void {
    this.#track(this.#join().catch(() => {}));
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
    this.#closing.abort();
    await Promise.all(this.#pending);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  async #join(): Promise<void> {
    const { signal } = this.#closing;
    const { connection } = await this.#dialer.dial(signal);
    await sayHello(connection, { kind: 'join', token: this.#token }, this.#timeouts, signal);
    if (signal.aborted) connection.close();
    else this.#transfer.addConnection(connection);
  }
}
