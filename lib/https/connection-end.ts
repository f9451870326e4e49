// When the connection of a response goes. Of the responses that a connection pipelines, Node tells it only to the
// one whose turn it is.
import type { Duplex } from 'node:stream';

const waiting = new WeakMap<Duplex, Set<() => void>>();

/**
 * Calls back when the connection is closed, at once where it is already.
 *
 * @returns Ends the wait.
 */
export function onConnectionEnd(socket: Duplex, callback: () => void): () => void {
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
