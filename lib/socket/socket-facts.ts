// What a KtlsSocket can be asked: who is at the other end, and what the handshake agreed on.
import { Duplex, type DuplexOptions } from 'node:stream';
import type { TLSSocket } from 'node:tls';

import { KtlsError } from '../errors';
import type { Version } from '../handshake/cipher';
import type { Authentication } from '../handshake/failure';
import type { TlsSession } from '../handshake/tls-session';
import type { NativeConnectionOptions, NativeSocket, SocketAddress } from '../native';

/** What the handshake knows. */
export interface Session {
  tls: TlsSession;
  authentication: Authentication;
  /** Whether the peer proved who it is. */
  authorized: boolean;
  authorizationError: string | undefined;
  /** A client's. See Established. */
  feedTicket?: ((message: Buffer) => void) | undefined;
}

export interface SocketKeys extends Omit<NonNullable<NativeConnectionOptions['tls']>, 'kernel'> {
  /** Ownership of the descriptor moves to the socket, also when its constructor throws. */
  fd: number;
}

export abstract class SocketFacts extends Duplex {
  protected abstract readonly native: NativeSocket;
  #local: SocketAddress | undefined;
  #remote: SocketAddress | undefined;

  constructor(
    private readonly keys: Pick<SocketKeys, 'cipher' | 'version'>,
    protected readonly session: Session | undefined,
    options: DuplexOptions,
  ) {
    super(options);
  }

  address(): SocketAddress | Record<string, never> {
    return this.#localAddress() ?? {};
  }

  get localAddress(): string | undefined {
    return this.#localAddress()?.address;
  }
  get localPort(): number | undefined {
    return this.#localAddress()?.port;
  }
  get localFamily(): string | undefined {
    return this.#localAddress()?.family;
  }
  get remoteAddress(): string | undefined {
    return this.#remoteAddress()?.address;
  }
  get remotePort(): number | undefined {
    return this.#remoteAddress()?.port;
  }
  get remoteFamily(): string | undefined {
    return this.#remoteAddress()?.family;
  }

  #localAddress(): SocketAddress | undefined {
    this.#local ??= this.native.address(false);
    return this.#local;
  }

  #remoteAddress(): SocketAddress | undefined {
    this.#remote ??= this.native.address(true);
    return this.#remote;
  }

  get alpnProtocol(): string | false | null {
    return this.session?.tls.alpnProtocol ?? false;
  }
  get servername(): string | false | undefined {
    return this.session?.tls.servername;
  }
  getSession(): Buffer | undefined {
    return this.session?.tls.getSession();
  }
  isSessionReused(): boolean {
    return this.session?.tls.isSessionReused() ?? false;
  }
  getProtocol(): Version {
    return this.keys.version ?? 'TLSv1.3';
  }
  getCipher(): { name: string; standardName: string; version: string } {
    const { cipher } = this.keys;
    return (
      this.session?.tls.getCipher() ?? { name: cipher, standardName: cipher, version: this.getProtocol() }
    );
  }
  getEphemeralKeyInfo(): ReturnType<TLSSocket['getEphemeralKeyInfo']> {
    return this.#asked('getEphemeralKeyInfo').getEphemeralKeyInfo();
  }
  getPeerCertificate(detailed = false): ReturnType<TLSSocket['getPeerCertificate']> {
    return this.#asked('getPeerCertificate').getPeerCertificate(detailed);
  }
  getPeerX509Certificate(): ReturnType<TLSSocket['getPeerX509Certificate']> {
    return this.#asked('getPeerX509Certificate').getPeerX509Certificate();
  }
  getCertificate(): ReturnType<TLSSocket['getCertificate']> {
    return this.#asked('getCertificate').getCertificate();
  }
  getX509Certificate(): ReturnType<TLSSocket['getX509Certificate']> {
    return this.#asked('getX509Certificate').getX509Certificate();
  }
  getFinished(): Buffer | undefined {
    return this.#asked('getFinished').getFinished();
  }
  getPeerFinished(): Buffer | undefined {
    return this.#asked('getPeerFinished').getPeerFinished();
  }
  getSharedSigalgs(): string[] {
    return this.#asked('getSharedSigalgs').getSharedSigalgs();
  }
  exportKeyingMaterial(length: number, label: string, context?: Buffer): Buffer {
    return this.#asked('exportKeyingMaterial').exportKeyingMaterial(length, label, context);
  }

  #asked(what: string): TlsSession {
    if (this.session !== undefined) return this.session.tls;
    throw new KtlsError('ERR_KTLS_UNSUPPORTED', `${what}(): an adopted connection knows only its keys`);
  }
}
