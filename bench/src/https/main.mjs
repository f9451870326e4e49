// npm run bench -- https [options]
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describeMachine } from '../machine.mjs';
import { requests, runCell } from './cells.mjs';
import { contestants } from './contestants.mjs';
import { parseOptions } from './options.mjs';
import { toMarkdown } from './report.mjs';
import { openSites } from './site.mjs';

const GUEST = fileURLToPath(new URL('../../../scripts/guest', import.meta.url));
const BENCH = fileURLToPath(new URL('../main.mjs', import.meta.url));

/** @param {string[]} argv Node, the script, and what followed the word https. */
export async function runHttps(argv) {
  const options = parseOptions(argv);
  if (options.guest && !options.here) {
    process.exitCode = inGuest(argv.slice(2), options.guestModule);
    return;
  }
  const sites = await openSites(options.sizes);
  try {
    const all = contestants(options.guest);
    const absent = all.flatMap(({ name, missing }) =>
      missing() === undefined ? [] : [`${name} (no ${missing()})`],
    );
    const report = {
      machine: await describeMachine({}),
      ...(options.guest && {
        guest: `In the guest${options.guestModule ? ' with an AES driver module' : ''}`,
      }),
      absent,
      cells: /** @type {import('./cells.mjs').Cell[]} */ ([]),
    };
    await mkdir(options.out, { recursive: true });
    const name = options.guest ? 'https-guest' : 'https';
    for (const request of requests(options, sites)) {
      const there = all.filter(({ missing }) => missing() === undefined);
      report.cells.push(await runCell(request, there, (line) => process.stderr.write(`${line}\n`)));
      await writeFile(join(options.out, `${name}.json`), `${JSON.stringify(report, null, 1)}\n`);
      await writeFile(join(options.out, `${name}.md`), toMarkdown(report));
    }
    process.stdout.write(toMarkdown(report));
  } finally {
    await sites.close();
  }
}

/** @param {string[]} args @param {string} [module] @returns {number} The exit status. */
function inGuest(args, module) {
  const load = module === undefined ? [] : ['sh', '-c', 'busybox insmod "$0" && exec "$@"', module];
  const command = [process.execPath, BENCH, 'https', '--here', ...args];
  const limits = ['--memory', '6G', '--time-limit', '7200'];
  return spawnSync(GUEST, [...limits, '--', ...load, ...command], { stdio: 'inherit' }).status ?? 1;
}
