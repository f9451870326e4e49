// The only import of the addon: what it exports, declared and described.
import { join } from 'node:path';

import type {
  CipherName,
  KernelPolicy,
  Placement,
  ProbeReport,
  Progress,
  RecordReport,
} from '../types/index';
import { type CreateNativeError, createNativeError, KtlsUnsupportedError } from './errors';
import type {
  HandshakeChannelConstructor,
  RecordKeyConstructor,
  TlsContextConstructor,
} from './handshake/native';

export type { CipherName, KernelPolicy, Placement, ProbeReport, RecordReport };

/** What the handshake left for one direction. */
export interface TrafficState {
  /** TLS 1.3: the traffic secret. TLS 1.2: the write key and 12 bytes of IV; see tls/record_layer.h. */
  secret: Buffer;
  sequence: bigint;
}

export interface NativeConnectionOptions {
  /** Ownership of the descriptor moves to the connection, also when it throws. */
  fd: number;
  /** null: no TLS at all (`encryption: 'none'` with `insecure: true`). */
  tls: {
    cipher: CipherName;
    /** TLSv1.3 by default. */
    version?: 'TLSv1.2' | 'TLSv1.3';
    tx: TrafficState;
    rx: TrafficState;
    kernel: KernelPolicy;
    /** Which end of the handshake this one was; where it is not said, what either may be sent is accepted. */
    role?: 'client' | 'server';
    /** KeyUpdate before this many records; 2^24 by default. */
    maxRecordsPerKey?: number;
  } | null;
}

export type HelloKind = 'push' | 'pull' | 'join';

/** HELLO, as docs/protocol.md has it. */
export interface Hello {
  kind: HelloKind;
  /** join: the session's token, 16 bytes. */
  token?: Buffer;
  /** push, pull: the components of the path below the acceptor's root, as bytes. */
  path?: Buffer[];
  /** push, pull: how many connections the initiator would like. */
  connections?: number;
  /** Whether content hashes travel. */
  verify?: boolean;
  /** Whether uid and gid travel. */
  ownership?: boolean;
  /** push, pull: whether the transfer goes on after a file that could not be written. */
  continueOnError?: boolean;
}

/** HELLO_OK. */
export interface HelloOk {
  token: Buffer;
  connections: number;
}

/** One TLS connection of a transfer, after its handshake. */
export interface NativeConnection {
  readonly record: RecordReport;
  /** Whether a round trip to the peer took 10 ms or more while the connection was made. */
  readonly far: boolean;
  /** Initiator: sends HELLO; resolves with HELLO_OK; rejects with the error the acceptor sent. */
  hello(hello: Hello, timeoutMs: number): Promise<HelloOk>;
  /** Acceptor: reads HELLO. */
  readHello(timeoutMs: number): Promise<Hello>;
  /** Acceptor: sends HELLO_OK. */
  accept(answer: HelloOk, timeoutMs: number): Promise<void>;
  /** Acceptor: sends ERROR with a code of lib/errors.ts, then close_notify, and closes. */
  refuse(code: string, message: string, timeoutMs: number): Promise<void>;
  /** Closes the descriptor without a word; a pending call rejects. Idempotent. */
  close(): void;
}

export type NativeProgress = Omit<Progress, 'currentPath' | 'currentPathBuffer'> & { currentPath: Buffer };

export interface NativeSkip {
  path: Buffer;
  code: string;
  errno: number;
  reason: string;
}

export interface NativeResult {
  files: number;
  directories: number;
  symlinks: number;
  hardLinks: number;
  bytes: number;
  /** Connections that took part. */
  connections: number;
  /** Sender only. How content left: what `auto` chose, or what a mode fell back to. */
  mode?: 'read-send' | 'sendfile' | 'splice';
  verified: boolean;
  /** At most 10,000 are kept; skippedTotal counts them all. */
  skipped: NativeSkip[];
  skippedTotal: number;
}

export interface NativeSenderOptions {
  root: Buffer;
  /** Confined below root; from a peer that pulls. */
  below: Buffer[];
  mode: 'auto' | 'read-send' | 'sendfile' | 'splice';
  verify: boolean;
  continueOnError: boolean;
  idleTimeoutMs: number;
  /** Whether this end opened the connections, and so opens another where a key is spent. */
  initiator: boolean;
  /**
   * Files of this size and more travel in blocks over all connections. Bytes; 64 MiB by default, 4 MiB to a
   * receiver that is far.
   */
  blockThreshold?: number;
}

export interface NativeReceiverOptions {
  root: Buffer;
  below: Buffer[];
  overwrite: boolean;
  ownership: boolean;
  verify: boolean;
  fsync: 'none' | 'end' | 'file';
  continueOnError: boolean;
  idleTimeoutMs: number;
}

/** A running transfer end: native threads, one for each connection, and one for the walk. */
export interface NativeTransfer {
  /**
   * Starts with the first connection, after HELLO and HELLO_OK. Settles when the transfer has ended and
   * nothing of it is left running. `onConnectionNeeded` is called when a connection's key is spent and
   * cannot be changed: the initiator then opens another, joins, and adds it.
   */
  run(first: NativeConnection, onConnectionNeeded: () => void): Promise<NativeResult>;
  /**
   * Before HELLO or HELLO_OK is said on a further connection: addConnection() or callOffConnection() follows. The
   * transfer does not end for want of connections meanwhile.
   */
  expectConnection(): void;
  /** The one expected, joined. Ownership moves to the transfer. */
  addConnection(connection: NativeConnection): void;
  callOffConnection(): void;
  /** How many are not closed yet, with those expected. */
  connectionsOpen(): number;
  progress(): NativeProgress;
  /** run() rejects with ABORT_ERR within milliseconds, or can no longer be called. Idempotent. */
  cancel(): void;
}

/** One end of a relay. Ownership of its connection moves to the relay, also when it throws. */
export type NativeRelayEnd = {
  /** Read from it before: goes first. */
  initial: Buffer;
} & (
  | {
      fd: number;
      /** Where its handshake left it; undefined for plain TCP. */
      tls?: NativeConnectionOptions['tls'];
    }
  | {
      /** Closed from then on. With a write or a thread under way it cannot be had: ABORT_ERR. */
      socket: NativeSocket;
    }
);

export interface NativeRelayOptions {
  mode: 'auto' | 'copy' | 'splice' | 'sockmap';
  /** mode 'sockmap': go on as 'auto' where it cannot be had. */
  fallback: boolean;
  /** 0: no limit. */
  idleTimeoutMs: number;
  /** 0: no limit. */
  timeoutMs: number;
  /** mode 'sockmap': bytes. */
  backlogLimit: number;
}

export interface NativeRelayDirection {
  bytes: number;
  /** Of `bytes`, by the way they went. */
  copied: number;
  spliced: number;
  mapped: number;
  mode: 'copy' | 'splice' | 'sockmap';
  /** How often the mode changed. */
  changes: number;
  reason: string;
  /** Why mode 'sockmap' was not followed; empty otherwise. */
  fallback: string;
}

/** A running relay, on threads that all relays of the environment share. */
export interface NativeRelay {
  progress(): {
    aToB: NativeRelayDirection;
    bToA: NativeRelayDirection;
    /** null: no TLS on that end. */
    recordA: RecordReport | null;
    recordB: RecordReport | null;
  };
  /** Both peers see a reset; onEnd comes with ABORT_ERR. Idempotent. */
  cancel(): void;
}

export type NativeRelayConstructor = new (
  a: NativeRelayEnd,
  b: NativeRelayEnd,
  options: NativeRelayOptions,
  /** Called once, when both sockets are closed. `side` is where a failure was met. */
  onEnd: (error: Error | undefined, side: 'a' | 'b' | undefined) => void,
) => NativeRelay;

export interface SockmapSupport {
  available: boolean;
  /** Why not; empty when available. */
  reason: string;
  /** Map entries in use: three for each direction that the kernel moves. */
  entries: number;
}

export interface SocketAddress {
  address: string;
  port: number;
  family: 'IPv4' | 'IPv6';
}

/**
 * A TLS connection after its handshake, on the event loop. Nothing blocks. While it reads, or a write
 * waits, it keeps the loop alive and itself from the garbage collector; collected, it closes. No callback
 * may throw; none comes after close().
 */
export interface NativeSocket {
  readonly record: RecordReport;
  /** Application data. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** True when something waits that no event will tell of: pump() then, but not from within this call. */
  readStart(): boolean;
  readStop(): void;
  pump(): void;
  /**
   * Writes the chunks in order; they must not change until it is done. True when all of it is with the
   * kernel; else onWritten comes, and until then nothing else may be written.
   */
  write(chunks: Uint8Array[]): boolean;
  /**
   * KeyUpdate (RFC 8446, 4.6.3), which asks the peer for one of its own where `requestPeer`. As write().
   *
   * @throws ERR_KTLS_KEY_UPDATE_UNSUPPORTED, which leaves the connection as it was.
   */
  updateKey(requestPeer: boolean): boolean;
  /** close_notify, then TCP's end of stream. As write(). */
  shutDown(): boolean;
  /** As write(), from a thread: for as much as would hold the loop. Resolves with the bytes. */
  writeOnThread(chunks: Uint8Array[]): Promise<number>;
  /**
   * Sends `head`, then `count` bytes of a file, while nothing else is written: a few at once, where they are in
   * memory and the peer takes them, else from a thread. Gives the bytes, those of the head too;
   * ERR_KTLS_FILE_CHANGED when the file ends before. What was sent is in bytesWritten then. Where it is `given`, the
   * descriptor belongs to the socket from now on, also when this throws.
   */
  sendFile(
    fd: number,
    offset: number,
    count: number,
    head: Uint8Array[],
    given: boolean,
  ): Promise<number> | number;
  /** Makes the running writeOnThread() or sendFile() reject with ABORT_ERR within milliseconds. */
  cancelJob(): void;
  /** Idempotent. `reset`: the peer is told so by a reset. A running thread is stopped, and rejects. */
  close(reset: boolean): void;
  setReferenced(referenced: boolean): void;
  setNoDelay(on: boolean): void;
  /** 0 seconds: as the kernel has it. */
  setKeepAlive(on: boolean, idleSeconds: number): void;
  address(peer: boolean): SocketAddress | undefined;
}

export type NativeSocketConstructor = new (
  options: NativeConnectionOptions,
  /** Application data: these bytes of `memory`, which are the receiver's from now on; `lent`: for this call only. */
  onRead: (memory: Buffer, start: number, end: number, lent: boolean) => void,
  /** Nothing more can be read: close_notify came, or an error, with the peer's alert or -1. */
  onEnd: (error?: Error, alert?: number) => void,
  onWritten: (error?: Error) => void,
  /** A NewSessionTicket message (RFC 8446, 4.6.1). */
  onTicket: (message: Buffer) => void,
) => NativeSocket;

export interface Addon {
  initialize(createError: CreateNativeError): void;
  probe(): ProbeReport;
  /** F_DUPFD_CLOEXEC. */
  duplicateDescriptor(fd: number): number;
  /**
   * For those that the addon opened, in whose place Node's fs would warn in a worker, and for those that a program
   * gave away.
   */
  closeDescriptor(fd: number): void;
  /** The same; the peer of a TCP connection is told by a reset. */
  resetDescriptor(fd: number): void;
  /**
   * Opens for reading, confined below `root` where that is given (RESOLVE_BENEATH). Undefined where the
   * kernel would have to ask the disk: openFile() then. `facts` get what fstat(2)
   * says: mode, size, time of the last change of the content in milliseconds.
   */
  openCachedFile(path: string, root: string | undefined, facts: Float64Array): number | undefined;
  openFile(path: string, root?: string): Promise<number>;
  /** The number of bytes read; -1 where it would have to wait, or cannot. */
  readCached(fd: number, offset: number, into: Uint8Array): number;
  HandshakeChannel: HandshakeChannelConstructor;
  RecordKey: RecordKeyConstructor;
  /** HKDF-Expand-Label (RFC 8446, 7.1) with the suite's hash; `label` without 'tls13 '. */
  expandLabel(cipher: CipherName, secret: Buffer, label: Buffer, context: Buffer, length: number): Buffer;
  Relay: NativeRelayConstructor;
  sockmapSupport(): SockmapSupport;
  Socket: NativeSocketConstructor;
  TlsContext: TlsContextConstructor;
  Connection: new (options: NativeConnectionOptions) => NativeConnection;
  Sender: new (options: NativeSenderOptions) => NativeTransfer;
  Receiver: new (options: NativeReceiverOptions) => NativeTransfer;
}

let loaded: Addon | undefined;

/**
 * The addon, loaded at first use, so that importing the package works on any system.
 *
 * @throws ERR_KTLS_UNSUPPORTED with what to do, where it cannot be loaded.
 */
export function native(): Addon {
  if (loaded === undefined) {
    loaded = load();
    loaded.initialize(createNativeError);
  }
  return loaded;
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw new KtlsUnsupportedError(`ktls-transfer needs Linux; this is ${process.platform}`);
  }
  try {
    const nodeGypBuild: (root: string) => Addon = require('node-gyp-build');
    return nodeGypBuild(join(__dirname, '..'));
  } catch (cause) {
    throw new KtlsUnsupportedError(
      `the native addon could not be loaded (${process.platform} ${process.arch}, Node ${process.version}): ` +
        'no prebuilt binary fits; build it with "npm run build:native" in the package, which needs a C++20 compiler, make and Python 3',
      { cause },
    );
  }
}
