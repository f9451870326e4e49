// Takes a TCP connection out of Node's hands: the one place that looks into a net.Socket.
import type { Socket } from 'node:net';

import { KtlsError } from '../errors';
import { native } from '../native';

/** One beyond what an int holds would be made another, perhaps a stranger's. */
export function isDescriptor(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

/**
 * A descriptor of its own for the socket's connection; `socket` stays as it is.
 *
 * @throws ERR_KTLS_UNSUPPORTED where the socket has none; EMFILE.
 */
export function duplicate(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
  if (handle?.fd === undefined || handle.fd < 0) {
    throw new KtlsError(
      'ERR_KTLS_UNSUPPORTED',
      'the socket has no descriptor: it is closed, or no TCP socket',
    );
  }
  return native().duplicateDescriptor(handle.fd);
}

/**
 * Takes over an accepted connection whose server has `pauseOnConnect: true`, so that nothing has been
 * read from it. The socket is destroyed; the connection lives on with the descriptor.
 */
export function takeDescriptor(socket: Socket): number {
  try {
    return duplicate(socket);
  } finally {
    socket.destroy();
  }
}
