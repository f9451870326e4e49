// The page cache before a run: warm (the source was just read) or cold (dropped, which takes root).
import { writeFile } from 'node:fs/promises';

import { output } from './process.mjs';

/** @typedef {'warm' | 'cold'} Cache */

/**
 * What earlier runs left to be written is written first, so that no run pays for another.
 *
 * @param {Cache} cache
 * @param {string} source
 * @param {string} destination A folder on the destination's file system.
 */
export async function prepareCache(cache, source, destination) {
  await output('sync', ['-f', destination]);
  if (cache === 'cold') {
    await output('sync', []);
    await writeFile('/proc/sys/vm/drop_caches', '3');
  } else {
    await output('sh', ['-c', 'find "$1" -type f -print0 | xargs -0 -r cat > /dev/null', 'sh', source]);
  }
}
