// What a process still holds when nothing more can be collected.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

export const collectGarbage: () => void = runInNewContext('gc');

/** Resident bytes, without what the collector would give back. */
export function memoryInUse(): number {
  for (let time = 0; time < 5; time++) collectGarbage();
  return process.memoryUsage.rss();
}
