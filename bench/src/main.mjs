// npm run bench -- [options], or npm run bench -- https|relay|sockets [options]
import { mkdir, readFile } from 'node:fs/promises';

import { runCells } from './cells.mjs';
import { runInGuests } from './guest.mjs';
import { runHttps } from './https/main.mjs';
import { openLoopDisk } from './loop-disk.mjs';
import { congestionControl, rerunWith } from './namespace.mjs';
import { parseOptions } from './options.mjs';
import { runRelays } from './relay/main.mjs';
import { writeReport } from './report/write.mjs';
import { BASELINE, LOCAL_COPY } from './rivals/index.mjs';
import { runSockets } from './sockets/main.mjs';
import { tables } from './tables/index.mjs';

/** @typedef {import('./cells.mjs').CellReport} CellReport */
/** @typedef {import('./cells.mjs').CellRequest} CellRequest */

/** Suites of their own. Each takes Node, the script, and what followed its name. */
const suites = { https: runHttps, relay: runRelays, sockets: runSockets };

const [program, script, ...words] = /** @type {[string, string, ...string[]]} */ (process.argv);
const suite = Object.entries(suites).find(([name]) => name === words[0])?.[1];
const options = parseOptions(suite ? [program, script] : process.argv);

/**
 * What the user chose, as cells. The yardsticks stay in, whatever rivals were asked for.
 *
 * @returns {CellRequest[]}
 */
function requests() {
  const {
    quick,
    sets,
    destinations,
    cache: caches,
    rtt: rtts,
    rate: rateMbit,
    guestModule: module,
    rivals,
  } = options;
  const choice = { quick, sets, destinations, caches, rtts, rateMbit, module };
  const wanted = (/** @type {string} */ name) =>
    rivals === undefined ||
    [BASELINE, LOCAL_COPY].includes(name) ||
    rivals.some((word) => name.toLowerCase().includes(word.toLowerCase()));
  return tables
    .filter(({ name }) => options.tables.includes(name))
    .flatMap((table) => table.cells(choice).map((cell) => ({ ...cell, table: table.name })))
    .map((cell) => ({
      ...cell,
      contestants: cell.contestants.filter((one) => wanted(typeof one === 'string' ? one : one.name)),
    }));
}

async function main() {
  const { data, tmpfs, keepData, mixed, repetitions, limit: limitS } = options;
  const settings = {
    data,
    destinations: { disk: options.disk ?? data, tmpfs },
    keepData,
    mixed,
    repetitions,
    limitS,
  };
  const log = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
  /** @type {CellReport[]} */
  const cells = [];
  for (const file of options.add) {
    cells.push(...JSON.parse(await readFile(file, 'utf8')).cells);
  }
  const all = requests();
  const here = all.filter(({ guest }) => guest === undefined);
  const loop = here.some(({ destination }) => destination === 'disk') ? await loopDisk() : undefined;
  settings.destinations.disk = loop?.path ?? settings.destinations.disk;
  try {
    await runCells(settings, here, log, async (report) => {
      cells.push(report);
      await writeReport(options.out, cells);
    });
  } finally {
    await loop?.close();
  }
  cells.push(
    ...(await runInGuests(
      settings,
      all.filter(({ guest }) => guest !== undefined),
      log,
    )),
  );
  process.stdout.write(await writeReport(options.out, cells));
}

/** The disk destination of those who named none and may mount one. */
async function loopDisk() {
  if (options.disk !== undefined || process.getuid?.() !== 0) {
    return undefined;
  }
  await mkdir(options.data, { recursive: true });
  return openLoopDisk(options.data);
}

if (suite) {
  await suite([program, script, ...words.slice(1)]);
} else if (options.congestion !== undefined && congestionControl === undefined) {
  process.exitCode = rerunWith(options.congestion);
} else {
  await main();
}
