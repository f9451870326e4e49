// Running other programs from the scripts of this folder.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the repository. */
export const top = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * Runs a program at the top of the repository.
 *
 * @param show what is done with its output as it comes; by default it is written to standard output
 * @returns {Promise<{ status: number, output: string }>} status 1 for a program that a signal ended
 */
export function run(command, args, { env = {}, show = (text) => process.stdout.write(text) } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: top,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        show(text);
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? 1, output }));
  });
}

/** The files below a folder of the repository, relative to its top, sorted; none where there is no such folder. */
export function filesBelow(folder) {
  if (!existsSync(join(top, folder))) return [];
  return readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name).slice(top.length + 1))
    .sort();
}
