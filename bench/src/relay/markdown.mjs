// The tables: a row for each contestant, a column for each number of connections.
import { spread } from '../stats.mjs';

/** @typedef {import('./main.mjs').Cell} Cell */
/** @typedef {import('./run.mjs').Run} Run */

/** @type {{ kind: string, title: string, of: (run: Run) => number, digits: number }[]} */
const TABLES = [
  { kind: 'send', title: 'One way, GB/s', of: ({ bytes, seconds }) => bytes / seconds / 1e9, digits: 2 },
  {
    kind: 'send',
    title: "One way, the relay's CPU seconds per GB",
    of: ({ bytes, cpuS }) => cpuS / (bytes / 1e9),
    digits: 2,
  },
  {
    kind: 'echo-send',
    title: 'Echo, GB/s that came back',
    of: ({ bytes, seconds }) => bytes / seconds / 1e9,
    digits: 2,
  },
  {
    kind: 'echo-send',
    title: "Echo, the relay's CPU seconds per GB",
    of: ({ bytes, cpuS }) => cpuS / (bytes / 1e9),
    digits: 2,
  },
  {
    kind: 'ping',
    title: 'A message to and fro, round trips per second',
    of: ({ roundTrips, seconds }) => roundTrips / seconds,
    digits: 0,
  },
  {
    kind: 'ping',
    title: "A message to and fro, the relay's CPU microseconds",
    of: ({ roundTrips, cpuS }) => (cpuS / roundTrips) * 1e6,
    digits: 1,
  },
  { kind: 'ping', title: 'A message to and fro, median in µs', of: ({ medianUs }) => medianUs, digits: 0 },
  { kind: 'ping', title: 'A message to and fro, 99th percentile in µs', of: ({ p99Us }) => p99Us, digits: 0 },
];

/**
 * @param {{ machine: import('../machine.mjs').Machine, seconds: number, repetitions: number, message: number,
 *   absent: { name: string, missing: string | undefined }[], cells: Cell[] }} report
 */
export function markdown({ machine, seconds, repetitions, message, absent, cells }) {
  const { cpu, cores, kernel, congestionControl, loadAverage, versions } = machine;
  const lines = [
    '# Relays of TCP connections',
    '',
    `${cpu}, ${cores} cores, Linux ${kernel}, ${congestionControl}, loopback; load average ${loadAverage}. Node ${versions.node}.`,
    `Medians of ${repetitions} alternating runs of ${seconds} s, and the range. Messages of ${message} byte${message === 1 ? '' : 's'}.`,
    ...absent.map(({ name, missing }) => `Absent: ${name} (${missing}).`),
  ];
  for (const table of TABLES) {
    const own = cells.filter(({ kind }) => kind === table.kind);
    if (own.length > 0) {
      lines.push('', `## ${table.title}`, '', ...rows(own, table));
    }
  }
  const failures = cells.filter(({ failed }) => failed);
  lines.push(
    '',
    ...failures.map((one) => `Failed: ${one.name}, ${one.kind}, ${one.connections}: ${one.failed}`),
  );
  return `${lines.join('\n')}\n`;
}

/**
 * @param {Cell[]} cells
 * @param {(typeof TABLES)[number]} table
 */
function rows(cells, { of, digits }) {
  const columns = [...new Set(cells.map(({ connections }) => connections))];
  const names = [...new Set(cells.map(({ name }) => name))];
  return [
    `| | ${columns.map((count) => `${count} connection${count === 1 ? '' : 's'}`).join(' | ')} |`,
    `|---|${columns.map(() => '---:|').join('')}`,
    ...names.map((name) => {
      const figures = columns.map((count) => {
        const cell = cells.find((one) => one.name === name && one.connections === count);
        if (!cell || cell.failed || cell.runs.length === 0) {
          return 'failed';
        }
        const { median, min, max } = spread(cell.runs.map(of));
        return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
      });
      return `| ${name} | ${figures.join(' | ')} |`;
    }),
  ];
}
