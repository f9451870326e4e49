// A connection whose handshake somebody else did.
import type { AdoptKeys, SocketOptions } from '../../types/index';
import { isDescriptor } from '../handshake/descriptor';
import { type CipherName, native } from '../native';
import { KtlsSocket } from './ktls-socket';
import { checkCommon, invalid } from './options';

const SECRET_LENGTHS: Record<CipherName, number> = {
  TLS_AES_128_GCM_SHA256: 32,
  TLS_AES_256_GCM_SHA384: 48,
  TLS_CHACHA20_POLY1305_SHA256: 32,
};

export function adopt(fd: number, keys: AdoptKeys, options: SocketOptions = {}): KtlsSocket {
  checkCommon(options);
  if (!isDescriptor(fd)) throw invalid('fd', 'must be the descriptor of a connected TCP socket');
  const length = SECRET_LENGTHS[keys?.cipher];
  if (length === undefined)
    throw invalid('cipher', `must be one of ${Object.keys(SECRET_LENGTHS).join(', ')}`);
  for (const name of ['tx', 'rx'] as const) {
    const { secret, sequence } = keys[name] ?? {};
    if (!Buffer.isBuffer(secret) || secret.length !== length) {
      throw invalid(`${name}.secret`, `must be a Buffer of ${length} bytes: the traffic secret, not the key`);
    }
    if (typeof sequence !== 'bigint' || sequence < 0n || sequence >= 1n << 63n) {
      throw invalid(`${name}.sequence`, 'must be a bigint from 0 to 2^63 - 1: the number of the next record');
    }
  }
  // Refused before the descriptor is anybody's else.
  native();
  const { cipher, tx, rx } = keys;
  return new KtlsSocket({ fd, cipher, tx, rx }, undefined, options);
}
