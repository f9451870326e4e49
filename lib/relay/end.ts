// What a relay is given, turned into ends that the core owns.
import { Socket } from 'node:net';

import type { KtlsSocket as PublicKtlsSocket } from '../../types/index';
import { KtlsError } from '../errors';
import { duplicate, isDescriptor } from '../handshake/descriptor';
import { type NativeRelayEnd, native } from '../native';
import { handOver, KtlsSocket } from '../socket/ktls-socket';
import { invalid } from './options';

/** A connection, or the descriptor of one. Whatever it is, it belongs to the relay from then on. */
export type RelaySocket = Socket | PublicKtlsSocket | number;

/** @throws ERR_KTLS_INVALID_OPTION */
export function checkSocket(socket: unknown, name: string): asserts socket is RelaySocket {
  if (isDescriptor(socket)) return;
  if (!(socket instanceof Socket) && !(socket instanceof KtlsSocket)) {
    throw invalid(name, 'must be a net.Socket, a KtlsSocket or a descriptor');
  }
  if (socket instanceof Socket && 'encrypted' in socket && socket.encrypted) {
    throw invalid(name, 'is a TLSSocket, whose keys are inside Node: use a KtlsSocket, or createProxy');
  }
  if (socket.destroyed) throw invalid(name, 'is destroyed');
  if (socket.writableEnded) throw invalid(name, 'has been ended: nothing can be sent on it any more');
  if (socket.readableEncoding !== null) throw invalid(name, 'has an encoding: its bytes are lost');
}

/**
 * The connections of two sockets, without Node: what was written is with the kernel, what Node had read is in
 * `initial`. The sockets are destroyed (their `close` events fire); the connections live on. Neither stays behind
 * when the other cannot be taken.
 *
 * @param abort - Ends the wait for what was written.
 */
export async function takeEnds(
  a: RelaySocket,
  b: RelaySocket,
  abort: AbortSignal,
): Promise<[NativeRelayEnd, NativeRelayEnd]> {
  const ends: NativeRelayEnd[] = [];
  const left = [a, b];
  try {
    await Promise.all([a, b].map((socket) => prepare(socket, abort)));
    for (const socket of [a, b]) {
      ends.push(take(socket));
      left.shift();
    }
    return ends as [NativeRelayEnd, NativeRelayEnd];
  } catch (error) {
    for (const end of ends) resetEnd(end);
    for (const socket of left) resetSocket(socket);
    throw error;
  }
}

/** Of a relay that does not come about: its peer is told by a reset, which nobody takes for an end. */
export function resetEnd(end: NativeRelayEnd): void {
  if ('socket' in end) end.socket.close(true);
  else native().resetDescriptor(end.fd);
}

function resetSocket(socket: RelaySocket): void {
  if (typeof socket === 'number') native().resetDescriptor(socket);
  // Not connected, or no TCP socket: it knows no reset.
  else if (socket.remoteFamily === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Resolves when everything written is with the kernel, and nobody but the relay will read. */
async function prepare(socket: RelaySocket, abort: AbortSignal): Promise<void> {
  if (typeof socket === 'number') return;
  socket.removeAllListeners('data');
  socket.removeAllListeners('readable');
  socket.pause();
  // Its end of stream, met before it is taken, would end the other direction.
  socket.allowHalfOpen = true;
  // What befalls it now is the relay's to tell.
  socket.on('error', () => {});
  // A file that a KtlsSocket sends counts as nothing in its queue.
  const quiet = socket instanceof Socket && !socket.connecting && socket.writableLength === 0;
  if (!quiet) await flushed(socket, abort);
}

function flushed(socket: Socket | PublicKtlsSocket, abort: AbortSignal): Promise<void> {
  while (socket.writableCorked > 0) socket.uncork();
  return new Promise((resolve) => {
    const done = () => {
      socket.off('close', done);
      abort.removeEventListener('abort', done);
      resolve();
    };
    socket.on('close', done);
    abort.addEventListener('abort', done);
    // An error destroys the socket, which take() sees.
    socket.write('', done);
  });
}

/** Without a turn of the event loop: Node must not read in between. The socket stays when this throws. */
function take(socket: RelaySocket): NativeRelayEnd {
  if (typeof socket === 'number') return { fd: socket, initial: Buffer.alloc(0) };
  if (socket.destroyed) throw socket.errored ?? new KtlsError('ECONNRESET', 'the socket was closed');
  const chunks: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  const initial = Buffer.concat(chunks);
  const end =
    socket instanceof KtlsSocket
      ? { socket: handOver(socket), initial }
      : { fd: duplicate(socket as Socket), initial };
  socket.destroy();
  return end;
}
