// What the addon does for handshakes, declared and described. ../native has the addon itself.
import type { CipherName, TrafficState } from '../native';

/** Makes records of one direction under one key, in order. */
export interface NativeRecordKey {
  seal(type: number, content: Buffer): Buffer;
}

export type RecordKeyConstructor = new (
  keys: TrafficState & { cipher: CipherName; version?: 'TLSv1.2' | 'TLSv1.3' },
) => NativeRecordKey;

/** The SSL_CTX of a SecureContext. */
export interface NativeTlsContext {
  readonly [kind]: 'TlsContext';
}
declare const kind: unique symbol;

/**
 * Finds the context of the SSL object that `make` creates, which must be made for a server, is never used, and has to
 * live as long as what this constructs.
 *
 * @throws what `make` throws; ERR_KTLS_UNSUPPORTED where the runtime's TLS is not OpenSSL, or cannot be reached.
 */
export type TlsContextConstructor = new (make: () => void) => NativeTlsContext;

/** An external PSK of TLS 1.3 (RFC 8446, 4.2.11). */
export interface PreSharedKey {
  identity: string;
  key: Buffer;
}

export interface NativeHandshakeOptions {
  context: NativeTlsContext;
  server: boolean;
  /** Of a server: a certificate is asked for, and any is taken. */
  requestCert?: boolean | undefined;
  /** Of a server: whether onCertificate is called. */
  asks?: boolean | undefined;
  /** Of a client, for SNI. */
  servername?: string | undefined;
  /** Of a client: as RFC 7301, 3.1 sends them. */
  alpnProtocols?: Buffer | undefined;
  /** Of a client: to be resumed. */
  session?: Buffer | undefined;
  psk?: PreSharedKey | undefined;
}

/**
 * A TCP socket while a TLS handshake is done over it; then what the handshake knows, until close(). Not a byte behind
 * the handshake is taken out of the kernel. Never blocks; while it waits for the socket it keeps the event loop alive.
 * Failed system calls throw with their errno name as code.
 */
export interface NativeHandshakeChannel {
  /** Once, before anything else. */
  begin(options: NativeHandshakeOptions): void;
  /**
   * Goes on as far as it can. True when the handshake is done: what is still to be sent then waits for flush().
   * Else `onReadable` is called, once, when it is worth another try, or answer() makes it so. Callbacks of the
   * program run in this.
   *
   * @throws an Error with OpenSSL's `reason`, and `code` made of it as node:tls does (ERR_SSL_…);
   *   ERR_KTLS_BAD_RECORD where the peer's first words are not TLS; ERR_KTLS_TRUNCATED; ERR_KTLS_LIMIT.
   */
  proceed(): boolean;
  /**
   * Answers onCertificate(), at once or later; proceed() goes on then. Undefined: with the certificate that there is,
   * and without a staple (RFC 6066, 8).
   *
   * @throws ERR_KTLS_INVALID_OPTION for a context that OpenSSL does not take.
   */
  answer(context: NativeTlsContext | undefined, staple: Uint8Array | undefined): void;
  /** Sends what the handshake kept. As write(). */
  flush(): boolean;
  /** Forgets that instead. */
  discard(): void;
  /** Description of the alert that the peer sent (RFC 8446, 6). */
  readonly peerAlert: number | undefined;
  /**
   * Sends in order of the calls. True when all of it is with the kernel; else the rest is kept, and
   * `onWritten` is called when that is with the kernel too, or with the error.
   */
  write(data: Buffer): boolean;
  /** Ends the sending direction of the TCP connection. */
  shutDown(): void;
  /** Throws away what the peer sends. False at its end; else `onReadable` is called when there is more. */
  drain(): boolean;
  /** Gives the descriptor up; nothing must wait to be written. Left are feed() and the last facts below. */
  release(): number;
  /** Of a client: takes in a record of tickets that came after the handshake. */
  feed(record: Buffer): void;
  /** Closes the descriptor, where it is still there; no callback comes any more, nor a fact. Idempotent. */
  close(): void;

  // When proceed() has returned true, up to release(); of a client, secret() up to close(). Undefined: there is none.

  /** A secret that was agreed on, by its label in key logs (RFC 9850). */
  secret(label: string): Buffer | undefined;
  /** Records that this end wrote behind its Finished, those of tickets. */
  readonly sentAfterFinished: bigint;
  /** The end of all that this end wrote: 64 bytes, or as many as there were. */
  readonly lastSent: Buffer;
  /** Of a server: whether the client holds the PSK. */
  readonly usedPsk: boolean;

  // When proceed() has returned true, up to close().

  readonly protocol: string;
  cipher(): { name: string; standardName: string; version: string };
  /** Also before, as far as it is known. */
  readonly servername: string | undefined;
  readonly alpnProtocol: string | undefined;
  readonly sessionReused: boolean;
  /** What is wrong with the peer's chain: X509_V_ERR_…, 0 where nothing is. */
  readonly verifyError: number;
  /** This end's, DER. */
  certificate(): Buffer | undefined;
  /** DER; each one's issuer behind it where `issuers`, as far as they are known. */
  peerCertificates(issuers: boolean): Buffer[];
  /** For NativeHandshakeOptions. */
  session(): Buffer | undefined;
  /** verify_data of the Finished that was received, or sent. */
  finished(received: boolean): Buffer | undefined;
  sharedSignatureAlgorithms(): string[];
  /** A client's: the server's. `size` in bits. */
  ephemeralKey(): { type: 'DH' | 'ECDH'; name?: string; size: number } | undefined;
  /** The exporter_master_secret (RFC 8446, 7.5); in TLS 1.2 the master secret. */
  exporterSecret(): Buffer;
  randoms(): { client: Buffer; server: Buffer };
}

export type HandshakeChannelConstructor = new (
  /** Ownership of the descriptor moves to the channel, also when it throws. */
  fd: number,
  /** Neither of these may throw. */
  onReadable: () => void,
  onWritten: (error?: Error) => void,
  /** Which certificate is a client to see? See answer(). What this throws proceed() throws. */
  onCertificate: (servername: string | undefined, wantsStaple: boolean) => void,
) => NativeHandshakeChannel;
