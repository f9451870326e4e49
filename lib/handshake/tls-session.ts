// What a handshake agreed on, asked as a tls.TLSSocket is.
import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, EphemeralKeyInfo, PeerCertificate } from 'node:tls';

import { KtlsError } from '../errors';
import type { CipherName } from '../native';
import { recordCipher, type Version } from './cipher';
import { exportKeyingMaterial } from './exporter';
import type { NativeHandshakeChannel, NativeHandshakeOptions, NativeTlsContext } from './native';
import { verifyErrorName } from './verify-error';

export interface CipherNameAndProtocol {
  name: string;
  standardName: string;
  version: string;
}

/** What the record layers are told. */
export interface Agreement {
  version: Version;
  cipher: CipherName;
}

/** Each method is that of tls.TLSSocket; after destroy() there is nothing to tell. */
export class TlsSession {
  /** A client's, when its server was judged: why not, as OpenSSL calls it or checkServerIdentity(). */
  authorizationError: string | undefined;

  #channel: NativeHandshakeChannel | undefined;
  readonly #server: boolean;
  /** Lives as long as the channel may be fed. */
  readonly context: NativeTlsContext;

  constructor(channel: NativeHandshakeChannel, { server, context }: NativeHandshakeOptions) {
    this.#channel = channel;
    this.#server = server;
    this.context = context;
  }

  /** Frees what only this needs. Idempotent. */
  destroy(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  get servername(): string | false {
    return this.#channel?.servername ?? false;
  }

  get alpnProtocol(): string | false {
    return this.#channel?.alpnProtocol ?? false;
  }

  /** Whether the client proved that it holds the secret. A server's, before the hand-over. */
  get usedPsk(): boolean {
    return this.#channel?.usedPsk ?? false;
  }

  /** What is wrong with the peer's chain, as OpenSSL calls it; undefined where nothing is. */
  verifyError(): string | undefined {
    // Without a way to ask there is no answer that lets anybody in.
    if (this.#channel === undefined) return 'UNSPECIFIED';
    return verifyErrorName(this.#channel.verifyError);
  }

  isSessionReused(): boolean {
    return this.#channel?.sessionReused ?? false;
  }

  getProtocol(): string | null {
    return this.#channel?.protocol ?? null;
  }

  getCipher(): CipherNameAndProtocol | undefined {
    return this.#channel?.cipher();
  }

  /** @throws where it is something that the record layers do not know. */
  agreed(): Agreement {
    const version = this.getProtocol() as Version;
    const { standardName = '' } = this.getCipher() ?? {};
    const cipher = recordCipher(standardName, version);
    if (cipher === undefined) throw new Error(`OpenSSL negotiated ${version} ${standardName}`);
    return { version, cipher };
  }

  getSession(): Buffer | undefined {
    return this.#channel?.session();
  }

  getEphemeralKeyInfo(): EphemeralKeyInfo | object | null {
    if (this.#channel === undefined || this.#server) return null;
    return this.#channel.ephemeralKey() ?? {};
  }

  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate;
  getPeerCertificate(detailed = false): PeerCertificate | object | null {
    if (this.#channel === undefined) return null;
    const chain = this.#channel.peerCertificates(detailed).map((der) => new X509Certificate(der));
    const objects = chain.map(legacyObject);
    const [first = {}] = objects;
    if (!detailed) return first;
    const last = chain.at(-1);
    objects.forEach((object, index) => {
      const issuer = objects[index + 1] ?? (last?.checkIssued(last) ? object : undefined);
      if (issuer !== undefined) Object.assign(object, { issuerCertificate: issuer });
    });
    return first;
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return x509(this.#channel?.peerCertificates(false)[0]);
  }

  getCertificate(): PeerCertificate | object | null {
    if (this.#channel === undefined) return null;
    const own = this.getX509Certificate();
    return own === undefined ? {} : legacyObject(own);
  }

  getX509Certificate(): X509Certificate | undefined {
    return x509(this.#channel?.certificate());
  }

  getFinished(): Buffer | undefined {
    return this.#channel?.finished(false);
  }

  getPeerFinished(): Buffer | undefined {
    return this.#channel?.finished(true);
  }

  getSharedSigalgs(): string[] {
    return this.#channel?.sharedSignatureAlgorithms() ?? [];
  }

  /** @throws ERR_KTLS_INVALID_OPTION; ERR_KTLS_UNSUPPORTED after destroy() */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    if (this.#channel === undefined) {
      throw new KtlsError('ERR_KTLS_UNSUPPORTED', 'exportKeyingMaterial(): the socket was destroyed');
    }
    const keys = {
      ...this.agreed(),
      secret: this.#channel.exporterSecret(),
      randoms: this.#channel.randoms(),
    };
    return exportKeyingMaterial(keys, length, String(label), context);
  }
}

function x509(der: Buffer | undefined): X509Certificate | undefined {
  return der === undefined ? undefined : new X509Certificate(der);
}

/** As node:tls shows certificates: authority information access not as text, but by method. */
function legacyObject(certificate: X509Certificate): PeerCertificate {
  const object = certificate.toLegacyObject();
  const { infoAccess } = object as { infoAccess?: unknown };
  if (typeof infoAccess !== 'string') return object;
  const byMethod: Record<string, string[]> = Object.create(null);
  for (const [, method = '', location = ''] of infoAccess.matchAll(/([^\n:]*):([^\n]*)/g)) {
    // What could be mistaken for more lines comes as a JSON string.
    const text: string = location.startsWith('"') ? JSON.parse(location) : location;
    byMethod[method] = [...(byMethod[method] ?? []), text];
  }
  return Object.assign(object, { infoAccess: byMethod });
}
