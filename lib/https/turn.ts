// The turn of a response: a connection that pipelines has one response after another. A file that is opened before
// would hold a descriptor for as long as the client takes its time.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

const waiting = new WeakMap<Duplex, Set<() => void>>();

/** Whether no other response comes first, as is the rule. Those of HTTP/2 go side by side. */
export function hasTurn(res: ServerResponse): boolean {
  return !(res instanceof ServerResponse) || res.socket !== null;
}

/**
 * Waits for the turn of a response that does not have it. `signal` destroys response and connection meanwhile.
 *
 * @returns false where it never comes, as the connection has gone.
 */
export async function turn(
  req: IncomingMessage,
  res: ServerResponse,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { socket } = req;
  const abort = () => {
    res.destroy();
    // By itself the response does it only when its turn has come.
    socket.destroy();
  };
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  let forget: (() => void) | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      res.once('socket', () => resolve(true));
      forget = onConnectionEnd(socket, () => resolve(false));
    });
  } finally {
    forget?.();
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * Calls back when the connection is closed, at once where it is already: Node tells it only to the response whose
 * turn it is.
 *
 * @returns Ends the wait.
 */
function onConnectionEnd(socket: Duplex, callback: () => void): () => void {
  if (socket.destroyed) {
    callback();
    return () => {};
  }
  const callbacks = waiting.get(socket) ?? listen(socket);
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

/** By one listener, however many responses wait: Node warns of more than ten. */
function listen(socket: Duplex): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(socket, callbacks);
  socket.once('close', () => {
    for (const callback of callbacks) callback();
  });
  return callbacks;
}
