// The end that listens.
import { EventEmitter } from 'node:events';
import type { AddressInfo, ListenOptions } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { inspect } from 'node:util';

import type { KtlsServerEvents, KtlsSocket as PublicSocket, ServerOptions } from '../../types/index';
import type { KtlsError } from '../errors';
import type { ServerContext } from '../handshake/accept';
import { Acceptor } from '../handshake/acceptor';
import type { Established } from '../handshake/handshake';
import { certificateServerContext, secretServerContext } from './context';
import { serverSocket } from './from-handshake';
import type { KtlsSocket } from './ktls-socket';
import { checkCommon, invalid } from './options';
import { TicketKeyFeed } from './ticket-key-source';

type ConnectionListener = (socket: PublicSocket) => void;

export class KtlsServer extends EventEmitter<KtlsServerEvents> {
  /** A further connection is closed at once. */
  maxConnections: number | undefined;

  readonly #options: Omit<ServerOptions, 'ticketKeys'>;
  /** Of a secret, of which keys are made, which takes time. */
  readonly #ready: Promise<void> | undefined;
  #context: ServerContext | undefined;
  #acceptor: Acceptor | undefined;
  /** From listen() to close(); another one each time. */
  #run: object | undefined;
  #closing = false;
  #referenced = true;
  readonly #ticketKeys: TicketKeyFeed;
  /** They stay in memory, as a net.Server's do, until they are closed. */
  readonly #sockets = new Set<KtlsSocket>();

  constructor(options: ServerOptions, listener?: ConnectionListener) {
    super();
    checkCommon(options);
    const { ticketKeys, ...others } = options as ServerOptions;
    const { maxUnauthenticated, ticketKeysInterval } = others;
    if (
      maxUnauthenticated !== undefined &&
      (!Number.isInteger(maxUnauthenticated) || maxUnauthenticated < 1)
    ) {
      throw invalid('maxUnauthenticated', 'must be an integer, 1 or more');
    }
    this.#ticketKeys = new TicketKeyFeed({
      source: ticketKeys,
      interval: ticketKeysInterval,
      onError: (error) => this.emit('ticketKeysError', error),
    });
    this.#options = others;
    const { secret, cert, key, pfx, SNICallback } = others;
    if (secret !== undefined) {
      this.#ready = secretServerContext({ ...others, secret }).then((context) => {
        this.#context = context;
      });
      this.#ready.catch(() => {});
    } else {
      // Wrong options are thrown here, as node:tls does.
      if (!cert && !pfx && !SNICallback) throw invalid('cert', 'is missing: give cert and key, or secret');
      if (cert && !key) throw invalid('key', 'is missing: it goes with cert');
      this.#context = certificateServerContext(others, this.#ticketKeys.ring);
    }
    if (listener) this.on('secureConnection', listener);
  }

  get listening(): boolean {
    return this.#acceptor?.server.listening ?? false;
  }

  /** As net.Server's: (port, host, backlog, callback), (options, callback). */
  listen(...given: unknown[]): this {
    const callback = typeof given.at(-1) === 'function' ? (given.pop() as () => void) : undefined;
    const { signal, ...options } = listenOptions(given);
    if (this.#run !== undefined || this.#closing) {
      throw Object.assign(new Error('Listen method has been called more than once without closing.'), {
        code: 'ERR_SERVER_ALREADY_LISTEN',
      });
    }
    if (callback) this.once('listening', callback);
    const run = {};
    this.#run = run;
    this.#closeOn(signal, run);
    this.#open(options, run).then(
      () => {
        if (this.#run === run) this.emit('listening');
      },
      (error) => {
        if (this.#run !== run) return;
        this.#run = this.#acceptor = undefined;
        this.#ticketKeys.stop();
        this.emit('error', error);
      },
    );
    return this;
  }

  /** As net.Server's, which might not listen yet when the signal comes. */
  #closeOn(signal: AbortSignal | undefined, run: object): void {
    if (signal === undefined) return;
    const onAbort = (): void => {
      if (this.#run === run) this.close();
    };
    if (signal.aborted) process.nextTick(onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', onAbort));
  }

  /** Listens, unless close() comes first. */
  async #open(options: ListenOptions, run: object): Promise<void> {
    await this.#ready;
    if (this.#run === run) await this.#ticketKeys.start();
    if (this.#run !== run) return;
    const { maxUnauthenticated, handshakeTimeout } = this.#options;
    this.#acceptor = new Acceptor({
      context: this.#context as ServerContext,
      maxUnauthenticated,
      // 0, too, is the default.
      handshakeTimeoutMs: handshakeTimeout || undefined,
      onEstablished: (established) => this.#onEstablished(established),
      onRefused: (error, address) => this.emit('tlsClientError', error as KtlsError, address),
      onError: (error) => this.emit('error', error),
    });
    if (!this.#referenced) this.#acceptor.server.unref();
    await this.#acceptor.listen(options);
  }

  #onEstablished(established: Established): void {
    const { address = '' } = established;
    const { authentication } = this.#context as ServerContext;
    const { requestCert = false, timeout } = this.#options;
    let socket: KtlsSocket;
    try {
      socket = serverSocket(established, authentication, requestCert, this.#options);
    } catch (error) {
      this.emit('tlsClientError', error as KtlsError, address);
      return;
    }
    if (this.maxConnections !== undefined && this.#sockets.size >= this.maxConnections) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#whenDrained();
    });
    if (timeout !== undefined) socket.setTimeout(timeout);
    this.emit('secureConnection', socket);
  }

  address(): AddressInfo | string | null {
    return this.#acceptor?.server.address() ?? null;
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.#sockets.size);
    return this;
  }

  /** Takes no more connections; 'close' comes when those that are open have ended. */
  close(callback?: (error?: Error) => void): this {
    if (this.#run === undefined) {
      const error = Object.assign(new Error('Server is not running.'), { code: 'ERR_SERVER_NOT_RUNNING' });
      if (callback) process.nextTick(callback, error);
      return this;
    }
    if (callback) this.once('close', callback);
    this.#run = undefined;
    this.#closing = true;
    this.#ticketKeys.stop();
    Promise.resolve(this.#acceptor?.close()).then(() => {
      this.#acceptor = undefined;
      this.#whenDrained();
    });
    return this;
  }

  #whenDrained(): void {
    if (!this.#closing || this.#acceptor !== undefined || this.#sockets.size > 0) return;
    this.#closing = false;
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  ref(): this {
    this.#referenced = true;
    this.#acceptor?.server.ref();
    return this;
  }

  unref(): this {
    this.#referenced = false;
    this.#acceptor?.server.unref();
    return this;
  }

  getTicketKeys(): Buffer {
    return this.#ticketKeys.ring.bytes;
  }

  /** For connections to come. */
  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys.replace(keys);
  }

  /** Other certificates for connections to come; what is not given stays. */
  setSecureContext(options: SecureContextOptions): void {
    if (this.#options.secret !== undefined) throw invalid('secret', 'has no certificates to change');
    const { ticketKeys, ...others } = options;
    const wanted = { ...this.#options, ...others };
    const { secureContext } = certificateServerContext(wanted, this.#ticketKeys.ring);
    if (ticketKeys !== undefined) this.setTicketKeys(ticketKeys);
    Object.assign(this.#options, others);
    Object.assign(this.#context as ServerContext, { secureContext });
  }
}

/** What the forms of net.Server's listen() mean. @throws ERR_SOCKET_BAD_PORT */
function listenOptions([first, host, backlog]: unknown[]): ListenOptions {
  if (typeof first === 'object' && first !== null) {
    const { port } = first as ListenOptions;
    return port === undefined ? first : { ...first, port: portNumber(port) };
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first };
  return {
    port: portNumber(first ?? 0),
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof backlog === 'number' ? { backlog } : {}),
  };
}

function portNumber(given: unknown): number {
  const port = Number(given);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw Object.assign(new RangeError(`port should be >= 0 and < 65536: ${inspect(given)}`), {
    code: 'ERR_SOCKET_BAD_PORT',
  });
}

export function createServer(options: ServerOptions, listener?: ConnectionListener): KtlsServer {
  return new KtlsServer(options, listener);
}
