// How the suite starts a command in a guest, by the project's own script.
import { fileURLToPath } from 'node:url';

export const GUEST = fileURLToPath(new URL('../../scripts/guest', import.meta.url));

/** A process there may have more connections than the 4,096 files of that kernel's default. */
const OPEN_FILES = 100_000;

/**
 * @param {string[]} command
 * @param {object} [settings]
 * @param {string | undefined} [settings.module] A kernel module that is loaded before.
 * @param {string[]} [settings.options] More of the script's.
 * @returns {string[]} The script's arguments.
 */
export function guestArguments(command, { module, options = [] } = {}) {
  const load = module === undefined ? '' : 'busybox insmod "$0" && ';
  const prepared = ['sh', '-c', `ulimit -n ${OPEN_FILES} && ${load}exec "$@"`, module ?? 'sh'];
  return ['--memory', '6G', '--time-limit', '7200', ...options, '--', ...prepared, ...command];
}
