// One thing varied at a time: the files' size, their number, the connections.
import { FEW, OURS } from '../rivals/index.mjs';

/** @typedef {import('./index.mjs').Table} Table */

const KiB = 1024;
const MiB = 1024 * KiB;

/** @type {Table} */
export const sizes = {
  name: 'sizes',
  title: 'File size at a constant total',
  note: 'Files of one size, 1 GiB in all; of 0 bytes, 100,000 files.',
  cells({ quick }) {
    const all = [
      0,
      4 * KiB,
      16 * KiB,
      64 * KiB,
      256 * KiB,
      MiB,
      4 * MiB,
      16 * MiB,
      64 * MiB,
      256 * MiB,
      1024 * MiB,
    ];
    const sweep = quick ? [16 * KiB, 4 * MiB] : all;
    const total = quick ? 64 * MiB : 1024 * MiB;
    return sweep.map((size) => ({
      set: `sizes-${size}-${total}`,
      destination: 'tmpfs',
      cache: 'warm',
      contestants: FEW,
    }));
  },
};

/** @type {Table} */
export const counts = {
  name: 'counts',
  title: 'Number of files',
  note: 'Files of about 1 KiB.',
  cells: ({ quick }) =>
    (quick ? [100, 1000] : [1000, 10_000, 100_000, 1_000_000]).map((files) => ({
      set: `count-${files}`,
      destination: 'tmpfs',
      cache: 'warm',
      contestants: FEW,
    })),
};

/** @type {Table} */
export const connections = {
  name: 'connections',
  title: 'Number of connections',
  note: 'This package alone; every other setting is the default.',
  cells: ({ quick, sets }) =>
    (sets ?? (quick ? ['ml_small'] : ['ml_small', 'ml_large', 'one_big'])).map((set) => ({
      set,
      destination: 'tmpfs',
      cache: 'warm',
      contestants: [1, 2, 4, 8].map((n) => ({
        name: `${OURS}, connections ${n}`,
        settings: { connections: n },
      })),
    })),
};
