// Moving trees.
/// <reference types="node" />

import type { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';

import type { AbortError, KtlsError, KtlsErrorCode } from './errors.js';
import type { CipherName, RecordReport, SecurityOptions } from './security.js';

/**
 * Sends the tree below `directory` to a waiting receiver.
 *
 * Sent are regular files, folders (empty ones too), symbolic links as links, hard links as links within
 * the tree, permission bits and modification times in nanoseconds. Devices, sockets and FIFOs, and files
 * that change or vanish while they are read, are not sent; `result.skipped` names them.
 *
 * Never throws: what is wrong with the arguments rejects the handle too.
 *
 * @param directory - A folder; it may be given through a symbolic link.
 * @param target - `host:port`, `host`, `[::1]:9999`, each with or without `/sub/dir`, or the same as a URL
 *   (`ktls://host:port/sub/dir`, percent-encoded). The path is below the receiver's root. Port 9999 unless
 *   given.
 * @returns A handle: await it for the result, iterate it for progress.
 *
 * @example
 * const transfer = sendTree('/data/imagenet', 'host:9999', { secret });
 * for await (const p of transfer) console.log(p.files, p.filesTotal);
 * const result = await transfer;
 */
export function sendTree(directory: PathLike, target: string, options?: SendTreeOptions): TransferHandle;

/**
 * Listens, takes one tree into `directory`, and is done.
 *
 * Resolves or rejects with the end of the first transfer whose sender has authenticated. Connections that
 * fail before that do not end it: `onConnectionError` hears of them. It waits without limit for a sender;
 * give a `signal` to bound that.
 *
 * @param directory - Made where it is missing. What it holds already stays, unless the transfer brings a
 *   file of the same name (see `overwrite`).
 */
export function receiveTree(directory: PathLike, options?: ReceiveTreeOptions): ReceiveHandle;

/**
 * A receiver that takes (or, with `serve: true`, gives out) any number of trees, several at once.
 *
 * @throws ERR_KTLS_INVALID_OPTION
 *
 * @example
 * const receiver = createReceiver({ root: '/srv/in', secret });
 * receiver.on('transfer', (transfer) => transfer.then(report, complain));
 * await receiver.listen({ port: 9999 });
 */
export function createReceiver(options: ReceiverOptions): Receiver;

/**
 * Copies a tree from one machine to another: one of the two sides is a `ktls://host:port/path` URL, the
 * other a local folder.
 *
 * With the URL on the right it is {@link sendTree}; with the URL on the left it pulls the tree from a
 * receiver started with `serve: true`, and takes the options of a receiving end too.
 *
 * Never throws: what is wrong with the arguments rejects the handle.
 */
export function transferDirectory(
  from: PathLike,
  to: PathLike,
  options?: TransferDirectoryOptions,
): TransferHandle;

/** A path as `node:fs` takes it. A Buffer names what is not valid UTF-8. */
export type PathLike = string | Buffer | URL;

/** The port that a target without one means: 9999. */
export const DEFAULT_PORT: 9999;

// ---------------------------------------------------------------------------------------------------
// Options
// ---------------------------------------------------------------------------------------------------

/**
 * How content leaves the sender. `'sendfile'` and `'splice'` need the kernel's record layer (or none) and
 * `verify: false`, because what is hashed has to be read: elsewhere they fall back to `'read-send'`.
 */
export type TransferMode = 'auto' | 'read-send' | 'sendfile' | 'splice';

/** Milliseconds. */
export interface Timeouts {
  /** Until the TCP connection is established. ERR_KTLS_CONNECT_TIMEOUT. Default 10,000. */
  connect?: number | undefined;
  /** For the TLS handshake, and again for the peer's opening word. ERR_KTLS_HANDSHAKE_TIMEOUT. Default 10,000. */
  handshake?: number | undefined;
  /** While no byte moves in either direction. ERR_KTLS_IDLE_TIMEOUT. Default 30,000. */
  idle?: number | undefined;
}

/** What every function that moves a tree takes. */
export interface CommonOptions extends SecurityOptions {
  timeouts?: Timeouts | undefined;
  /**
   * Ends the transfer within 100 ms, whatever it is doing, with an {@link AbortError} whose `cause` is the
   * signal's reason.
   */
  signal?: AbortSignal | undefined;
}

/** What the end that dials decides for both. */
export interface InitiatorOptions extends CommonOptions {
  /**
   * TCP connections, 1 to 64; the other end may grant fewer. Default: as many as there is work for, at most one
   * for each core and 4; at most 8 where a round trip takes 10 ms or more.
   */
  connections?: number | undefined;
  /** Whether each file's content is hashed at both ends and compared. Default true. */
  verify?: boolean | undefined;
  /**
   * What happens after a file that the receiver could not write. `'stop'`: the transfer fails with that
   * file's error. `'continue'`: it goes on, and `result.skipped` names the file. Default `'stop'`. What the
   * sender could not read is in `result.skipped` either way.
   */
  onError?: 'stop' | 'continue' | undefined;
  /** Whether uid and gid are set, and root's set-ID bits kept; the receiving end must be root. Default false. */
  ownership?: boolean | undefined;
}

export interface SendTreeOptions extends InitiatorOptions {
  /** Default `'auto'`: the fastest for this connection's record layer. */
  mode?: TransferMode | undefined;
  /**
   * Bytes: files of this size and more travel in blocks over all connections. Default 64 MiB; 4 MiB where a
   * round trip takes 10 ms or more.
   */
  blockThreshold?: number | undefined;
}

/** What an end that writes files decides by itself. */
export interface WriteOptions {
  /** Whether a file that is there is replaced; if not, it is reported with ERR_KTLS_EXISTS. Default true. */
  overwrite?: boolean | undefined;
  /**
   * When data must be on the disk. `'none'`: when the kernel likes. `'end'`: one syncfs before success is
   * told. `'file'`: each file before it gets its name. Default `'none'`.
   */
  fsync?: 'none' | 'end' | 'file' | undefined;
}

/** {@link SendTreeOptions} when `to` is the URL; when `from` is it, `mode` and `blockThreshold` make no sense. */
export interface TransferDirectoryOptions extends SendTreeOptions, WriteOptions {}

/** What an end that listens decides. */
export interface AcceptorOptions extends CommonOptions, WriteOptions {
  /** Overrules the peer's `onError`. Default: as the peer asks. */
  onError?: 'stop' | 'continue' | undefined;
  /** Whether the uid and gid that a peer sends are set, and root's set-ID bits kept. Needs root. Default false. */
  ownership?: boolean | undefined;
  /** The most connections that one transfer is granted, 1 to 64. Default 16. */
  maxConnections?: number | undefined;
  /** Connections that have not authenticated yet, at once; more are closed unheard. Default 64. */
  maxUnauthenticated?: number | undefined;
}

export interface ReceiveTreeOptions extends AcceptorOptions, ListenOptions {
  /** Hears of each connection that failed before it became the transfer, with the peer as `host:port`. */
  onConnectionError?: ((error: KtlsError, peer: string) => void) | undefined;
}

export interface ReceiverOptions extends AcceptorOptions {
  /** The folder that everything stays below. Made where it is missing, unless `serve`. */
  root: PathLike;
  /** Give trees out instead of taking them: peers may pull, and nothing is ever written. Default false. */
  serve?: boolean | undefined;
  /** With `serve`: how content leaves. Default `'auto'`. */
  mode?: TransferMode | undefined;
  /** Transfers at once; more are refused. Default 16. */
  maxTransfers?: number | undefined;
}

export interface ListenOptions {
  /** 0 lets the system choose. Default 9999. */
  port?: number | undefined;
  /** Default: every address of the machine. */
  host?: string | undefined;
}

// ---------------------------------------------------------------------------------------------------
// Handles
// ---------------------------------------------------------------------------------------------------

/** How far a transfer is. */
export interface Progress {
  /** Files done. */
  files: number;
  directories: number;
  /** Bytes of content done. */
  bytes: number;
  /** What the sender has found so far; all of it once `totalsFinal`. */
  filesTotal: number;
  bytesTotal: number;
  totalsFinal: boolean;
  /** A file in work, relative to the tree; control characters and invalid UTF-8 escaped. */
  currentPath: string;
  /** The same as it is on the disk. */
  currentPathBuffer: Buffer;
}

/** Something that was not transferred. */
export interface Skipped {
  /** Relative to the tree; control characters and invalid UTF-8 escaped. */
  path: string;
  /** The same as it is on the disk. */
  pathBuffer: Buffer;
  /** One of {@link KtlsErrorCode}, or an errno name such as EACCES. */
  code: string;
  /** In words. */
  reason: string;
}

/** A transfer that succeeded: the receiving end confirmed the counts after everything had its name. */
export interface TransferResult {
  files: number;
  directories: number;
  symlinks: number;
  /** Names that were made as links to a file of the same tree. */
  hardLinks: number;
  /** Of file content. */
  bytes: number;
  /** Milliseconds: from the call at the end that dials, from the peer's opening word at the other. */
  durationMs: number;
  /** null with `encryption: 'none'`. */
  cipher: CipherName | null;
  /** Of the first connection. */
  record: RecordReport;
  /** Connections that took part. */
  connections: number;
  /** How content left: what `'auto'` chose, or what the mode asked for fell back to. null where it was received. */
  mode: 'read-send' | 'sendfile' | 'splice' | null;
  /** Whether content hashes were compared. */
  verified: boolean;
  /** The first 10,000. */
  skipped: Skipped[];
  skippedTotal: number;
}

/**
 * A running transfer.
 *
 * - Await it (it is thenable) for the {@link TransferResult}, or for the {@link KtlsError} or
 *   {@link AbortError} that ended it.
 * - Iterate it for {@link Progress}: at most one every 100 ms, and always one at the end. A consumer that
 *   is slow gets the newest, nothing queues up. The iteration throws what the transfer failed with. Leaving
 *   the loop early does not end the transfer.
 * - `await using` ends it with the scope.
 *
 * A failure that is neither awaited nor iterated is an unhandled rejection, as a promise's is.
 */
export interface TransferHandle
  extends PromiseLike<TransferResult>,
    AsyncIterable<Progress>,
    AsyncDisposable {
  then<T = TransferResult, E = never>(
    onfulfilled?: ((result: TransferResult) => T | PromiseLike<T>) | null,
    onrejected?: ((error: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E>;
  catch<E = never>(onrejected?: ((error: unknown) => E | PromiseLike<E>) | null): Promise<TransferResult | E>;
  finally(onfinally?: (() => void) | null): Promise<TransferResult>;
  /** Rejects the transfer with an {@link AbortError}. Idempotent; does nothing once it has ended. */
  cancel(reason?: unknown): void;
  /** How far it is now; null before it runs. */
  progress(): Progress | null;
  [Symbol.asyncIterator](): AsyncIterator<Progress, void, undefined>;
  /** Cancels it where it still runs, and resolves when nothing of it is left. Never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What {@link receiveTree} returns. */
export interface ReceiveHandle extends TransferHandle {
  /** Where it listens: what `port: 0` chose. Rejects when it cannot listen. */
  readonly listening: Promise<AddressInfo>;
}

/**
 * A transfer that a {@link Receiver} runs. Its failure is never an unhandled rejection: a peer's misfortune
 * must not end a server.
 */
export interface IncomingTransfer extends TransferHandle {
  /** `'push'`: the peer sends. `'pull'`: the peer fetches. */
  readonly kind: 'push' | 'pull';
  /** The peer's `host:port`. */
  readonly peer: string;
  /** Below the root, `''` for the root itself; escaped. */
  readonly path: string;
  /** The same as bytes. */
  readonly pathBuffer: Buffer;
}

export interface ReceiverEvents {
  /** It listens. */
  listening: [];
  /** A peer has authenticated and its transfer begins. */
  transfer: [transfer: IncomingTransfer];
  /**
   * A connection failed before it became a transfer: wrong secret or certificate, not TLS, too slow,
   * another version, refused. The receiver goes on. `peer` is its `host:port`. Peers that hang up before it is
   * one are not reported.
   */
  connectionError: [error: KtlsError, peer: string];
  /** The listening socket failed. */
  error: [error: Error];
  /** No transfer runs any more, and nothing listens. */
  close: [];
}

/** Made by {@link createReceiver}. */
export class Receiver extends EventEmitter<ReceiverEvents> implements AsyncDisposable {
  private constructor();
  /** Resolves with where it listens. Rejects with the errno name as `code`: EADDRINUSE, EACCES … */
  listen(options?: ListenOptions): Promise<AddressInfo>;
  /** Where it listens, null when it does not. */
  address(): AddressInfo | null;
  /** The transfers that run. */
  readonly transfers: readonly IncomingTransfer[];
  /**
   * Takes no more connections; resolves when the running transfers have ended, which `abort: true` makes
   * happen at once. Idempotent.
   */
  close(options?: { abort?: boolean | undefined }): Promise<void>;
  /** As `net.Server`'s: whether listening alone keeps the process alive. */
  ref(): this;
  unref(): this;
  /** `close({ abort: true })`. */
  [Symbol.asyncDispose](): Promise<void>;
}
