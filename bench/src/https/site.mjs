// What is served: files of random bytes, and certificates of two kinds; in a folder that is removed at the end.
import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { output } from '../process.mjs';

/** @typedef {import('./contestants.mjs').Site} Site */
/** @typedef {{ ecdsa: Site, rsa: Site, close: () => Promise<void> }} Sites */

const KEYS = { ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], rsa: ['rsa:2048'] };

/** @param {number[]} sizes @returns {Promise<Sites>} */
export async function openSites(sizes) {
  const folder = await mkdtemp(join(tmpdir(), 'ktls-bench-https-'));
  const root = join(folder, 'root');
  await mkdir(root);
  for (const size of sizes) await writeFile(join(root, `${size}.bin`), randomFillSync(Buffer.alloc(size)));
  const [ecdsa, rsa] = await Promise.all([site(folder, root, 'ecdsa'), site(folder, root, 'rsa')]);
  return { ecdsa, rsa, close: () => rm(folder, { recursive: true, force: true }) };
}

/** @param {string} folder @param {string} root @param {'ecdsa' | 'rsa'} kind @returns {Promise<Site>} */
async function site(folder, root, kind) {
  const [cert, key] = [join(folder, `${kind}.crt`), join(folder, `${kind}.key`)];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = ['-newkey', ...KEYS[kind], '-nodes', '-keyout', key, '-out', cert, '-days', '2'];
  await output('openssl', ['req', '-x509', ...made, ...names]);
  return { folder, root, cert, key };
}

/**
 * Fetches a file, and compares it with what it should be.
 *
 * @param {Site} site
 * @param {number} port
 * @param {string} path
 */
export async function verify({ folder, root, cert }, port, path) {
  const copy = join(folder, 'copy');
  try {
    await output('curl', ['-sSf', '-4', '--cacert', cert, '-o', copy, `https://localhost:${port}${path}`]);
    await output('cmp', [copy, join(root, path)]);
  } catch {
    throw new Error('it did not serve the file as it is');
  }
}
