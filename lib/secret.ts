// Shared secrets: how they are made, written down, and turned into a TLS pre-shared key.
import { createHash, hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

import { KtlsError } from './errors';

/** What a generated secret begins with, so that it is recognised where it is pasted. */
const PREFIX = 'ktls_';
const SECRET_BYTES = 32;
const CHECKSUM_BYTES = 4;
/** Base64url of secret and checksum: 36 bytes, so there is no padding. */
const TEXT_LENGTH = PREFIX.length + ((SECRET_BYTES + CHECKSUM_BYTES) / 3) * 4;
const MIN_PASSPHRASE_LENGTH = 8;

/**
 * How a passphrase is stretched, for another implementation to do the same: scrypt (RFC 7914) with
 * these costs (32 MiB of memory, three times over) over the passphrase in UTF-8, NFC-normalised. The
 * salt is fixed, as both ends must reach the same key before they have spoken.
 */
const STRETCH = { cost: 2 ** 15, blockSize: 8, parallelization: 3, maxmem: 64 * 2 ** 20 };
const STRETCH_SALT = 'ktls-transfer passphrase 1';
const PSK_INFO = 'ktls-transfer psk 1';

const stretch: (
  passphrase: string,
  salt: string,
  length: number,
  options: typeof STRETCH,
) => Promise<Buffer> = promisify(scrypt);

/** Stretched passphrases: a process usually has one, and it costs a quarter of a second. */
const stretched = new Map<string, Promise<Buffer>>();
const MAX_STRETCHED = 16;

/**
 * A new secret of 256 random bits, as text: `ktls_`, then base64url of the bits and four bytes of
 * checksum, so that a typo is told apart from a wrong secret.
 */
export function generateSecret(): string {
  const bits = randomBytes(SECRET_BYTES);
  return PREFIX + Buffer.concat([bits, checksum(bits)]).toString('base64url');
}

/**
 * The TLS pre-shared key (32 bytes) of a secret: one made by generateSecret(), as text or as the content
 * of its file; a Buffer of at least 32 bytes of key material; or a passphrase of at least 8 characters.
 *
 * @throws ERR_KTLS_INVALID_OPTION for anything else.
 */
export async function preSharedKey(secret: string | Buffer): Promise<Buffer> {
  return Buffer.from(hkdfSync('sha256', await keyMaterial(secret), '', PSK_INFO, 32));
}

async function keyMaterial(secret: string | Buffer): Promise<Buffer> {
  if (Buffer.isBuffer(secret)) {
    if (secret.subarray(0, PREFIX.length).toString('latin1') === PREFIX)
      return parse(secret.toString('latin1'));
    if (secret.length < SECRET_BYTES) {
      throw invalid(
        `a secret given as a Buffer needs at least ${SECRET_BYTES} bytes, this one has ${secret.length}`,
      );
    }
    return secret;
  }
  if (typeof secret !== 'string') throw invalid('a secret is a string or a Buffer');
  if (secret.trimStart().startsWith(PREFIX)) return parse(secret);
  if ([...secret].length < MIN_PASSPHRASE_LENGTH) {
    throw invalid(
      `a passphrase needs at least ${MIN_PASSPHRASE_LENGTH} characters; better, use a secret that "ktls-transfer keygen" makes`,
    );
  }
  return stretchOnce(secret.normalize('NFC'));
}

function parse(text: string): Buffer {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed.slice(PREFIX.length), 'base64url');
  const bits = bytes.subarray(0, SECRET_BYTES);
  if (trimmed.length !== TEXT_LENGTH || !checksum(bits).equals(bytes.subarray(SECRET_BYTES))) {
    throw invalid(`the secret begins with ${PREFIX} but its checksum does not fit: it was mistyped or cut`);
  }
  return bits;
}

function stretchOnce(passphrase: string): Promise<Buffer> {
  // Not the passphrase itself as key of the map: it would stay in memory in clear.
  const name = createHash('sha256').update(STRETCH_SALT).update(passphrase).digest('hex');
  let key = stretched.get(name);
  if (key === undefined) {
    if (stretched.size === MAX_STRETCHED) stretched.clear();
    key = stretch(passphrase, STRETCH_SALT, SECRET_BYTES, STRETCH);
    stretched.set(name, key);
    key.catch(() => stretched.delete(name));
  }
  return key;
}

function checksum(bits: Buffer): Buffer {
  return createHash('sha256').update(PREFIX).update(bits).digest().subarray(0, CHECKSUM_BYTES);
}

function invalid(message: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', message);
}
