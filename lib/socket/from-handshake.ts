// A server's end of a connection whose handshake is done, as a socket.
import type { SocketOptions } from '../../types/index';
import type { Authentication } from '../handshake/failure';
import type { Established } from '../handshake/handshake';
import { authorization } from './context';
import { KtlsSocket } from './ktls-socket';

/**
 * The descriptor becomes the socket's, also when this throws.
 *
 * @param requestCert - Whether the client was asked for a certificate.
 * @throws ERR_KTLS_KERNEL_REQUIRED, ERR_KTLS_UNSUPPORTED
 */
export function serverSocket(
  established: Established,
  authentication: Authentication,
  requestCert: boolean,
  options: SocketOptions,
): KtlsSocket {
  const { tls } = established;
  const judged =
    authentication === 'secret'
      ? authorization(undefined)
      : requestCert
        ? authorization(tls.verifyError())
        : { authorized: false, authorizationError: undefined };
  try {
    return new KtlsSocket(established, { tls, authentication, ...judged }, options);
  } catch (error) {
    tls.destroy();
    throw error;
  }
}
