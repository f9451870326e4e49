// A suite of its own once more, in a guest kernel with kTLS.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const GUEST = fileURLToPath(new URL('../../scripts/guest', import.meta.url));
const BENCH = fileURLToPath(new URL('main.mjs', import.meta.url));
/** A process there may have more connections than the 4,096 files of that kernel's default. */
const OPEN_FILES = 100_000;

/**
 * @param {string} suite
 * @param {string[]} args Of the suite.
 * @param {string} [module] A kernel module that is loaded before.
 * @returns {number} The exit status.
 */
export function inGuest(suite, args, module) {
  const load = module === undefined ? '' : 'busybox insmod "$0" && ';
  const prepared = ['sh', '-c', `ulimit -n ${OPEN_FILES} && ${load}exec "$@"`, module ?? 'sh'];
  const command = [process.execPath, BENCH, suite, '--here', ...args];
  const limits = ['--memory', '6G', '--time-limit', '7200'];
  return spawnSync(GUEST, [...limits, '--', ...prepared, ...command], { stdio: 'inherit' }).status ?? 1;
}
