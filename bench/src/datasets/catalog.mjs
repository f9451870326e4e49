// The data sets: what each consists of. Everything follows from these numbers and the set's name.

/**
 * @typedef {object} DataSet
 * @property {string} name
 * @property {number} files
 * @property {number} bytes Sum of the file sizes.
 * @property {number} sigma Spread of the log-normal file sizes; 0 makes them all equal.
 * @property {number[]} fanOut Folders in each folder, level by level; the files lie in the innermost ones.
 * @property {string} [copyOf] A tree of this machine that is copied instead of made.
 */

const MB = 1e6;
const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

const EMPTY_FILES = 100_000;

/** @type {DataSet[]} */
const named = [
  { name: 'ml_small', files: 10_000, bytes: 60 * MB, sigma: 1, fanOut: [10, 10] },
  { name: 'ml_large', files: 100_000, bytes: 589 * MB, sigma: 1, fanOut: [10, 100] },
  { name: 'ml_images', files: 100_000, bytes: 9700 * MB, sigma: 0.6, fanOut: [1000] },
  { name: 'ml_images_10', files: 10_000, bytes: 970 * MB, sigma: 0.6, fanOut: [100] },
  { name: 'one_big', files: 1, bytes: 4 * GiB, sigma: 0, fanOut: [] },
  { name: 'big16', files: 16, bytes: 16 * 256 * MiB, sigma: 0, fanOut: [] },
  { name: 'deep', files: 1000, bytes: 6 * MB, sigma: 1, fanOut: Array(200).fill(1) },
];

/** The names that mean something, for `--help`. */
export const DATA_SET_NAMES = [...named.map((set) => set.name), 'mixed', 'sizes-BYTES-TOTAL', 'count-FILES'];

/**
 * Beside the named sets: `mixed` (a copy of a source tree), `sizes-B-T` (files of B bytes, T bytes
 * in all; of 0 bytes: 100,000 files) and `count-N` (N files of about 1 KiB).
 *
 * @param {string} name
 * @param {string} mixed The tree that `mixed` copies.
 * @returns {DataSet}
 */
export function dataSet(name, mixed) {
  const found = named.find((set) => set.name === name);
  if (found !== undefined) {
    return found;
  }
  if (name === 'mixed') {
    return { name, files: 0, bytes: 0, sigma: 0, fanOut: [], copyOf: mixed };
  }
  const sizes = /^sizes-(\d+)-(\d+)$/.exec(name);
  if (sizes !== null) {
    const size = Number(sizes[1]);
    const files = size === 0 ? EMPTY_FILES : Math.max(1, Math.round(Number(sizes[2]) / size));
    return { name, files, bytes: files * size, sigma: 0, fanOut: folders(files) };
  }
  const count = /^count-(\d+)$/.exec(name);
  if (count !== null) {
    const files = Number(count[1]);
    return { name, files, bytes: files * 1024, sigma: 0.5, fanOut: folders(files) };
  }
  throw new Error(`no such data set: ${name} (there are ${DATA_SET_NAMES.join(', ')})`);
}

/**
 * @param {string} name Of a data set.
 * @returns {string} For readers: `sizes-…` in words, the others as they are.
 */
export function titleOf(name) {
  const [, size, total] = /^sizes-(\d+)-(\d+)$/.exec(name) ?? [];
  if (size === undefined) {
    return name;
  }
  const files = size === '0' ? EMPTY_FILES : Math.round(Number(total) / Number(size));
  return files === 1 ? `a file of ${inBytes(Number(size))}` : `${files} files of ${inBytes(Number(size))}`;
}

/**
 * @param {number} bytes
 * @returns {string} With a unit, decimal where that is the rounder number.
 */
export function inBytes(bytes) {
  const [large, medium, small] = bytes % 1e6 === 0 && bytes > 0 ? [1e9, 1e6, 1e3] : [GiB, MiB, KiB];
  const suffix = large === GiB ? 'iB' : 'B';
  const [unit, letter] = bytes >= large ? [large, 'G'] : bytes >= medium ? [medium, 'M'] : [small, 'K'];
  return bytes < small ? `${bytes} B` : `${Number((bytes / unit).toPrecision(3))} ${letter}${suffix}`;
}

/** About a hundred files in a folder, and no more than a hundred folders in a folder.
 * @param {number} files */
function folders(files) {
  const leaves = Math.ceil(files / 100);
  if (leaves <= 1) {
    return [];
  }
  return leaves <= 100 ? [leaves] : [Math.ceil(leaves / 100), 100];
}
