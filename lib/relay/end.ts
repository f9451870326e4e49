// What a relay is given, turned into descriptors that the core owns.
import { Socket } from 'node:net';

import { KtlsError } from '../errors';
import { duplicate } from '../handshake/descriptor';
import type { NativeRelayEnd } from '../native';

/** A connected socket, or the descriptor of one. Whatever it is, it belongs to the relay from then on. */
export type RelaySocket = Socket | number;

/** @throws ERR_KTLS_INVALID_OPTION */
export function checkSocket(socket: unknown, name: string): asserts socket is RelaySocket {
  if (typeof socket === 'number' && Number.isInteger(socket) && socket >= 0) return;
  if (!(socket instanceof Socket)) throw invalid(name, 'must be a net.Socket or a descriptor');
  if ('encrypted' in socket && socket.encrypted) {
    throw invalid(name, 'is a TLSSocket, whose keys are inside Node: let createProxy do the TLS');
  }
  if (socket.destroyed) throw invalid(name, 'is destroyed');
  if (socket.writableEnded) throw invalid(name, 'has been ended: nothing can be sent on it any more');
  if (socket.readableEncoding !== null) throw invalid(name, 'has an encoding: its bytes are lost');
}

/**
 * The connection of a socket, without Node: what was written is with the kernel, what Node had read is
 * in `initial`. The Node socket is destroyed (its `close` event fires); the connection lives on.
 */
export async function takeEnd(socket: RelaySocket): Promise<NativeRelayEnd> {
  if (typeof socket === 'number') return { fd: socket, initial: Buffer.alloc(0) };
  // It is read here once more, and nobody else is to see that.
  socket.removeAllListeners('data');
  socket.removeAllListeners('readable');
  socket.pause();
  if (socket.connecting || socket.writableLength > 0) await flushed(socket);
  // From here to its end without a turn of the event loop: Node must not read in between.
  const chunks: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  try {
    return { fd: duplicate(socket), initial: Buffer.concat(chunks) };
  } finally {
    socket.destroy();
  }
}

/** Resolves when everything written is with the kernel. */
function flushed(socket: Socket): Promise<void> {
  while (socket.writableCorked > 0) socket.uncork();
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) => reject(error ?? new KtlsError('ECONNRESET', 'the socket was closed'));
    socket.once('error', fail);
    socket.once('close', fail);
    socket.write('', (error) => {
      socket.off('error', fail);
      socket.off('close', fail);
      if (error) reject(error);
      else resolve();
    });
  });
}

function invalid(name: string, message: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', `socket '${name}' ${message}`);
}
