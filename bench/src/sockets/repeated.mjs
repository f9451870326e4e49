import { Readable } from 'node:stream';

/**
 * One buffer again and again: what it holds is nothing to AES.
 *
 * @param {number} size Of the buffer; chunks are as long, but for the last.
 * @param {number} total Bytes.
 */
export function repeated(size, total) {
  const buffer = Buffer.alloc(size, 'k');
  let left = total;
  return new Readable({
    highWaterMark: size,
    read() {
      const chunk = buffer.subarray(0, left);
      left -= chunk.length;
      this.push(chunk.length > 0 ? chunk : null);
    },
  });
}
