// The keys of a TLS 1.2 connection, from its master secret (RFC 5246, 5 and 6.3).
import { createHmac } from 'node:crypto';

import type { CipherName, TrafficState } from '../native';
import { SUITES } from './cipher';
import { HEADER_LENGTH } from './record';

/** Both ends have sent one record under their keys: Finished. */
const AFTER_FINISHED = 1n;
const SALT_LENGTH = 4;
const EXPLICIT_NONCE_LENGTH = 8;
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

/** What the record layers start with, behind the Finished of both ends. */
export function tls12States(
  { cipher, master, randoms }: Tls12Secrets,
  role: 'client' | 'server',
  ownFinished: Buffer,
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
    tx: keys(role, nextNonce(ownFinished)),
    // The peer's nonces come with its records.
    rx: keys(peer, Buffer.alloc(EXPLICIT_NONCE_LENGTH)),
  };
}

/** OpenSSL starts anywhere and counts on (RFC 5288, 3: no explicit nonce twice under one key); so do we. */
function nextNonce(ownFinished: Buffer): Buffer {
  const nonce = Buffer.from(ownFinished.subarray(HEADER_LENGTH, HEADER_LENGTH + EXPLICIT_NONCE_LENGTH));
  nonce.writeBigUInt64BE(BigInt.asUintN(64, nonce.readBigUInt64BE(0) + 1n), 0);
  return nonce;
}
