// npm run bench -- https [options]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describeMachine } from '../machine.mjs';
import { compile } from '../measure/compile.mjs';
import { inGuest } from '../suite-guest.mjs';
import { requests, runCell } from './cells.mjs';
import { contestants } from './contestants.mjs';
import { parseOptions } from './options.mjs';
import { toMarkdown } from './report.mjs';
import { openSites } from './site.mjs';

/** @param {string[]} argv Node, the script, and what followed the word https. */
export async function runHttps(argv) {
  const options = parseOptions(argv);
  if (options.guest && !options.here) {
    process.exitCode = inGuest('https', argv.slice(2), options.guestModule);
    return;
  }
  const sites = await openSites(options.sizes);
  try {
    const all = contestants(options.guest);
    const unread =
      options.client === 'unread'
        ? await compile('https_load', sites.ecdsa.folder, ['ssl', 'crypto'])
        : undefined;
    const absent = all.flatMap(({ name, missing }) =>
      missing() === undefined ? [] : [`${name} (no ${missing()})`],
    );
    const report = {
      machine: await describeMachine({}),
      ...(options.guest && {
        guest: `In the guest${options.guestModule ? ' with an AES driver module' : ''}`,
      }),
      client: options.client,
      absent,
      cells: /** @type {import('../turns.mjs').Cell[]} */ ([]),
    };
    await mkdir(options.out, { recursive: true });
    const name = options.guest ? 'https-guest' : 'https';
    for (const request of requests(options, sites, unread)) {
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
