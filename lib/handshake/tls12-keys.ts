// The keys of a TLS 1.2 connection, from its master secret (RFC 5246, 5 and 6.3).
import { createHmac } from 'node:crypto';

import type { CipherName, TrafficState } from '../native';
import { SUITES } from './cipher';

/** Both ends have sent one record under their keys: Finished. */
const AFTER_FINISHED = 1n;
const SALT_LENGTH = 4;
const EXPLICIT_NONCE_LENGTH = 8;
/** A Finished message of 16 bytes behind header and explicit nonce, before the tag (RFC 5288, 3). */
const HEADER_LENGTH = 5;
const FINISHED_RECORD_LENGTH = HEADER_LENGTH + EXPLICIT_NONCE_LENGTH + 16 + 16;
/** RFC 7905, 2. */
const CHACHA_IV_LENGTH = 12;

/** PRF(secret, label, seed): P_hash of the suite's hash. */
export function prf(
  hash: 'sha256' | 'sha384',
  secret: Buffer,
  label: string,
  seed: Buffer,
  length: number,
): Buffer {
  const start = Buffer.concat([Buffer.from(label, 'latin1'), seed]);
  const hmac = (data: Buffer) => createHmac(hash, secret).update(data).digest();
  const blocks: Buffer[] = [];
  let a = start;
  for (let have = 0; have < length; have += (blocks.at(-1) as Buffer).length) {
    a = hmac(a);
    blocks.push(hmac(Buffer.concat([a, start])));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

export interface Tls12Secrets {
  cipher: CipherName;
  master: Buffer;
  randoms: { client: Buffer; server: Buffer };
}

/**
 * What the record layers start with, behind the Finished of both ends.
 *
 * @param lastSent - Ends with the record of this end's Finished.
 */
export function tls12States(
  { cipher, master, randoms }: Tls12Secrets,
  role: 'client' | 'server',
  lastSent: Buffer,
): { tx: TrafficState; rx: TrafficState } {
  const { keyLength, hash } = SUITES[cipher];
  const chacha = cipher === 'TLS_CHACHA20_POLY1305_SHA256';
  const ivLength = chacha ? CHACHA_IV_LENGTH : SALT_LENGTH;
  const seed = Buffer.concat([randoms.server, randoms.client]);
  const block = prf(hash, master, 'key expansion', seed, 2 * (keyLength + ivLength));
  // client_write_key, server_write_key, client_write_IV, server_write_IV: an AEAD has no MAC keys.
  const keys = (end: 'client' | 'server', explicit: Buffer): TrafficState => {
    const index = end === 'client' ? 0 : 1;
    const key = block.subarray(index * keyLength, (index + 1) * keyLength);
    const iv = block.subarray(2 * keyLength + index * ivLength, 2 * keyLength + (index + 1) * ivLength);
    return {
      secret: Buffer.concat(chacha ? [key, iv] : [key, iv, explicit]),
      sequence: AFTER_FINISHED,
    };
  };
  const peer = role === 'client' ? 'server' : 'client';
  return {
    tx: keys(role, chacha ? Buffer.alloc(0) : nextNonce(lastSent)),
    // The peer's nonces come with its records.
    rx: keys(peer, Buffer.alloc(EXPLICIT_NONCE_LENGTH)),
  };
}

/** OpenSSL starts anywhere and counts on (RFC 5288, 3: no explicit nonce twice under one key); so do we. */
function nextNonce(lastSent: Buffer): Buffer {
  const finished = lastSent.subarray(-FINISHED_RECORD_LENGTH);
  const nonce = Buffer.from(finished.subarray(HEADER_LENGTH, HEADER_LENGTH + EXPLICIT_NONCE_LENGTH));
  nonce.writeBigUInt64BE(BigInt.asUintN(64, nonce.readBigUInt64BE(0) + 1n), 0);
  return nonce;
}
