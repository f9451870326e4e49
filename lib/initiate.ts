// The end that dials: the first connection, HELLO, the transfer, and the further connections.
import type { InitiatorOptions, TransferResult } from '../types/index';
import type { Target } from './address';
import { ConnectionPool } from './connection-pool';
import { sayHello } from './hello';
import { Dialer, type Link } from './link';
import type { Hello, HelloOk, NativeTransfer } from './native';
import { CONNECTIONS_LIMIT, defaultConnections, type ResolvedTimeouts, resolveTimeouts } from './options';
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
  let first: Link;
  let wanted: number;
  let granted: HelloOk;
  try {
    first = await dialer.dial(context.signal);
    wanted = options.connections ?? defaultConnections(first.connection.far);
    const hello: Hello = {
      kind,
      path: target.below,
      connections: wanted,
      verify: options.verify ?? true,
      ownership: options.ownership ?? false,
      continueOnError: options.onError === 'continue',
    };
    granted = await sayHello(first.connection, hello, timeouts, context.signal).catch((error) => {
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
  const most = Math.min(wanted, granted.connections, CONNECTIONS_LIMIT);
  if (options.connections === undefined) pool.growTo(most, first.connection.far);
  else pool.add(most - 1);
  try {
    return publicResult(await running, startedAt, first);
  } catch (error) {
    throw pool.failure ?? error;
  } finally {
    await pool.close();
  }
}
