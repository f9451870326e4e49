// node:https's server, whose connections are KtlsSockets. Everything of HTTP is Node's own: what is
// replaced is the listener that makes a tls.TLSSocket out of each TCP connection.
import type { RequestListener } from 'node:http';
import { Server } from 'node:https';
import type { Socket as TcpSocket } from 'node:net';
import type { SecureContext, SecureContextOptions } from 'node:tls';

import type { HttpsServerOptions } from '../../types/https';
import { peerAddress } from '../address';
import { acceptTls, type ServerContext, type ServerHandshakeOptions } from '../handshake/accept';
import { takeDescriptor } from '../handshake/descriptor';
import { sharedAbortController } from '../shared-abort';
import { refusalOfClient, SESSION_ID_CONTEXT, withKnownCiphers } from '../socket/context';
import { serverSocket } from '../socket/from-handshake';
import type { KtlsSocket } from '../socket/ktls-socket';
import { checkCommon } from '../socket/options';
import { TicketKeyFeed } from '../socket/ticket-key-source';
import type { SniCallback } from '../socket/ticket-keys';
import { ServerObserver } from './metrics';

/** As tls.createServer() has it, also where it is told 0. */
const HANDSHAKE_TIMEOUT_MS = 120_000;

/** Node's own secure context, inside the public one. */
interface Certified {
  getCertificate(): Buffer;
  getIssuer(): Buffer;
}

/** What Node's servers keep for themselves, and this one has to know. */
interface Internals {
  /** The secure context that setSecureContext() and setTicketKeys() change. */
  _sharedCreds: SecureContext;
  /** Those of addContext(), by what the server name must match. */
  _contexts: [RegExp, SecureContext][];
  requestCert: boolean;
  rejectUnauthorized: boolean;
  /** As ALPN sends them; where there is no ALPNCallback. */
  ALPNProtocols: Buffer;
  /** Connections for close(), getConnections() and maxConnections. */
  _connections: number;
  _emitCloseIfDrained(): void;
}

export class HttpsServer extends Server {
  readonly #options: Omit<HttpsServerOptions, 'ticketKeys'>;
  readonly #observer = new ServerObserver(this);
  readonly #ticketKeys: TicketKeyFeed;
  #ticketKeysReady: Promise<unknown> = Promise.resolve();
  /** They stay in memory until they are closed. */
  readonly #sockets = new Set<KtlsSocket>();
  /** Ends the handshakes that are not done. */
  #aborting = sharedAbortController();

  /** @throws ERR_KTLS_INVALID_OPTION, and what https.createServer() throws */
  constructor(options: HttpsServerOptions, listener?: RequestListener) {
    checkCommon(options);
    const { ticketKeys, ticketKeysInterval: interval, ...others } = options as HttpsServerOptions;
    // Nothing may read from a connection before its descriptor is taken.
    super({ ...others, pauseOnConnect: true }, listener);
    this.#options = others;
    const onError = (error: Error) => this.emit('ticketKeysError', error);
    this.#ticketKeys = new TicketKeyFeed({ source: ticketKeys, interval, onError });
    this.on('listening', () => this.#startTicketKeys());
    this.removeAllListeners('connection');
    this.on('connection', (tcp: TcpSocket) => this.#onConnection(tcp));
  }

  get #internals(): Internals {
    return this as unknown as Internals;
  }

  /** Called by the constructor of tls.Server, too. */
  override setSecureContext({ ticketKeys, ...options }: SecureContextOptions): void {
    if (ticketKeys !== undefined) this.setTicketKeys(ticketKeys);
    super.setSecureContext({
      // What one process resumes is resumed by another of the same ticketKeys.
      sessionIdContext: SESSION_ID_CONTEXT,
      ...withKnownCiphers(options),
    });
  }

  override getTicketKeys(): Buffer<ArrayBuffer> {
    return this.#ticketKeys.ring.bytes;
  }

  override setTicketKeys(keys: Buffer): void {
    this.#ticketKeys.replace(keys);
  }

  #startTicketKeys(): void {
    this.#ticketKeysReady = this.#ticketKeys.start();
    this.#ticketKeysReady.catch((error) => {
      this.close();
      this.emit('error', error);
    });
  }

  override close(callback?: (error?: Error) => void): this {
    this.#ticketKeys.stop();
    return super.close(callback);
  }

  override closeAllConnections(): void {
    super.closeAllConnections();
    this.#aborting.abort();
    this.#aborting = sharedAbortController();
  }

  async #onConnection(tcp: TcpSocket): Promise<void> {
    // Node counts its net.Socket, which ends here: what counts is the connection.
    Object.assign(tcp, { _server: null });
    let socket: KtlsSocket;
    const { signal } = this.#aborting;
    const address = peerAddress(tcp);
    try {
      const established = await acceptTls(takeDescriptor(tcp), this.#context(), {
        after: this.#ticketKeysReady,
        signal,
        timeoutMs: this.#options.handshakeTimeout || HANDSHAKE_TIMEOUT_MS,
        address,
      });
      socket = serverSocket(established, 'certificate', this.#internals.requestCert, this.#options);
      this.#observer.opened(socket, established.durationMs);
    } catch (error) {
      tcp.destroy();
      this.#uncount();
      this.#observer.failed(error as Error, address);
      this.emit('tlsClientError', error, tcp);
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#observer.closed(socket);
      this.#uncount();
    });
    this.emit('secureConnection', socket);
  }

  #uncount(): void {
    this.#internals._connections--;
    this.#internals._emitCloseIfDrained();
  }

  #context(): ServerContext {
    const { requestCert, rejectUnauthorized, ALPNProtocols, _contexts, _sharedCreds } = this.#internals;
    const { ALPNCallback, SNICallback = _contexts.length > 0 ? this.#chooseContext : undefined } =
      this.#options;
    return {
      authentication: 'certificate',
      secureContext: () => this.#ticketKeys.ring.attach(_sharedCreds),
      options: {
        requestCert,
        ALPNProtocols,
        ALPNCallback,
        // Without one a handshake need not ask.
        SNICallback: SNICallback && this.#ticketKeys.ring.attachChosen(SNICallback),
        staple: this.listenerCount('OCSPRequest') > 0 ? this.#staple : undefined,
      },
      verify: (tls) => (requestCert && rejectUnauthorized ? refusalOfClient(tls) : undefined),
      identity: () => undefined,
    };
  }

  readonly #staple: ServerHandshakeOptions['staple'] = (done, chosen) => {
    const context = chosen ?? this.#internals._sharedCreds;
    // addContext() keeps Node's own, without the public one around it.
    const { context: inner = context } = context as { context?: object };
    const certified = inner as Certified;
    this.emit('OCSPRequest', certified.getCertificate(), certified.getIssuer(), done);
  };

  readonly #chooseContext: SniCallback = (servername, done) => {
    // As tls.Server has it: the context added last wins.
    done(null, this.#internals._contexts.findLast(([pattern]) => pattern.test(servername))?.[1]);
  };
}

export function createServer(
  options: HttpsServerOptions | RequestListener = {},
  listener?: RequestListener,
): HttpsServer {
  return typeof options === 'function' ? new HttpsServer({}, options) : new HttpsServer(options, listener);
}
