// The cipher suites that the record layers know, by the names of OpenSSL and the RFCs.
import type { CipherName } from '../native';

export type Version = 'TLSv1.2' | 'TLSv1.3';

interface Suite {
  keyLength: number;
  hash: 'sha256' | 'sha384';
}

/** RFC 8446, B.4. */
export const SUITES: Record<CipherName, Suite> = {
  TLS_AES_128_GCM_SHA256: { keyLength: 16, hash: 'sha256' },
  TLS_AES_256_GCM_SHA384: { keyLength: 32, hash: 'sha384' },
  TLS_CHACHA20_POLY1305_SHA256: { keyLength: 32, hash: 'sha256' },
};

export const CIPHER_NAMES = Object.keys(SUITES) as CipherName[];

/** For TLS 1.2, in order of preference: RFC 5289 and RFC 7905, as OpenSSL names them. */
export const TLS12_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];

/** The suites whose traffic secrets have this length: 32 (SHA-256) or 48 (SHA-384). */
export function suitesBySecret(secret: Buffer): CipherName[] {
  return CIPHER_NAMES.filter((name) => (SUITES[name].hash === 'sha256' ? 32 : 48) === secret.length);
}

/**
 * What the record layer calls a suite that was agreed on: in TLS 1.2 that of TLS 1.3 with the same AEAD and
 * hash; the key exchange does not concern it. Undefined for one that it does not know.
 */
export function recordCipher(standardName: string, version: Version): CipherName | undefined {
  const name =
    version === 'TLSv1.2' ? standardName.replace(/^TLS_ECDHE_(RSA|ECDSA)_WITH_/, 'TLS_') : standardName;
  return CIPHER_NAMES.find((known) => known === name);
}
