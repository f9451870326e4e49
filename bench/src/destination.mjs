// Fresh folders to transfer into.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { output } from './process.mjs';

/**
 * An empty folder called `name` below a place, alone there.
 *
 * @param {string} place
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function freshDestination(place, name) {
  await removeDestinations(place);
  const path = join(place, 'destination', name);
  await mkdir(path, { recursive: true });
  return path;
}

/** @param {string} place */
export async function removeDestinations(place) {
  await output('rm', ['-rf', join(place, 'destination')]);
}
