// The native programs of this package, compiled when they are wanted.
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { output } from '../process.mjs';

/**
 * @param {string} name Of a file in native/, without its suffix.
 * @param {string} folder Where the program goes.
 * @param {string[]} libraries That it is linked with.
 * @returns {Promise<string>} Its path.
 */
export async function compile(name, folder, libraries = []) {
  await mkdir(folder, { recursive: true });
  const source = fileURLToPath(new URL(`../../native/${name}.cc`, import.meta.url));
  const path = join(folder, name);
  await output(process.env.CXX ?? 'g++', [
    ...['-std=gnu++20', '-O2', '-Wall', '-o', `${path}.new`, source],
    ...libraries.map((library) => `-l${library}`),
  ]);
  await rename(`${path}.new`, path);
  return path;
}
