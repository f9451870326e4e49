// Streaming sockets: connect(), createServer(), adopt(), KtlsSocket. lib/socket implements exactly these.
/// <reference types="node" />

import type { X509Certificate } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { PathLike } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { AddressInfo, ListenOptions, TcpSocketConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import type {
  CipherNameAndProtocol,
  ConnectionOptions,
  EphemeralKeyInfo,
  PeerCertificate,
  SecureContextOptions,
  TLSSocket,
  TlsOptions,
} from 'node:tls';

import type { CipherName, KernelPolicy, KtlsError, Placement } from './index.js';

/**
 * Connects, and does the TLS handshake (1.3, or 1.2 with a peer that knows no more); resolves when data can be sent.
 *
 * Takes the options of `tls.connect()`, `host`, `port`, `servername`, `ca`, `cert`, `key`,
 * `ALPNProtocols`, `session`, `checkServerIdentity`, `rejectUnauthorized`, `secureContext` and so on, or a
 * `secret` that both ends hold. docs/sockets.md lists what cannot be as it is there.
 *
 * A server may refuse the client's certificate after this has resolved: TLS 1.3 lets the client finish
 * first. The socket's `error` event then tells (ERR_KTLS_CERTIFICATE).
 *
 * @throws {KtlsError} ERR_KTLS_INVALID_OPTION, ERR_KTLS_CONNECT_TIMEOUT, ERR_KTLS_HANDSHAKE_TIMEOUT,
 *   ERR_KTLS_NOT_TLS (also for a server of TLS 1.1), ERR_KTLS_CERTIFICATE, ERR_KTLS_WRONG_SECRET,
 *   ERR_KTLS_HANDSHAKE, ERR_KTLS_KERNEL_REQUIRED, or an errno name such as ECONNREFUSED; AbortError.
 *
 * @example
 * const socket = await connect({ host: 'files.example', port: 9443, ca });
 * await socket.sendFile('/data/shard-0001.tar');
 * socket.end();
 */
export function connect(options: ConnectOptions): Promise<KtlsSocket>;

/**
 * A server of TLS 1.3 and 1.2 whose connections are {@link KtlsSocket}s: as `tls.createServer()`, whose options it takes.
 *
 * @param listener - For the `secureConnection` event.
 * @throws {KtlsError} ERR_KTLS_INVALID_OPTION
 *
 * @example
 * createServer({ key, cert }, (socket) => pipeline(socket, socket, () => {})).listen(9443);
 */
export function createServer(options: ServerOptions, listener?: (socket: KtlsSocket) => void): KtlsServer;

/**
 * A socket from a connection whose TLS 1.3 handshake somebody else did.
 *
 * Both ends of the handshake must have sent their Finished; nothing of what came after may have been read from
 * the descriptor, unless it is counted in `rx.sequence`.
 *
 * @param fd - A connected TCP socket. It belongs to the socket from then on, also when this throws after
 *   having checked its arguments.
 * @throws {KtlsError} ERR_KTLS_INVALID_OPTION, ERR_KTLS_KERNEL_REQUIRED, ERR_KTLS_UNSUPPORTED
 */
export function adopt(fd: number, keys: AdoptKeys, options?: SocketOptions): KtlsSocket;

/** The suites of TLS 1.2 that sockets use (RFC 5289, RFC 7905). */
export type Tls12CipherName =
  `TLS_ECDHE_${'RSA' | 'ECDSA'}_WITH_${'AES_128_GCM_SHA256' | 'AES_256_GCM_SHA384' | 'CHACHA20_POLY1305_SHA256'}`;

/** What a handshake leaves. */
export interface AdoptKeys {
  cipher: CipherName;
  /** Of the direction that this end sends. */
  tx: TrafficKeys;
  rx: TrafficKeys;
}

export interface TrafficKeys {
  /**
   * `client_application_traffic_secret_N` or the server's (RFC 8446, 7.1), as a key log has it: 32 bytes, with
   * TLS_AES_256_GCM_SHA384 48. Key and IV are derived from it.
   */
  secret: Buffer;
  /** Of the next record, less than 2^63. So many have gone under the key, and count towards `maxRecordsPerKey`. */
  sequence: bigint;
}

export interface SocketOptions {
  /**
   * `'auto'`: the kernel's record layer where it works, else ours, for each direction. `'require'` fails with
   * ERR_KTLS_KERNEL_REQUIRED instead. Default `'auto'`.
   */
  kernel?: KernelPolicy | undefined;
  /**
   * A key that has protected so many records is changed by KeyUpdate; where the kernel cannot, writing fails
   * with ERR_KTLS_LIMIT. 16 to 16,777,216, the default.
   */
  maxRecordsPerKey?: number | undefined;
  /** As net.Socket's: without it, the end of the peer ends this side too. Default false. */
  allowHalfOpen?: boolean | undefined;
  /** Of reading and of writing, in bytes. Default 65,536. */
  highWaterMark?: number | undefined;
  /** Default true, other than Node's: Nagle's algorithm and records do not go together. */
  noDelay?: boolean | undefined;
  /** Default false. */
  keepAlive?: boolean | undefined;
  /** Milliseconds. Default 0: as the kernel has it. */
  keepAliveInitialDelay?: number | undefined;
}

/** How `net.connect()` finds the peer, and by which of this machine's addresses it goes there. */
export type DialOptions = Partial<
  Pick<
    TcpSocketConnectOpts,
    | 'family'
    | 'hints'
    | 'lookup'
    | 'localAddress'
    | 'localPort'
    | 'autoSelectFamily'
    | 'autoSelectFamilyAttemptTimeout'
  >
>;

export interface ConnectOptions
  extends Omit<ConnectionOptions, keyof SocketOptions | keyof DialOptions>,
    SocketOptions,
    DialOptions {
  /** 1 to 65,535. Needed where there is no `path`. */
  port?: number | undefined;
  /** Of a UNIX socket, in place of `host` and `port`. `servername` or `host` is then the name that is verified. */
  path?: string | undefined;
  /** A secret of {@link generateSecret}, or a passphrase, in place of certificates. */
  secret?: string | Buffer | undefined;
  /** Ends connecting. */
  signal?: AbortSignal | undefined;
  /** Milliseconds for name look-up and TCP. Default 10,000. */
  connectTimeout?: number | undefined;
  /** Milliseconds. Default 10,000. */
  handshakeTimeout?: number | undefined;
}

/**
 * The keys of session tickets: 48 bytes as node:tls has them, or several times as many. The first makes tickets,
 * all of them open them; a client that resumes by another than the first gets a new ticket. A path or URL: of a
 * file that holds nothing else. A function, the path and the URL are asked every `ticketKeysInterval`.
 */
export type TicketKeySource = Buffer | string | URL | (() => Buffer | Promise<Buffer>);

export interface ServerOptions extends Omit<TlsOptions, keyof SocketOptions | 'ticketKeys'>, SocketOptions {
  /** Give all servers of a name the same, and each resumes the sessions of the others. Default: random. */
  ticketKeys?: TicketKeySource | undefined;
  /** Milliseconds. Default 60,000. */
  ticketKeysInterval?: number | undefined;
  /** A secret of {@link generateSecret}, or a passphrase, in place of certificates. */
  secret?: string | Buffer | undefined;
  /** Milliseconds. Default 10,000, which 0 means, too. */
  handshakeTimeout?: number | undefined;
  /** Milliseconds without traffic before a connection's `timeout` event. Default 0: none. */
  timeout?: number | undefined;
  /** Connections whose handshake is not done; a further one is closed at once. Default 64. */
  maxUnauthenticated?: number | undefined;
}

export interface SendFileOptions {
  /** The first byte that is sent. Default 0. */
  start?: number | undefined;
  /** The last byte that is sent, as `fs.createReadStream()` has it. Default: the last of the file. */
  end?: number | undefined;
  /** Ends it within milliseconds; the connection stays. `bytesWritten` tells how far it went. */
  signal?: AbortSignal | undefined;
}

export interface UpdateKeyOptions {
  /** Whether the peer is asked to change the key of its direction, too. Default false. */
  requestPeer?: boolean | undefined;
}

/**
 * A TLS connection as a stream, like `tls.TLSSocket`. Made by connect(), createServer() and adopt().
 *
 * Events beside those of a Duplex:
 *
 * - `connect`, `ready`, `secureConnect`: clients, once, in this order, after connect() has resolved.
 * - `session` (Buffer): clients, a ticket came; give it to connect() as `session`.
 * - `timeout`: nothing came and went for as long as setTimeout() says; the connection stays.
 * - `close` (hadError: boolean).
 */
export class KtlsSocket extends Duplex {
  private constructor();
  /** Who encrypts each direction, and why; with which cipher. */
  readonly record: { tx: Placement; rx: Placement; reason: string; cipher: CipherName | Tls12CipherName };
  /**
   * Sends a file, or a range of it, in its place among the writes; what is written before goes out before, what
   * is written after, after. Where the kernel encrypts, the bytes do not visit user space.
   *
   * A file that is shorter than the range when its turn comes, or shrinks, is ERR_KTLS_FILE_CHANGED; what was
   * there has been sent, and the connection stays.
   *
   * @param source - A path, a FileHandle or a descriptor; the last two stay open.
   * @returns The number of bytes, when the kernel has them.
   * @throws {KtlsError} ERR_KTLS_FILE_CHANGED, ERR_KTLS_FILE_TYPE, ERR_KTLS_INVALID_OPTION, errno names;
   *   AbortError.
   */
  sendFile(source: PathLike | FileHandle | number, options?: SendFileOptions): Promise<number>;

  /**
   * Changes the key of the direction that this end sends (KeyUpdate, RFC 8446, 4.6.3), in its place among the
   * writes: what is written after is under the next key. Never needed for safety, as a key that is spent is changed
   * by itself; for programs that want to change theirs more often, by time for instance.
   *
   * @returns When the kernel has it. A peer that was asked answers when it sends next, and with nothing of its own.
   * @throws {KtlsError} ERR_KTLS_KEY_UPDATE_UNSUPPORTED where a kernel before Linux 6.14 encrypts, and in TLS 1.2: the
   *   connection goes on under its key. EPIPE.
   */
  updateKey(options?: UpdateKeyOptions): Promise<void>;

  readonly encrypted: true;
  readonly connecting: false;
  readonly pending: false;
  /** Whether the peer's certificate is good; with a secret, true. */
  readonly authorized: boolean;
  /** What is wrong with it, by the code that node:tls has for that: `DEPTH_ZERO_SELF_SIGNED_CERT`. */
  readonly authorizationError: string | undefined;
  readonly alpnProtocol: string | false | null;
  readonly servername: string | false | undefined;
  readonly bytesRead: number;
  /** What waits to be written is counted. */
  readonly bytesWritten: number;
  readonly readyState: 'open' | 'readOnly' | 'writeOnly' | 'closed';
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  /** As setTimeout() was told. */
  timeout: number | undefined;
  address(): { address: string; port: number; family: 'IPv4' | 'IPv6' } | Record<string, never>;
  /**
   * @param milliseconds - 0: never. More than 2,147,483,647 are as many, with a TimeoutOverflowWarning.
   * @throws {KtlsError} ERR_KTLS_INVALID_OPTION for what is negative or not finite
   */
  setTimeout(milliseconds: number, callback?: () => void): this;
  setNoDelay(on?: boolean): this;
  /** @param initialDelay - Milliseconds. */
  setKeepAlive(on?: boolean, initialDelay?: number): this;
  ref(): this;
  unref(): this;
  /** Ends, and destroys itself when everything is written. */
  destroySoon(): void;
  /** Destroys itself; the peer sees a reset. */
  resetAndDestroy(): this;

  getSession(): Buffer | undefined;
  isSessionReused(): boolean;
  getProtocol(): string | null;
  getCipher(): CipherNameAndProtocol;
  getEphemeralKeyInfo(): EphemeralKeyInfo | object | null;
  getPeerCertificate(detailed?: boolean): PeerCertificate;
  getPeerX509Certificate(): X509Certificate | undefined;
  getCertificate(): ReturnType<TLSSocket['getCertificate']>;
  getX509Certificate(): X509Certificate | undefined;
  getFinished(): Buffer | undefined;
  getPeerFinished(): Buffer | undefined;
  getSharedSigalgs(): string[];
  /**
   * RFC 8446, 7.5; in TLS 1.2 RFC 5705.
   *
   * @param length - Bytes: at most 255 times those of the suite's hash.
   * @param label - At most 249 bytes; in TLS 1.2 not one of TLS's own.
   * @throws ERR_KTLS_INVALID_OPTION; ERR_KTLS_UNSUPPORTED when the socket was destroyed, or adopted
   */
  exportKeyingMaterial(length: number, label: string, context?: Buffer): Buffer;
}

export interface KtlsServerEvents {
  listening: [];
  /** A peer whose handshake is done. */
  secureConnection: [socket: KtlsSocket];
  /** A connection failed before that; it is closed. `address` is the peer's `host:port`. */
  tlsClientError: [error: KtlsError, address: string];
  /** Ticket keys could be had neither from their file nor from their function: they stay as they were. */
  ticketKeysError: [error: Error];
  error: [error: Error];
  /** close() was called, and every connection has ended. */
  close: [];
}

/** Like `tls.Server`. Made by createServer(). */
export class KtlsServer extends EventEmitter<KtlsServerEvents> implements AsyncDisposable {
  private constructor();
  /** A further connection is closed when its handshake is done. */
  maxConnections: number | undefined;
  readonly listening: boolean;
  /** As net.Server's. @throws RangeError ERR_SOCKET_BAD_PORT */
  listen(port?: number, host?: string, backlog?: number, listener?: () => void): this;
  listen(port?: number, host?: string, listener?: () => void): this;
  listen(port?: number, listener?: () => void): this;
  /** At a UNIX socket. */
  listen(path: string, listener?: () => void): this;
  listen(options: ListenOptions, listener?: () => void): this;
  /** The path of a UNIX socket as it was given. */
  address(): AddressInfo | string | null;
  getConnections(callback: (error: Error | null, count: number) => void): this;
  close(callback?: (error?: Error) => void): this;
  ref(): this;
  unref(): this;
  /** Give them to other servers, for one's sessions to be resumed by all. */
  getTicketKeys(): Buffer;
  /** For connections to come; a file or function is asked no more. See {@link TicketKeySource}. */
  setTicketKeys(keys: Buffer): void;
  /**
   * Other certificates for connections to come; what is not given stays.
   *
   * @throws {KtlsError} ERR_KTLS_INVALID_OPTION; everything is as it was then.
   */
  setSecureContext(options: SecureContextOptions): void;
  /** Closes it and destroys every connection. */
  [Symbol.asyncDispose](): Promise<void>;
}
