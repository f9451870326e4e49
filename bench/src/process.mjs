// Other programs: run one and get its output, or find out whether it is there.
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * Runs a program to its end.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ timeout?: number }} [limits] Milliseconds, after which it is stopped. Default: none.
 * @returns {Promise<string>} Standard output; rejects when the program fails.
 */
export async function output(program, args, limits) {
  const { stdout } = await execute(program, args, { ...limits, maxBuffer: 2 ** 30 });
  return stdout;
}

/**
 * The path of a program. Looks into the sbin folders too, where sshd lies outside a user's PATH.
 *
 * @param {string} program
 * @returns {string | undefined}
 */
export function which(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * The first line that a program prints about its version.
 *
 * @param {string} program
 * @param {...string} args
 * @returns {Promise<string>}
 */
export function version(program, ...args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += chunk;
      });
    }
    child.once('error', () => resolve('unknown'));
    child.once('close', () => resolve(text.split('\n')[0]?.trim() ?? ''));
  });
}
