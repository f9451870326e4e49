// npm run bench -- sockets [options]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { openSites } from '../https/site.mjs';
import { describeMachine } from '../machine.mjs';
import { start } from '../measure/running.mjs';
import { inGuest } from '../suite-guest.mjs';
import { requests, runCell } from './cells.mjs';
import { contestants } from './contestants.mjs';
import { toMarkdown } from './markdown.mjs';
import { parseOptions } from './options.mjs';

const PEER = fileURLToPath(new URL('peer.mjs', import.meta.url));

/** @param {string[]} argv Node, the script, and what followed the word sockets. */
export async function runSockets(argv) {
  const options = parseOptions(argv);
  const { guest, guestModule, here, fileBytes, out } = options;
  if (guest && !here) {
    process.exitCode = inGuest('sockets', argv.slice(2), guestModule);
    return;
  }
  const missing = await Promise.all(contestants.map((one) => one.missing()));
  const present = contestants.filter((_, n) => missing[n] === undefined);
  const report = {
    machine: await describeMachine({}),
    peer: options.peer,
    ...(guest && { guest: `In the guest${guestModule ? ' with an AES driver module' : ''}` }),
    absent: contestants.flatMap(({ name }, n) =>
      missing[n] === undefined ? [] : [`${name} (no ${missing[n]})`],
    ),
    cells: /** @type {import('../turns.mjs').Cell[]} */ ([]),
  };
  const sites = await openSites([fileBytes]);
  const { cert, key, root } = sites.ecdsa;
  try {
    const peer = await start('the peer', (port) => [
      process.execPath,
      PEER,
      String(port),
      cert,
      key,
      options.peer,
    ]);
    try {
      const end = { port: peer.port, cert, file: join(root, `${fileBytes}.bin`) };
      const name = guest ? 'sockets-guest' : 'sockets';
      await mkdir(out, { recursive: true });
      for (const request of requests(options)) {
        const log = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
        report.cells.push(await runCell(request, options, end, present, log));
        await writeFile(join(out, `${name}.json`), `${JSON.stringify(report, null, 1)}\n`);
        await writeFile(join(out, `${name}.md`), toMarkdown(report));
      }
      process.stdout.write(toMarkdown(report));
    } finally {
      await peer.stop();
    }
  } finally {
    await sites.close();
  }
}
