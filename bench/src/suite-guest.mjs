// A suite of its own once more, in a guest kernel with kTLS.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { GUEST, guestArguments } from './guest-command.mjs';

const BENCH = fileURLToPath(new URL('main.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('guest-root.sh', import.meta.url));

/**
 * @param {string} suite
 * @param {string[]} args Of the suite.
 * @param {string} [module] A kernel module that is loaded before.
 * @returns {number} The exit status.
 */
export function inGuest(suite, args, module) {
  const command = [ROOT, process.execPath, BENCH, suite, '--here', ...args];
  return spawnSync(GUEST, guestArguments(command, { module }), { stdio: 'inherit' }).status ?? 1;
}
