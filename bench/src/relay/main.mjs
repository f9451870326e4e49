// npm run bench -- relay [options]
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command } from 'commander';

import { describeMachine } from '../machine.mjs';
import { compile } from '../measure/compile.mjs';
import { inTurns } from '../order.mjs';
import { contestants } from './contestants.mjs';
import { markdown } from './markdown.mjs';
import { KINDS, runOnce } from './run.mjs';

/** @typedef {import('./run.mjs').Run} Run */

/**
 * @typedef {object} Cell
 * @property {keyof typeof KINDS} kind
 * @property {number} connections
 * @property {string} name
 * @property {Run[]} runs
 * @property {string} [failed]
 */

/** @param {string[]} argv Node, the script, and what followed the word relay. */
export async function runRelays(argv) {
  const results = fileURLToPath(new URL('../../results', import.meta.url));
  const list = (/** @type {string} */ text) => text.split(',').map((word) => word.trim());
  const program = new Command('npm run bench -- relay')
    .description('Measures relays of TCP connections side by side, and writes relay.md and relay.json.')
    .option('--kinds <names>', `of ${Object.keys(KINDS)}`, list, Object.keys(KINDS))
    .option('--connections <numbers>', 'at once', (text) => list(text).map(Number), [1, 16, 256])
    .option(
      '--rivals <words>',
      `those whose name has one of the words: ${contestants.map(({ name }) => name).join(', ')}`,
      list,
      [''],
    )
    .option('--message <bytes>', 'to and fro in the kind ping, up to 262144', Number, 1)
    .option('--seconds <n>', 'of each run', Number, 3)
    .option('--repetitions <n>', 'of each run', Number, 3)
    .option('--out <folder>', 'for the report', (text) => resolve(text), results)
    .parse(argv);
  /** @type {{ kinds: (keyof typeof KINDS)[], connections: number[], rivals: string[], seconds: number, message: number, repetitions: number, out: string }} */
  const options = program.opts();
  const folder = await mkdtemp(join(tmpdir(), 'ktls-bench-'));
  try {
    const machine = await describeMachine({});
    const traffic = await compile('traffic', folder);
    const wanted = contestants.filter(({ name }) =>
      options.rivals.some((word) => name.toLowerCase().includes(word.toLowerCase())),
    );
    const present = wanted.filter((one) => one.missing() === undefined);
    const absent = wanted
      .map((one) => ({ name: one.name, missing: one.missing() }))
      .filter(({ missing }) => missing);
    /** @type {Cell[]} */
    const cells = [];
    for (const kind of options.kinds) {
      for (const connections of options.connections) {
        const row = present.map(({ name }) => ({ kind, connections, name, runs: [] }));
        cells.push(...row);
        await measureRow(present, row, { ...options, traffic, folder });
      }
    }
    const { seconds, repetitions, message } = options;
    const report = { machine, seconds, repetitions, message, absent, cells };
    await mkdir(options.out, { recursive: true });
    await writeFile(join(options.out, 'relay.json'), `${JSON.stringify(report, null, 2)}\n`);
    await writeFile(join(options.out, 'relay.md'), markdown(report));
    process.stdout.write(markdown(report));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('./contestants.mjs').Contestant[]} present
 * @param {Cell[]} row
 * @param {{ repetitions: number, seconds: number, message: number, traffic: string, folder: string }} settings
 */
async function measureRow(present, row, settings) {
  for (const { index } of inTurns(settings.repetitions, present.length)) {
    const cell = /** @type {Cell} */ (row[index]);
    if (cell.failed) {
      continue;
    }
    process.stderr.write(`${cell.kind} ${cell.connections} ${cell.name}\n`);
    try {
      const contestant = /** @type {import('./contestants.mjs').Contestant} */ (present[index]);
      cell.runs.push(await runOnce(contestant, settings, cell.kind, cell.connections));
    } catch (error) {
      cell.failed = /** @type {Error} */ (error).message.trim().split('\n').at(-1) || 'it ended early';
    }
  }
}
