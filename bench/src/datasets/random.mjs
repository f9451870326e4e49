// Seeded randomness: the same bytes and numbers on every machine, incompressible, at gigabytes a second.
import { createCipheriv, createHash } from 'node:crypto';

const CHUNK = 4 * 2 ** 20;
const ZEROES = Buffer.alloc(CHUNK);

/**
 * An endless stream of bytes, from AES-128-CTR.
 *
 * @param {string} seed
 * @returns {(length: number) => Generator<Buffer>} The next `length` bytes, in pieces of at most 4 MiB.
 */
export function byteStream(seed) {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  let rest = Buffer.alloc(0);
  return function* take(length) {
    for (let left = length; left > 0; ) {
      if (rest.length === 0) {
        rest = cipher.update(left < CHUNK ? ZEROES.subarray(0, CHUNK / 16) : ZEROES);
      }
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  };
}

/**
 * File sizes, log-normal, that sum to exactly `bytes`.
 *
 * @param {string} seed
 * @param {number} files
 * @param {number} bytes
 * @param {number} sigma
 * @returns {number[]}
 */
export function logNormalSizes(seed, files, bytes, sigma) {
  const numbers = byteStream(`${seed} sizes`);
  const uniform = () => {
    const [four] = numbers(4);
    return ((four?.length === 4 ? four.readUInt32LE() : 0) + 0.5) / 2 ** 32;
  };
  const weights = Array.from({ length: files }, () =>
    sigma === 0
      ? 1
      : Math.exp(sigma * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let reached = 0;
  let given = 0;
  return weights.map((weight) => {
    reached += weight;
    const size = Math.round((reached / sum) * bytes) - given;
    given += size;
    return size;
  });
}
