// A cell as a Markdown table: medians with their ranges, and ratios of medians to those of the yardsticks.
import { spread } from '../stats.mjs';

/** @typedef {import('../turns.mjs').Cell} Cell */
/** @typedef {import('../turns.mjs').Result} Result */

/**
 * @param {Cell} cell
 * @param {string} kind Of contestant, over their names.
 * @param {Record<string, string>} yardsticks What heads the ratios to a contestant, by its name.
 */
export function cellTable({ title, skipped, results }, kind, yardsticks) {
  if (skipped !== undefined) return `### ${title}\n\nNot measured: ${skipped}.`;
  const names = Object.keys(yardsticks);
  const columns = Object.keys(results.find(({ runs }) => runs.length > 0)?.runs[0] ?? {});
  const head = [kind, ...columns.flatMap((name) => [name, ...Object.values(yardsticks)])];
  const rows = results.map(({ name, runs, failed }) =>
    failed !== undefined
      ? [name, `failed: ${failed.replaceAll(/\s+/g, ' ')}`]
      : [name, ...columns.flatMap((column) => figures(column, runs, results, names))],
  );
  const lines = [head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows];
  return `### ${title}\n\n${lines.map((cells) => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')}`;
}

/** @param {string} column @param {Result['runs']} runs @param {Result[]} results @param {string[]} yardsticks */
function figures(column, runs, results, yardsticks) {
  const of = (/** @type {Result['runs']} */ all) => spread(all.map((run) => run[column] ?? 0));
  const { median, min, max } = of(runs);
  const ratios = yardsticks.map((yardstick) => {
    const other = results.find(({ name, failed }) => name === yardstick && failed === undefined);
    if (other === undefined) return '';
    const yard = of(other.runs).median;
    return yard === 0 ? '–' : (median / yard).toFixed(2);
  });
  return [`${short(median)} (${short(min)}–${short(max)})`, ...ratios];
}

/** @param {number} value Three digits, but no fewer than an integer has. */
function short(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
