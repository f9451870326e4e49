// A cell whose contestants take turns.
import { inTurns } from './order.mjs';

/**
 * @typedef {object} Cell
 * @property {string} table
 * @property {string} title
 * @property {string} [skipped] Why there are no results.
 * @property {Result[]} results
 */

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {Record<string, number>[]} runs By the names of the columns.
 * @property {string} [failed]
 */

/**
 * @template {{ name: string }} Contestant
 * @param {object} cell
 * @param {string} cell.table
 * @param {string} cell.title
 * @param {number} cell.repetitions
 * @param {(contestant: Contestant) => Promise<Record<string, number>>} cell.measure Rejects with the reason of a
 *   failure, which ends the contestant's part in this cell.
 * @param {Contestant[]} contestants
 * @param {(line: string) => void} log
 * @returns {Promise<Cell>}
 */
export async function takeTurns({ table, title, repetitions, measure }, contestants, log) {
  /** @type {Result[]} */
  const results = contestants.map(({ name }) => ({ name, runs: [] }));
  log(`${table}: ${title}`);
  for (const { repetition, index } of inTurns(repetitions, contestants.length)) {
    const [contestant, result] = [contestants[index], results[index]];
    if (contestant === undefined || result === undefined || result.failed !== undefined) continue;
    try {
      result.runs.push(await measure(contestant));
    } catch (error) {
      result.failed = /** @type {Error} */ (error).message.slice(0, 300);
    }
    const numbers = Object.entries(result.runs.at(-1) ?? {}).map(
      ([name, value]) => `${value.toPrecision(3)} ${name}`,
    );
    log(`  ${repetition + 1}/${repetitions} ${contestant.name}: ${result.failed ?? numbers.join(', ')}`);
  }
  return { table, title, results };
}
