// Keying material for other protocols, out of what a handshake agreed on (RFC 8446, 7.5; RFC 5705).
import { createHash } from 'node:crypto';

import { KtlsError } from '../errors';
import { native } from '../native';
import { SUITES } from './cipher';
import type { Agreement } from './tls-session';
import { prf } from './tls12-keys';

export interface ExporterKeys extends Agreement {
  /** The exporter_master_secret; in TLS 1.2 the master secret. */
  secret: Buffer;
  randoms: { client: Buffer; server: Buffer };
}

const MOST_BLOCKS = 255;
/** One byte counts it, with 'tls13 ' before it (RFC 8446, 7.1). */
const LONGEST_LABEL = 249;
const LONGEST_CONTEXT = 65_535;
const EXPORTER = Buffer.from('exporter');
/** What TLS 1.2 derives by the same function (RFC 5246; RFC 7627). */
const TAKEN = [
  'client finished',
  'server finished',
  'master secret',
  'extended master secret',
  'key expansion',
];

/** @throws ERR_KTLS_INVALID_OPTION */
export function exportKeyingMaterial(
  { version, cipher, secret, randoms }: ExporterKeys,
  length: number,
  label: string,
  context?: Uint8Array,
): Buffer {
  const { hash } = SUITES[cipher];
  const name = Buffer.from(label, 'latin1');
  const most = MOST_BLOCKS * digest(hash, '').length;
  if (!Number.isInteger(length) || length < 1 || length > most) {
    throw invalid('length', `must be an integer from 1 to ${most}`);
  }
  if (name.length > LONGEST_LABEL || (version === 'TLSv1.2' && TAKEN.includes(label))) {
    throw invalid('label', `must have at most ${LONGEST_LABEL} bytes, and not be one of TLS's own`);
  }
  if (version === 'TLSv1.3') {
    const { expandLabel } = native();
    const derived = expandLabel(cipher, secret, name, digest(hash, ''), secret.length);
    return expandLabel(cipher, derived, EXPORTER, digest(hash, context ?? ''), length);
  }
  if (context !== undefined && context.length > LONGEST_CONTEXT) {
    throw invalid('context', `must have at most ${LONGEST_CONTEXT} bytes`);
  }
  const given = context === undefined ? [] : [uint16(context.length), context];
  return prf(hash, secret, label, Buffer.concat([randoms.client, randoms.server, ...given]), length);
}

function digest(hash: string, data: string | Uint8Array): Buffer {
  return createHash(hash).update(data).digest();
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

function invalid(name: string, message: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', `exportKeyingMaterial(): '${name}' ${message}`);
}
