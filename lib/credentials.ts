// The options that say who may talk to whom, checked and made ready for node:tls: once, for any number
// of connections.
import { constants, createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';

import type { SecurityOptions } from '../types/index';
import { escapeText, KtlsError } from './errors';
import type { ServerContext } from './handshake/accept';
import type { ClientContext } from './handshake/connect';
import type { AlertName, Refusal } from './handshake/failure';
import type { TlsSession } from './handshake/tls-session';
import type { CipherName } from './native';
import { preSharedKey } from './secret';

export type Credentials = Pick<
  SecurityOptions,
  'secret' | 'cert' | 'key' | 'passphrase' | 'ca' | 'fingerprint' | 'cipher'
>;

/**
 * The PSK identity. It names the role of the end that sends it (RFC 9257, 5.1): no key of ours is ever
 * offered by a server. It tells nothing of the secret, so that a listener has nothing to guess against.
 */
const CLIENT_IDENTITY = 'ktls-transfer client 1';

/** Servers only: what another service of the process resumes is not taken here. */
const SESSION_ID_CONTEXT = 'ktls-transfer';

/** In order of preference. A PSK goes with SHA-256 only; OpenSSL drops it silently beside SHA-384. */
const SECRET_CIPHERS: CipherName[] = ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];
export const CERTIFICATE_CIPHERS: CipherName[] = [...SECRET_CIPHERS, 'TLS_AES_256_GCM_SHA384'];

/** @throws ERR_KTLS_INVALID_OPTION */
export async function clientContext(credentials: Credentials): Promise<ClientContext> {
  checkCombination(credentials, 'client');
  if (credentials.secret !== undefined) {
    const psk = { identity: CLIENT_IDENTITY, key: await preSharedKey(credentials.secret) };
    return {
      authentication: 'secret',
      options: {
        // No authority at all: a server that does not take the secret cannot get by with a certificate.
        secureContext: secureContext(credentials, { ca: [] }),
        psk,
      },
      checkServerIdentity: () => undefined,
      verify: (tls) => (tls.isSessionReused() ? undefined : secretNotTaken()),
    };
  }
  const pins = parseFingerprints(credentials.fingerprint);
  return {
    authentication: 'certificate',
    options: { secureContext: secureContext(credentials) },
    ...(pins.length > 0 ? { checkServerIdentity: () => undefined } : {}),
    verify: (tls, host) =>
      pins.length > 0 ? refusalByPin(tls, pins) : refusalByChain(tls.authorizationError, host),
  };
}

/** @throws ERR_KTLS_INVALID_OPTION */
export async function serverContext(credentials: Credentials): Promise<ServerContext> {
  checkCombination(credentials, 'server');
  if (credentials.secret !== undefined) {
    const psk = { identity: CLIENT_IDENTITY, key: await preSharedKey(credentials.secret) };
    const context = secureContext(credentials, { ca: [], sessionIdContext: SESSION_ID_CONTEXT });
    return {
      authentication: 'secret',
      secureContext: () => context,
      options: { psk },
      // A session that was resumed would come without the secret.
      verify: (tls) => (tls.isSessionReused() && tls.usedPsk ? undefined : secretNotTaken()),
      identity: (tls) => (tls.usedPsk ? psk.identity : undefined),
    };
  }
  const pins = parseFingerprints(credentials.fingerprint);
  const context = secureContext(credentials, { sessionIdContext: SESSION_ID_CONTEXT });
  return {
    authentication: 'certificate',
    secureContext: () => context,
    options: { requestCert: true },
    verify: (tls) => {
      if (tls.getPeerX509Certificate() === undefined) return certificateMissing();
      if (pins.length > 0) return refusalByPin(tls, pins);
      return refusalByChain(tls.verifyError());
    },
    identity: (tls) => {
      const certificate = tls.getPeerX509Certificate();
      return certificate && `sha256:${spkiDigest(certificate.publicKey)}`;
    },
  };
}

/**
 * For a server that anybody may talk to: it proves who it is, and asks nobody who they are.
 *
 * @throws ERR_KTLS_INVALID_OPTION
 */
export async function publicServerContext(credentials: Credentials): Promise<ServerContext> {
  if (credentials.cert === undefined || credentials.key === undefined) {
    throw invalid('cert', 'or key is missing: a TLS server needs both');
  }
  const context = secureContext(credentials, { sessionIdContext: SESSION_ID_CONTEXT });
  return {
    authentication: 'certificate',
    secureContext: () => context,
    options: {},
    verify: () => undefined,
    identity: () => undefined,
  };
}

/**
 * The SHA-256 of a certificate's SubjectPublicKeyInfo, in hexadecimal: what `fingerprint` takes.
 *
 * @param cert - PEM or DER.
 * @throws ERR_KTLS_INVALID_OPTION
 */
export function certificateFingerprint(cert: string | Buffer): string {
  return spkiDigest(parseCertificate(cert, 'cert').publicKey);
}

function checkCombination(credentials: Credentials, role: 'client' | 'server'): void {
  const { secret, cert, key, ca, fingerprint, cipher } = credentials;
  const certificates = { cert, key, ca, fingerprint };
  if (secret !== undefined) {
    for (const [name, value] of Object.entries(certificates)) {
      if (value !== undefined) throw invalid(name, 'cannot be used together with secret: choose one of them');
    }
    if (cipher === 'TLS_AES_256_GCM_SHA384') {
      throw invalid(
        'cipher',
        'TLS_AES_256_GCM_SHA384 needs certificates: a secret works with SHA-256 ciphers only',
      );
    }
  } else {
    if ((cert === undefined) !== (key === undefined)) throw invalid('cert', 'and key go together: give both');
    if (role === 'server' && cert === undefined)
      throw invalid('secret', 'is missing: give it, or cert and key');
    if (role === 'server' && ca === undefined && fingerprint === undefined) {
      throw invalid('ca', 'or fingerprint is missing: without them anybody would be let in');
    }
    if (role === 'client' && Object.values(certificates).every((value) => value === undefined)) {
      throw invalid('secret', 'is missing: give it, or the ca or fingerprint of the peer');
    }
  }
  if (cipher !== undefined && !CERTIFICATE_CIPHERS.includes(cipher)) {
    throw invalid('cipher', `must be one of ${CERTIFICATE_CIPHERS.join(', ')}`);
  }
}

function secureContext(credentials: Credentials, fixed: SecureContextOptions = {}): SecureContext {
  const { secret, cert, key, passphrase, ca, cipher } = credentials;
  const authorities = ca === undefined ? [] : [ca].flat();
  for (const authority of authorities) parseCertificate(authority as string | Buffer, 'ca');
  try {
    return createSecureContext({
      ...(cert === undefined ? {} : { cert, key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(authorities.length === 0 ? {} : { ca: authorities as (string | Buffer)[] }),
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: (cipher ? [cipher] : secret === undefined ? CERTIFICATE_CIPHERS : SECRET_CIPHERS).join(':'),
      honorCipherOrder: true,
      // A ticket would let a peer in again after its secret or certificate was withdrawn.
      secureOptions: constants.SSL_OP_NO_TICKET,
      ...fixed,
    });
  } catch (cause) {
    const message = `option 'cert' or 'key' cannot be used: ${escapeText((cause as Error).message)}`;
    throw new KtlsError('ERR_KTLS_INVALID_OPTION', message, { cause });
  }
}

function parseCertificate(pem: string | Buffer, option: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new KtlsError('ERR_KTLS_INVALID_OPTION', `option '${option}' is not a certificate in PEM`, {
      cause,
    });
  }
}

/** Hexadecimal with or without colons, or base64; `sha256:` and curl's `sha256//` may stand before it. */
function parseFingerprints(fingerprint: string | readonly string[] | undefined): string[] {
  if (fingerprint === undefined) return [];
  return [fingerprint].flat().map((text) => {
    const bare = text.trim().replace(/^sha256(?:\/\/|:)/i, '');
    const hex = bare.replaceAll(':', '');
    if (/^[0-9a-f]{64}$/i.test(hex)) return hex.toLowerCase();
    if (/^[0-9a-z+/_-]{43}=?$/i.test(bare)) return Buffer.from(bare, 'base64').toString('hex');
    throw invalid(
      'fingerprint',
      'must be a SHA-256 in hexadecimal or base64, as "ktls-transfer fingerprint" prints it',
    );
  });
}

function spkiDigest(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

// --- What is wrong with a peer ---------------------------------------------------------------------------

function refusalByPin(tls: TlsSession, pins: string[]): Refusal | undefined {
  const certificate = tls.getPeerX509Certificate();
  if (certificate === undefined) return certificateMissing();
  const digest = spkiDigest(certificate.publicKey);
  if (pins.includes(digest)) return undefined;
  return bad(
    `the peer's certificate has the fingerprint ${digest}, which is not the pinned one`,
    'bad_certificate',
  );
}

/** `name` is OpenSSL's for what is wrong with the chain, or Node's; undefined where nothing is. */
export function refusalByChain(name: string | undefined, host?: string): Refusal | undefined {
  if (name === undefined) return undefined;
  if (name === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return bad(
      `the peer's certificate is not for ${host}: dial it by a name it bears, or pin its fingerprint`,
      'bad_certificate',
    );
  }
  if (name === 'CERT_HAS_EXPIRED')
    return bad("the peer's certificate has expired: renew it", 'certificate_expired');
  if (name === 'CERT_NOT_YET_VALID') {
    return bad("the peer's certificate is not valid yet: compare the clocks", 'certificate_expired');
  }
  if (name === 'CERT_REVOKED') return bad("the peer's certificate was revoked", 'certificate_revoked');
  return bad(
    `the peer's certificate is not trusted (${name}): give its authority as ca, or pin its fingerprint`,
    'unknown_ca',
  );
}

export function certificateMissing(): Refusal {
  return bad('the peer has no certificate: give it cert and key', 'certificate_required');
}

function secretNotTaken(): Refusal {
  return {
    code: 'ERR_KTLS_WRONG_SECRET',
    message: 'the peer does not use the shared secret: give both ends the same',
    alert: 'access_denied',
  };
}

function bad(message: string, alert: AlertName): Refusal {
  return { code: 'ERR_KTLS_CERTIFICATE', message, alert };
}

function invalid(option: string, message: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', `option '${option}' ${message}`);
}
