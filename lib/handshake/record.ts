// TLS 1.3 records of one key, opened and sealed one at a time: only what the handshake needs to find
// its own end. Bulk data never comes here.
import { type CipherGCMTypes, createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

import type { CipherName } from '../native';

/** RFC 8446, 5.1. */
export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export const HEADER_LENGTH = 5;
export const MAX_PLAINTEXT = 16384;
const TAG_LENGTH = 16;

interface Suite {
  cipher: CipherGCMTypes;
  keyLength: number;
  hash: 'sha256' | 'sha384';
}

/** RFC 8446, B.4. Node's types know ChaCha20-Poly1305 by another overload; the calls are the same. */
const SUITES: Record<CipherName, Suite> = {
  TLS_AES_128_GCM_SHA256: { cipher: 'aes-128-gcm', keyLength: 16, hash: 'sha256' },
  TLS_AES_256_GCM_SHA384: { cipher: 'aes-256-gcm', keyLength: 32, hash: 'sha384' },
  TLS_CHACHA20_POLY1305_SHA256: {
    cipher: 'chacha20-poly1305' as CipherGCMTypes,
    keyLength: 32,
    hash: 'sha256',
  },
};

export const CIPHER_NAMES = Object.keys(SUITES) as CipherName[];

/** The suites whose traffic secrets have this length: 32 (SHA-256) or 48 (SHA-384). */
export function suitesBySecret(secret: Buffer): CipherName[] {
  return CIPHER_NAMES.filter((name) => (SUITES[name].hash === 'sha256' ? 32 : 48) === secret.length);
}

export interface OpenedRecord {
  /** The real type: ContentType. */
  type: number;
  content: Buffer;
}

/** The key and IV of a traffic secret (RFC 8446, 7.3). */
export class RecordKey {
  private readonly suite: Suite;
  private readonly key: Buffer;
  private readonly iv: Buffer;

  constructor(cipher: CipherName, secret: Buffer) {
    this.suite = SUITES[cipher];
    this.key = expandLabel(this.suite, secret, 'key', this.suite.keyLength);
    this.iv = expandLabel(this.suite, secret, 'iv', 12);
  }

  /** Undefined when the record is not one of this key with this number. */
  open(record: Buffer, sequence: number): OpenedRecord | undefined {
    if (record.length < HEADER_LENGTH + 1 + TAG_LENGTH) return undefined;
    const decipher = createDecipheriv(this.suite.cipher, this.key, this.nonce(sequence), {
      authTagLength: TAG_LENGTH,
    });
    decipher.setAAD(record.subarray(0, HEADER_LENGTH));
    decipher.setAuthTag(record.subarray(-TAG_LENGTH));
    const inner = decipher.update(record.subarray(HEADER_LENGTH, -TAG_LENGTH));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    // Padding is zeroes behind the type (RFC 8446, 5.4).
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    return end < 0 ? undefined : { type: inner[end] as number, content: inner.subarray(0, end) };
  }

  seal(type: number, content: Buffer, sequence: number): Buffer {
    const length = content.length + 1 + TAG_LENGTH;
    const header = Buffer.from([ContentType.applicationData, 3, 3, length >> 8, length & 255]);
    const cipher = createCipheriv(this.suite.cipher, this.key, this.nonce(sequence), {
      authTagLength: TAG_LENGTH,
    });
    cipher.setAAD(header);
    const body = [cipher.update(content), cipher.update(Buffer.of(type)), cipher.final()];
    return Buffer.concat([header, ...body, cipher.getAuthTag()]);
  }

  private nonce(sequence: number): Buffer {
    const nonce = Buffer.from(this.iv);
    // A handshake has few records: 32 bits are plenty.
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
    return nonce;
  }
}

/** HKDF-Expand-Label with an empty context, for at most one block of the hash (RFC 8446, 7.1). */
function expandLabel(suite: Suite, secret: Buffer, label: string, length: number): Buffer {
  const name = `tls13 ${label}`;
  const info = Buffer.concat([Buffer.of(0, length, name.length), Buffer.from(name), Buffer.of(0, 1)]);
  return createHmac(suite.hash, secret).update(info).digest().subarray(0, length);
}
