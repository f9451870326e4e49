// Another process that swaps a folder for a symlink to elsewhere, and back.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs until it is killed: `name` is a folder, then for as long a symlink to `outside`. Says a line for each swap. */
const SWAPPER = `
  const { mkdirSync, renameSync, rmSync, symlinkSync } = require('node:fs');
  const [, name, outside] = process.argv;
  const away = name + '.away';
  process.stdout.on('error', () => process.exit());
  for (let swaps = 0; ; swaps += 1) {
    try {
      renameSync(name, away);
      symlinkSync(outside, name);
      rmSync(name);
      renameSync(away, name);
    } catch {
      // A receiver has put something of its own there meanwhile, and may do so again.
      try {
        for (const each of [away, name]) rmSync(each, { recursive: true, force: true });
        mkdirSync(name, { recursive: true });
      } catch {}
    }
    if (swaps === 20) process.stdout.write('swapping');
  }`;

/** Resolves when it swaps; ended after the test, and exited before only where it failed. */
export async function swapper(
  t: { teardown(handler: () => unknown): void },
  name: string,
  outside: string,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', SWAPPER, name, outside], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}
