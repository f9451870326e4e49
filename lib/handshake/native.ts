// What the addon does for handshakes, declared and described. ../native has the addon itself.
import type { CipherName, TrafficState } from '../native';

/** Makes records of one direction under one key, in order. */
export interface NativeRecordKey {
  seal(type: number, content: Buffer): Buffer;
}

export type RecordKeyConstructor = new (
  keys: TrafficState & { cipher: CipherName; version?: 'TLSv1.2' | 'TLSv1.3' },
) => NativeRecordKey;

/** What a handshake of TLS 1.2 leaves that node:tls does not tell. */
export interface Tls12Outcome {
  /** The end of all that this end wrote: 64 bytes, or as many as there were. */
  lastSent: Buffer;
  clientRandom: Buffer;
  serverRandom: Buffer;
}

/**
 * A TCP socket while a TLSSocket that knows nothing of it does its handshake over it. Not a byte behind the
 * handshake is taken out of the kernel. Never blocks; while it waits for the socket it keeps the event loop alive.
 * Failed system calls throw with their errno name as code.
 */
export interface NativeHandshakeChannel {
  /**
   * Calls `make`, and drives the TLSSocket that it returns, which must have been made without a stream. What it
   * writes, and its end, go nowhere but through this.
   *
   * @throws what `make` throws; ERR_KTLS_UNSUPPORTED where the runtime's TLS cannot be driven.
   */
  attach<T>(make: () => T): T;
  /**
   * Goes on as far as it can. True when the handshake is done: what is still to be sent then waits for flush().
   * Else `onReadable` is called, once, when it is worth another try. Callbacks of node:tls run in this.
   *
   * @throws an Error with OpenSSL's `reason`, and `code` made of it as node:tls does (ERR_SSL_…);
   *   ERR_KTLS_BAD_RECORD where the peer's first words are not TLS; ERR_KTLS_TRUNCATED; ERR_KTLS_LIMIT.
   */
  proceed(): boolean;
  /** Sends what the handshake kept. As write(). */
  flush(): boolean;
  /** Forgets that instead. */
  discard(): void;
  /** A secret that was agreed on, by its label in key logs (RFC 9850); undefined where there is none of that name. */
  secret(label: string): Buffer | undefined;
  /** When proceed() has returned true: records that this end wrote behind its Finished, those of tickets. */
  readonly sentAfterFinished: bigint;
  /** When proceed() has returned true. */
  tls12Outcome(): Tls12Outcome;
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
  /** Gives the descriptor up; nothing must wait to be written. Of the channel only feed() is left. */
  release(): number;
  /** Gives the TLSSocket a record, as if it had come from the peer. */
  feed(record: Buffer): void;
  /** Closes the descriptor; no callback comes any more. Idempotent. */
  close(): void;
}

export type HandshakeChannelConstructor = new (
  /** Ownership of the descriptor moves to the channel, also when it throws. */
  fd: number,
  /** Neither callback may throw. */
  onReadable: () => void,
  onWritten: (error?: Error) => void,
) => NativeHandshakeChannel;
