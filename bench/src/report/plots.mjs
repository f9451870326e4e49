// Which charts are drawn of which tables.
import { describe } from '../cells.mjs';
import { inBytes, titleOf } from '../datasets/catalog.mjs';
import { BASELINE, OURS } from '../rivals/index.mjs';
import { barChart, lineChart } from './charts.mjs';
import { summarize } from './summary.mjs';

/** @typedef {import('../cells.mjs').CellReport} CellReport */
/** @typedef {import('./summary.mjs').Figures} Figures */
/** @typedef {import('./charts.mjs').Axis} Axis */

/**
 * @typedef {object} Plot
 * @property {string} table
 * @property {string} title
 * @property {string} file
 * @property {string} svg
 */

/**
 * @param {CellReport[]} cells
 * @returns {Plot[]}
 */
export function drawPlots(cells) {
  const of = (/** @type {string} */ table) => cells.filter((cell) => cell.table === table);
  return [
    ...bars('rivals', 'Speed against rsync over ssh', 'ratios.svg', of('rivals')),
    ...lines('sizes', 'Throughput by file size', 'sizes.svg', of('sizes'), {
      x: { name: 'file size', log: true, label: inBytes },
      y: { name: 'GB/s', log: false },
      point: (cell, figures) => [cell.set.bytes / cell.set.files, figures.gigabytesPerSecond],
    }),
    ...lines('counts', 'Time by number of files', 'counts.svg', of('counts'), {
      x: { name: 'files', log: true },
      y: { name: 's', log: true },
      point: (cell, figures) => [cell.set.files, figures.seconds.median],
    }),
    ...bars('connections', 'Speed by number of connections', 'connections.svg', of('connections')),
    ...networkPlots(of('network')),
    ...bars('ktls', 'kTLS against rsync over ssh, in the guest', 'ktls.svg', of('ktls')),
    ...bars('modes', 'Ways to send, in the guest', 'modes.svg', of('modes')),
    ...lines('read-write', 'read+send against sendfile, in the guest', 'read-write.svg', of('read-write'), {
      x: { name: 'file size', log: true, label: inBytes },
      y: { name: 'GB/s', log: false },
      point: (cell, figures) => [cell.set.bytes, inside(cell, figures)],
    }),
  ];
}

/** @param {CellReport[]} cells */
function networkPlots(cells) {
  const sets = [...new Set(cells.map(({ set }) => set.name))];
  return sets.flatMap((set) => {
    const own = cells.filter((cell) => cell.set.name === set);
    const title = `Time by round-trip time, ${titleOf(set)}, ${own[0]?.guest?.rateMbit} Mbit/s`;
    return lines('network', title, `rtt-${set}.svg`, own, {
      x: { name: 'round-trip time, ms', log: false },
      y: { name: 's', log: false },
      point: (cell, figures) => [cell.guest?.rttMs ?? 0, figures.seconds.median],
    });
  });
}

/**
 * Ratios where a cell has the baseline; else, among our own settings, throughput without the start-up.
 *
 * @param {string} table
 * @param {string} title
 * @param {string} file
 * @param {CellReport[]} cells
 * @returns {Plot[]}
 */
function bars(table, title, file, cells) {
  const compared = cells.some((cell) =>
    cell.results.some(({ name, runs }) => name === BASELINE && runs.length > 0),
  );
  const groups = cells.map((cell) => ({
    title: describe(cell),
    bars: summarize(cell)
      .flatMap(({ name, figures }) => {
        const value = compared ? figures?.overBaseline : figures && inside(cell, figures);
        return value === undefined ? [] : [{ name, value, strong: name.startsWith(OURS) }];
      })
      .sort((a, b) => b.value - a.value),
  }));
  const drawn = groups.filter((group) => group.bars.length > 0);
  const unit = compared ? 'times as fast; longer is better' : 'GB/s, without start-up; longer is better';
  return drawn.length === 0 ? [] : [{ table, title, file, svg: barChart(title, unit, drawn) }];
}

/**
 * @param {string} table
 * @param {string} title
 * @param {string} file
 * @param {CellReport[]} cells
 * @param {{ x: Axis, y: Axis, point: (cell: CellReport, figures: Figures) => [number, number] }} axes
 * @returns {Plot[]}
 */
function lines(table, title, file, cells, { x, y, point }) {
  /** @type {Map<string, [number, number][]>} */
  const found = new Map();
  for (const cell of cells) {
    for (const { name, figures } of summarize(cell)) {
      if (figures !== undefined) {
        const [at, value] = point(cell, figures);
        const shown = (at > 0 || !x.log) && (value > 0 || !y.log);
        found.set(name, [
          ...(found.get(name) ?? []),
          ...(shown ? [/** @type {[number, number]} */ ([at, value])] : []),
        ]);
      }
    }
  }
  const drawn = [...found].map(([name, points]) => ({ name, points: points.sort((a, b) => a[0] - b[0]) }));
  return drawn.length === 0 ? [] : [{ table, title, file, svg: lineChart(title, x, y, drawn) }];
}

/**
 * @param {CellReport} cell
 * @param {Figures} figures
 * @returns {number} GB/s without the program's start-up, where it says.
 */
function inside(cell, figures) {
  return cell.set.bytes / 1e9 / (figures.insideSeconds ?? figures.seconds).median;
}
