// The part of a file that is served as the whole.
import type { SendFileOptions } from '../../types/https';
import { invalid } from '../socket/options';

/** Its first byte and its last. */
export type Part = Pick<SendFileOptions, 'start' | 'end'>;

/** @throws ERR_KTLS_INVALID_OPTION, as socket.sendFile() does. */
export function checkPart({ start = 0, end = start }: Part): void {
  if (!Number.isSafeInteger(start) || start < 0) throw invalid('start', 'must be an integer, 0 or more');
  if (!Number.isSafeInteger(end) || end < start - 1) {
    throw invalid('end', 'must be an integer, not before start: it is the last byte sent');
  }
}

/** What a file of `size` bytes has of it. */
export function lengthOfPart(size: number, { start = 0, end = size - 1 }: Part): number {
  return Math.max(0, Math.min(size, end + 1) - start);
}
