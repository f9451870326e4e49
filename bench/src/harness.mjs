// Runs the contestants of a cell in turns, and keeps what came of it.
import { readFile } from 'node:fs/promises';

import { prepareCache } from './cache.mjs';
import { freshDestination, removeDestinations } from './destination.mjs';
import { transfer } from './measure/transfer.mjs';
import { inTurns } from './order.mjs';
import { verify } from './verify.mjs';

/**
 * @typedef {import('./measure/transfer.mjs').Run & { delayedAcks: number }} Run
 *   `delayedAcks`: acknowledgements that TCP held back meanwhile, in the whole network namespace.
 */
/** @typedef {import('./rivals/contestant.mjs').Contestant} Contestant */

/**
 * The conditions under which contestants are compared.
 *
 * @typedef {object} Cell
 * @property {string} table
 * @property {import('./datasets/make.mjs').MadeSet} set
 * @property {'disk' | 'tmpfs'} destination
 * @property {import('./cache.mjs').Cache} cache
 */

/**
 * What one contestant did in a cell: `failed` says why there are no numbers.
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {boolean} encrypted
 * @property {Run[]} runs
 * @property {string[]} lost Metadata that it does not keep.
 * @property {string} [failed]
 */

/**
 * @typedef {object} Bench
 * @property {import('./workshop.mjs').Workshop} workshop
 * @property {Record<Cell['destination'], string>} destinations
 * @property {number} repetitions
 * @property {number} limitS For one transfer.
 * @property {(line: string) => void} log
 */

/**
 * Every repetition runs every contestant once, so that what changes on the machine with time changes for all.
 *
 * @param {Bench} bench
 * @param {Cell} cell
 * @param {Contestant[]} contestants None that is missing.
 * @returns {Promise<Result[]>}
 */
export async function runCell(bench, cell, contestants) {
  /** @type {Result[]} */
  const results = contestants.map(({ name, encrypted }) => ({ name, encrypted, runs: [], lost: [] }));
  for (const { repetition, index } of inTurns(bench.repetitions, contestants.length)) {
    const [contestant, result] = [contestants[index], results[index]];
    if (contestant !== undefined && result !== undefined && result.failed === undefined) {
      await runOnce(bench, cell, contestant, result);
      bench.log(
        `  ${repetition + 1}/${bench.repetitions} ${contestant.name}: ${result.failed ?? outcome(result)}`,
      );
    }
  }
  return results;
}

/** @param {Result} result */
function outcome({ runs, lost }) {
  const seconds = ((runs.at(-1)?.ms ?? 0) / 1000).toFixed(3);
  return `${seconds} s${lost.length > 0 ? ` (${lost.join(', ')} not kept)` : ''}`;
}

/**
 * @param {Bench} bench
 * @param {Cell} cell
 * @param {Contestant} contestant
 * @param {Result} result
 */
async function runOnce(bench, cell, contestant, result) {
  const { root: source, name } = cell.set;
  const place = bench.destinations[cell.destination];
  const destination = await freshDestination(place, name);
  try {
    await prepareCache(cell.cache, source, destination);
    const plan = await contestant.plan(bench.workshop, source, destination);
    const held = await delayedAcks();
    const run = await transfer(bench.workshop.measure, bench.workshop.folder, plan, bench.limitS);
    const delayed = (await delayedAcks()) - held;
    result.lost = [...new Set([...result.lost, ...(await verify(source, destination))])];
    result.runs.push({ ...run, delayedAcks: delayed });
  } catch (error) {
    result.failed = /** @type {Error} */ (error).message;
    result.runs = [];
  } finally {
    await removeDestinations(place);
  }
}

async function delayedAcks() {
  const [names, values] = (await readFile('/proc/net/netstat', 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('DelayedACKs') ?? -1] ?? 0);
}
