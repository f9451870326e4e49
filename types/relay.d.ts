// ktls-transfer/relay: from socket to socket, outside JavaScript. lib/relay implements exactly these.
/// <reference types="node" />

import type { EventEmitter } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

import type { KernelPolicy, KtlsSocket, RecordReport, SecurityOptions } from './index.js';

// ---------------------------------------------------------------------------------------------------
// Two sockets
// ---------------------------------------------------------------------------------------------------

/**
 * Moves bytes between two connections, in both directions, until both have ended: each end's end of stream
 * becomes the other's (with close_notify where there is TLS), a reset becomes a reset.
 *
 * Both belong to the relay from then on, and are closed by it, also when it fails. A `net.Socket` or
 * `KtlsSocket` is destroyed without harm to its connection (its `close` event fires); what it had read goes
 * first, and what was written to it before is sent before. Nothing else may read it while relay() is called.
 *
 * @throws ERR_KTLS_INVALID_OPTION, before anything is taken.
 *
 * @example
 * const result = await relay(client, upstream, { idleTimeout: 60_000, signal });
 * console.log(result.bytesAtoB, result.bytesBtoA, result.mode, result.reason);
 */
export function relay(a: RelaySocket, b: RelaySocket, options?: RelayOptions): Relay;

/**
 * A connected socket, or the descriptor of a connected stream socket, TCP or Unix. Of a TLS connection only a
 * KtlsSocket: what a `tls.TLSSocket` has for keys is inside Node.
 */
export type RelaySocket = Socket | KtlsSocket | number;

/**
 * How bytes move. `'copy'`: through a buffer. `'splice'`: through a pipe, without being copied; where a record
 * layer of the pair is in user space it is `'copy'`. `'sockmap'`: by the kernel alone, for plain TCP between
 * peers that are trusted to read, because it cannot hold a writer back; needs CAP_BPF and CAP_NET_ADMIN.
 * `'auto'`: copy or splice, as the traffic of each direction turns out; may change while it runs. Never sockmap.
 * docs/relay.md tells when each wins.
 */
export type RelayMode = 'auto' | 'copy' | 'splice' | 'sockmap';

export interface RelayOptions {
  /** Default `'auto'`. */
  mode?: RelayMode | undefined;
  /**
   * With `mode: 'sockmap'`: go on as `'auto'` where it cannot be had, with the reason in `reason`, instead of
   * failing with ERR_KTLS_SOCKMAP_UNAVAILABLE. Default false.
   */
  fallback?: boolean | undefined;
  /** Milliseconds in which neither direction moves a byte. ERR_KTLS_IDLE_TIMEOUT. Default 0: no limit. */
  idleTimeout?: number | undefined;
  /** Milliseconds for the whole life of the relay. ERR_KTLS_TIMEOUT. Default 0: no limit. */
  timeout?: number | undefined;
  /**
   * With `mode: 'sockmap'`: bytes that one peer has sent and the other not acknowledged. Above it the relay
   * fails with ERR_KTLS_RELAY_BACKLOG. Default 67,108,864.
   */
  backlogLimit?: number | undefined;
  /** Aborts it: both peers see a reset, and it rejects with an AbortError. */
  signal?: AbortSignal | undefined;
}

/** One direction. */
export interface RelayDirection {
  /** Handed to the far socket; with sockmap, acknowledged by the far peer. */
  bytes: number;
  /** Of `bytes`, by the way they went. */
  copied: number;
  spliced: number;
  mapped: number;
  /** Now, or at the end. */
  mode: 'copy' | 'splice' | 'sockmap';
  /** How often `mode` changed. */
  modeChanges: number;
  /** Why this mode, in words. */
  reason: string;
}

export interface RelayProgress {
  bytesAtoB: number;
  bytesBtoA: number;
  /** The one that moved most. */
  mode: 'copy' | 'splice' | 'sockmap';
  /** Why, in words, for both directions. */
  reason: string;
  aToB: RelayDirection;
  bToA: RelayDirection;
  /** Who encrypts on that side; null without TLS. */
  recordA: RecordReport | null;
  recordB: RecordReport | null;
  /** Milliseconds. */
  durationMs: number;
}

/** A relay whose two directions have ended in order. */
export type RelayResult = RelayProgress;

/**
 * A running relay: a promise of its {@link RelayResult}. It rejects with ERR_KTLS_IDLE_TIMEOUT,
 * ERR_KTLS_TIMEOUT, ERR_KTLS_RELAY_BACKLOG, ERR_KTLS_INTEGRITY, ERR_KTLS_SOCKMAP_UNAVAILABLE,
 * ERR_KTLS_TRUNCATED and what else may befall TLS, an errno name such as ECONNRESET, or an AbortError; both
 * peers then see a reset.
 *
 * It keeps the process alive while it runs. A rejection that nobody handles is an unhandled one.
 */
export class Relay implements Promise<RelayResult>, AsyncDisposable {
  private constructor();
  readonly [Symbol.toStringTag]: string;
  /** After a failure: where it was met, where that can be told. */
  readonly failedSide: 'a' | 'b' | undefined;
  /** These four are of {@link progress}. */
  readonly bytesAtoB: number;
  readonly bytesBtoA: number;
  readonly mode: RelayProgress['mode'];
  readonly reason: string;
  /** How far it is now. */
  progress(): RelayProgress;
  /** As by the signal. Idempotent; does nothing once it has ended. */
  abort(): void;
  // biome-ignore lint/suspicious/noThenProperty: it is awaited like the promise it stands for
  then<T = RelayResult, E = never>(
    onFulfilled?: ((result: RelayResult) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E>;
  catch<E = never>(onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null): Promise<RelayResult | E>;
  finally(onFinally?: (() => void) | null): Promise<RelayResult>;
  /** Aborts it, and resolves when both sockets are closed. Never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------
// A proxy
// ---------------------------------------------------------------------------------------------------

/**
 * A TCP proxy: each connection that it accepts is relayed to one that it makes to the target. TLS may end at
 * it (`tls`), begin at it (`connectTls`), or both.
 *
 * With `listen` it starts by itself; a failure to is the `error` event, unless listen() is called to hear of it.
 *
 * @throws ERR_KTLS_INVALID_OPTION
 *
 * @example
 * createProxy({ listen: 8080, target: 'host:9000' });
 * createProxy({ listen: 443, target: 'host:80', tls: { key, cert } });
 * createProxy({ listen: 80, target: 'host:443', connectTls: { ca } });
 */
export function createProxy(options: ProxyOptions): ProxyServer;

/** Where to listen or connect. */
export interface Endpoint {
  /** Default: every address of the machine to listen on, localhost to connect to. */
  host?: string | undefined;
  port: number;
}

/** Who one end of a TLS connection is, and whom it trusts. TLS 1.3 only. */
export interface ProxyTlsOptions
  extends Pick<SecurityOptions, 'cert' | 'key' | 'passphrase' | 'ca' | 'fingerprint' | 'cipher'> {
  ALPNProtocols?: string[] | undefined;
}

export interface ProxyConnectTlsOptions extends ProxyTlsOptions {
  /** The name that the target's certificate must bear. Default: the target's host. */
  servername?: string | undefined;
}

export interface ProxyOptions {
  /** `8080`, `'8080'`, `'host:8080'`, `'[::1]:8080'` or an object. Port 0 lets the system choose. */
  listen?: number | string | Endpoint | undefined;
  /** Written as `listen` is. */
  target: number | string | Endpoint;
  /**
   * Clients come with TLS. `cert` and `key` are needed; with `ca` or `fingerprint` clients have to show a
   * certificate. Default: they come without.
   */
  tls?: ProxyTlsOptions | undefined;
  /** The target is spoken to with TLS; without `ca` and `fingerprint`, Node's own authorities are trusted. Default false. */
  connectTls?: ProxyConnectTlsOptions | boolean | undefined;
  /** Of both sides. Default `'auto'`. */
  kernel?: KernelPolicy | undefined;
  /** As {@link RelayOptions} has it; so are the next three. */
  mode?: RelayMode | undefined;
  fallback?: boolean | undefined;
  backlogLimit?: number | undefined;
  timeout?: number | undefined;
  /** As {@link RelayOptions} has it, but the default is 600,000. */
  idleTimeout?: number | undefined;
  /** Milliseconds until the target has accepted. Default 10,000. */
  connectTimeout?: number | undefined;
  /** Milliseconds for each TLS handshake. Default 10,000. */
  handshakeTimeout?: number | undefined;
  /** At once; a further one is closed unheard. Default 10,000. */
  maxConnections?: number | undefined;
}

export interface ProxyEvents {
  /** It listens. */
  listening: [address: AddressInfo];
  /** Both sides are connected, and their relay runs. `peer` is the client's `host:port`. */
  connection: [relay: Relay, peer: string];
  /** The relay ended in order. */
  connectionEnd: [result: RelayResult, peer: string];
  /** A connection failed, before its relay ran or while it did. The proxy goes on. */
  connectionError: [error: Error, peer: string];
  /** It cannot listen, or not any more. */
  error: [error: Error];
  /** Nothing listens, and no connection is left. */
  close: [];
}

/** Made by {@link createProxy}. */
export class ProxyServer extends EventEmitter<ProxyEvents> implements AsyncDisposable {
  private constructor();
  /** Connections that are relayed, or on their way to be. */
  readonly connections: number;
  /** Connections that were closed at once, because of `maxConnections` or because it closes. */
  readonly turnedAway: number;
  /**
   * Starts it; resolves with where it listens. Without an argument also where it was told to by its options.
   *
   * @throws ERR_KTLS_INVALID_OPTION, also where it was told twice; it rejects with the errno name as
   *   `code`: EADDRINUSE, EACCES …
   */
  listen(where?: number | string | Endpoint): Promise<AddressInfo>;
  /** Where it listens, null when it does not. */
  address(): AddressInfo | null;
  /**
   * Takes no more connections, and drops those whose relay does not run yet; resolves when the running relays
   * have ended, which `abort: true` makes happen at once. It may be called again, to abort what did not end.
   */
  close(options?: { abort?: boolean | undefined }): Promise<void>;
  /** `close({ abort: true })`. */
  [Symbol.asyncDispose](): Promise<void>;
}
