// A destination on a disk whose past does not matter: a new ext4, as Debian makes it, in a file.
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { output } from './process.mjs';

/**
 * @typedef {object} LoopDisk
 * @property {string} path
 * @property {() => Promise<void>} close
 */

/**
 * An old file system carries its past into every run: how full and how scattered it is, and what was deleted
 * lately (an ext4 without a journal looks at each recently freed inode whenever a file is created, which made
 * `cp -a` seven times slower than it is). Takes root.
 *
 * @param {string} folder On the disk.
 * @returns {Promise<LoopDisk>}
 */
export async function openLoopDisk(folder) {
  const [image, path] = [join(folder, 'disk.img'), join(folder, 'disk')];
  await mkdir(path, { recursive: true });
  // What a run that was killed left behind.
  await output('umount', ['--quiet', path]).catch(() => {});
  const { bavail, bsize } = await statfs(folder);
  await writeFile(image, '');
  await truncate(image, Math.floor((bavail * bsize * 0.9) / 2 ** 20) * 2 ** 20);
  await output('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  await output('mount', ['-o', 'loop', image, path]);
  return {
    path,
    async close() {
      await output('umount', [path]);
      await rm(image);
    },
  };
}
