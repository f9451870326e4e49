// The end that dials: a TCP connection, and the client's side of the handshake.
import { connect as connectSocket, isIP, type Socket, type TcpSocketConnectOpts } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type SecureContext } from 'node:tls';

import { escapeText, KtlsError } from '../errors';
import { duplicate } from './descriptor';
import { type Authentication, aborted, type Refusal } from './failure';
import { type Established, type HandshakeBounds, handshake } from './handshake';
import type { PreSharedKey } from './native';
import { tlsContext } from './tls-context';
import type { TlsSession } from './tls-session';

export const CONNECT_TIMEOUT_MS = 10_000;

/** What a client brings to its handshakes: made once, for any number of connections. */
export interface ClientContext {
  authentication: Authentication;
  options: {
    /** Making one costs more than a handshake. */
    secureContext: SecureContext;
    ALPNProtocols?: ConnectionOptions['ALPNProtocols'];
    psk?: PreSharedKey;
  };
  /** To be resumed, where the server will. */
  session?: Buffer;
  /** Whether the certificate is for the host; tls.checkServerIdentity() by default. */
  checkServerIdentity?: ConnectionOptions['checkServerIdentity'];
  /** Judges the server, by `tls.authorizationError` among others. */
  verify(tls: TlsSession, host: string): Refusal | undefined;
}

export interface ConnectBounds extends HandshakeBounds {
  /** The name, or IP address, that the server's certificate must bear. */
  host: string;
}

/** Ownership of `fd` moves here: it is in what the promise resolves with, or closed. */
export function connectTls(fd: number, context: ClientContext, bounds: ConnectBounds): Promise<Established> {
  const { host } = bounds;
  const { secureContext, ALPNProtocols, psk } = context.options;
  return handshake(
    fd,
    {
      role: 'client',
      authentication: context.authentication,
      begin: () => ({
        context: tlsContext(secureContext),
        server: false,
        servername: isIP(host) === 0 ? host : undefined,
        alpnProtocols: ALPNProtocols && protocolNameList(ALPNProtocols),
        session: context.session,
        psk,
      }),
      verify: (tls) => {
        tls.authorizationError = tls.verifyError() ?? identityError(tls, host, context.checkServerIdentity);
        return context.verify(tls, host);
      },
    },
    bounds,
  );
}

/**
 * As it travels (RFC 7301, 3.1).
 *
 * @throws ERR_KTLS_INVALID_OPTION
 */
function protocolNameList(protocols: NonNullable<ConnectionOptions['ALPNProtocols']>): Buffer {
  const list = ArrayBuffer.isView(protocols)
    ? Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength)
    : Buffer.concat(
        protocols.flatMap((name: string | Uint8Array) => {
          const bytes = Buffer.from(name as string);
          return [Buffer.of(bytes.length > 255 ? 0 : bytes.length), bytes];
        }),
      );
  let at = 0;
  while (at < list.length && list[at] !== 0) at += 1 + (list[at] as number);
  if (at === list.length) return list;
  throw new KtlsError(
    'ERR_KTLS_INVALID_OPTION',
    "option 'ALPNProtocols' must be names of 1 to 255 bytes each",
  );
}

/** A session that is resumed was authenticated when it began. */
function identityError(
  tls: TlsSession,
  host: string,
  check: ConnectionOptions['checkServerIdentity'] = checkServerIdentity,
): string | undefined {
  if (tls.isSessionReused()) return undefined;
  const error: NodeJS.ErrnoException | undefined = check(host, tls.getPeerCertificate(true));
  return error && (error.code ?? error.message);
}

export interface DialOptions {
  /** Aborts with AbortError. */
  signal?: AbortSignal | undefined;
  /** For name look-up and connection, over all addresses of the host; 10,000 by default. */
  timeoutMs?: number | undefined;
  /** As net.connect() has them: family, localAddress, lookup and so on. */
  tcp?: Omit<TcpSocketConnectOpts, 'host' | 'port'>;
  /** Of a UNIX socket, in place of host and port. */
  path?: string | undefined;
}

/**
 * A connected socket's descriptor, from which nothing has been read. All addresses of the host are
 * tried, as net.connect() does.
 *
 * @throws ERR_KTLS_CONNECT_TIMEOUT; ERR_KTLS_INVALID_OPTION for what net.connect() does not take; or with the errno
 *   name: ECONNREFUSED, ENOTFOUND, …
 */
export function dialSocket(host: string, port: number, options: DialOptions = {}): Promise<number> {
  const { signal, timeoutMs = CONNECT_TIMEOUT_MS, tcp = {}, path } = options;
  const address = path ?? (isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(aborted(signal));
      return;
    }
    let socket: Socket;
    try {
      socket = path === undefined ? connectSocket({ ...tcp, host, port }) : connectSocket({ path });
    } catch (cause) {
      reject(new KtlsError('ERR_KTLS_INVALID_OPTION', escapeText((cause as Error).message), { cause }));
      return;
    }
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    const onAbort = () => fail(aborted(signal as AbortSignal));
    const timer = setTimeout(() => fail(connectTimeout(address, timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', onAbort);
    socket.once('connect', () => {
      try {
        // Now, before Node begins to read.
        resolve(duplicate(socket));
        settle();
      } catch (error) {
        fail(error as Error);
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => fail(connectFailure(error, address)));
  });
}

function connectTimeout(address: string, timeoutMs: number): KtlsError {
  return new KtlsError(
    'ERR_KTLS_CONNECT_TIMEOUT',
    `${address}: no connection within ${timeoutMs} ms: is the host up, and does a firewall let the port through?`,
    { address },
  );
}

function connectFailure(error: NodeJS.ErrnoException, address: string): Error {
  // Where every address failed, there is an AggregateError; the first address is the one preferred.
  const first: NodeJS.ErrnoException = error instanceof AggregateError ? error.errors[0] : error;
  const code = error.code ?? first.code ?? 'ERR_KTLS_SYSTEM';
  if (code === 'ETIMEDOUT' && first.errno === undefined) {
    return new KtlsError('ERR_KTLS_CONNECT_TIMEOUT', `${address}: no address of the host answered in time`, {
      address,
      cause: error,
    });
  }
  const advice: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there: is the receiver running, and is that its port?',
    ENOTFOUND: 'no such host: is the name right?',
    EAI_AGAIN: 'the name could not be looked up: is the name service reachable?',
  };
  const text = advice[code] ?? first.message;
  return new KtlsError(code, `${address}: ${code}: ${text}`, {
    address,
    cause: error,
    syscall: first.syscall ?? 'connect',
    ...(first.errno === undefined ? {} : { errno: Math.abs(first.errno) }),
  });
}
