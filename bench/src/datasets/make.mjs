// Makes data sets, and keeps them in a folder until the next run. Run as a worker, it makes a share of one.
import { closeSync, existsSync, futimesSync, mkdirSync, openSync, utimesSync, writeSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

import { output } from '../process.mjs';
import { byteStream, logNormalSizes } from './random.mjs';

/** @typedef {import('./catalog.mjs').DataSet} DataSet */

/**
 * A data set on a disk.
 *
 * @typedef {object} MadeSet
 * @property {string} name
 * @property {string} root
 * @property {number} files
 * @property {number} bytes
 */

// Whole seconds, as tar's default format cannot carry more, and a rival should not fail by that alone.
const MODIFIED = Date.UTC(2024, 0, 1) / 1000;

/**
 * The set below `folder`, made if it is not there whole from an earlier run.
 *
 * @param {DataSet} set
 * @param {string} folder
 * @returns {Promise<MadeSet>}
 */
export async function makeDataSet(set, folder) {
  const root = join(folder, set.name);
  const whole = `${root}.json`;
  const description = JSON.stringify(set);
  if (!existsSync(root) || (await readFile(whole, 'utf8').catch(() => '')) !== description) {
    await rm(whole, { force: true });
    await rm(root, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await (set.copyOf === undefined ? make(set, root) : output('cp', ['-a', set.copyOf, root]));
    await writeFile(whole, description);
  }
  return { name: set.name, root, ...(set.copyOf === undefined ? set : await count(root)) };
}

/**
 * @param {MadeSet} set
 */
export async function removeDataSet(set) {
  await rm(`${set.root}.json`, { force: true });
  await output('rm', ['-rf', set.root]);
}

/** @param {string} root */
async function count(root) {
  const sizes = (await output('find', [root, '-type', 'f', '-printf', '%s\n'])).split('\n').filter(Boolean);
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + Number(size), 0) };
}

/**
 * @param {DataSet} set
 * @param {string} root
 */
async function make(set, root) {
  const folders = layOut(set);
  for (const folder of folders) {
    mkdirSync(join(root, folder.path), { recursive: true });
  }
  const workers = set.files < 1000 && set.bytes < 1e9 ? 1 : Math.min(availableParallelism(), 4);
  await Promise.all(
    Array.from({ length: workers }, (_, share) =>
      finished(new Worker(new URL(import.meta.url), { workerData: { set, root, share, workers } })),
    ),
  );
  for (const folder of folders.reverse()) {
    utimesSync(join(root, folder.path), MODIFIED, MODIFIED);
  }
}

/** @param {Worker} worker */
function finished(worker) {
  return new Promise((resolve, reject) => worker.once('error', reject).once('exit', resolve));
}

/**
 * Every folder, outer before inner; those without folders of their own hold files, the deep set's all do.
 *
 * @param {DataSet} set
 * @returns {{ path: string, holdsFiles: boolean }[]}
 */
function layOut(set) {
  const folders = [{ path: '.', holdsFiles: set.fanOut.length === 0 }];
  let level = ['.'];
  for (const [depth, width] of set.fanOut.entries()) {
    level = level.flatMap((parent) =>
      Array.from({ length: width }, (_, n) => join(parent, `d${String(n).padStart(3, '0')}`)),
    );
    const holdsFiles = depth === set.fanOut.length - 1 || width === 1;
    folders.push(...level.map((path) => ({ path, holdsFiles })));
  }
  return folders;
}

/**
 * Each folder's bytes are a stream of their own, so that the workers' number changes nothing.
 *
 * @param {{ set: DataSet, root: string, share: number, workers: number }} work
 */
function makeShare({ set, root, share, workers }) {
  const sizes = logNormalSizes(set.name, set.files, set.bytes, set.sigma);
  const folders = layOut(set).filter((folder) => folder.holdsFiles);
  const start = (/** @type {number} */ n) => Math.floor((n * set.files) / folders.length);
  for (let n = share; n < folders.length; n += workers) {
    const path = /** @type {{ path: string }} */ (folders[n]).path;
    const bytes = byteStream(`${set.name} ${path}`);
    for (let file = start(n); file < start(n + 1); file++) {
      const fd = openSync(join(root, path, `f${String(file).padStart(6, '0')}.bin`), 'w', 0o644);
      for (const piece of bytes(/** @type {number} */ (sizes[file]))) {
        writeSync(fd, piece);
      }
      futimesSync(fd, MODIFIED + file, MODIFIED + file);
      closeSync(fd);
    }
  }
}

if (!isMainThread && workerData?.set !== undefined) {
  makeShare(workerData);
}
