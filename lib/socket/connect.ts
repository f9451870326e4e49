// The end that dials.
import type { ConnectOptions } from '../../types/index';
import { formatAddress } from '../address';
import { connectTls, dialSocket } from '../handshake/connect';
import { authorization, socketClientContext } from './context';
import { KtlsSocket } from './ktls-socket';
import { checkCommon, invalid } from './options';

/** Of net.connect(). What becomes of the connection after the hand-over is the KtlsSocket's concern. */
const TCP_OPTIONS = [
  'family',
  'hints',
  'lookup',
  'localAddress',
  'localPort',
  'autoSelectFamily',
  'autoSelectFamilyAttemptTimeout',
] as const;

function tcpOptions(options: Record<string, unknown>): Record<string, unknown> {
  const given = TCP_OPTIONS.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}

export async function connect(options: ConnectOptions): Promise<KtlsSocket> {
  checkCommon(options);
  const { host = 'localhost', port = 0, path, servername, signal } = options as ConnectOptions;
  if (path === undefined && (!Number.isInteger(port) || port < 1 || port > 65_535)) {
    throw invalid('port', 'must be an integer from 1 to 65535');
  }
  const context = await socketClientContext(options);
  const address = path ?? formatAddress(host, port);
  const { connectTimeout, handshakeTimeout } = options as ConnectOptions;
  const tcp = tcpOptions(options);
  const fd = await dialSocket(host, port, { signal, timeoutMs: connectTimeout, tcp, path });
  const established = await connectTls(fd, context, {
    signal,
    host: servername || host,
    timeoutMs: handshakeTimeout,
    address,
  });
  const { tls, feedTicket } = established;
  const { authentication } = context;
  const judged = authorization(authentication === 'secret' ? undefined : tls.authorizationError);
  const socket = new KtlsSocket(
    established,
    { tls, authentication, feedTicket, ...judged },
    options as ConnectOptions,
  );
  if (options.timeout !== undefined) socket.setTimeout(options.timeout as number);
  // When whoever awaits this has had the chance to listen.
  setImmediate(() => {
    if (socket.destroyed) return;
    socket.emit('connect');
    socket.emit('ready');
    socket.emit('secureConnect');
    // In TLS 1.2 the ticket came with the handshake, before there was a socket to tell of it.
    const early = established.version === 'TLSv1.2' && !tls.isSessionReused() ? tls.getSession() : undefined;
    if (early !== undefined) socket.emit('session', early);
  });
  return socket;
}
