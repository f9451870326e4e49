// The HTTPS tables for readers: medians with their ranges, and ratios to the two yardsticks.
import { spread } from '../stats.mjs';
import { BASELINE, NGINX } from './contestants.mjs';

/** @typedef {import('./cells.mjs').Cell} Cell */

const PROGRAMS = ['node', 'nginx', 'wrk', 'openssl'];

const TITLES = {
  files: 'Files',
  handshakes: 'Handshakes',
  idle: 'Idle connections',
};
const NOTES = {
  files: "Loaded by wrk on the same processors. CPU is the server's; × are ratios of medians.",
  handshakes:
    'A connection, one request and the end, 16 at once, by a client of node:tls, which is the bottleneck where a server is faster than it: compare the CPU.',
  idle: "Opened, asked once and then left alone. Memory of the server's processes (PSS), not of the kernel.",
};

/** @param {{ machine: import('../machine.mjs').Machine, guest?: string, absent: string[], cells: Cell[] }} report */
export function toMarkdown({ machine, guest, absent, cells }) {
  const { cpu, cores, memoryGiB, kernel, congestionControl, loadAverage, versions } = machine;
  const where = `${guest ?? 'Here'}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, TCP congestion control ${congestionControl}, load average ${loadAverage} at the start.`;
  const programs = PROGRAMS.flatMap((name) => versions[name] ?? []);
  const sections = /** @type {(keyof typeof TITLES)[]} */ (Object.keys(TITLES))
    .filter((name) => cells.some(({ table }) => table === name))
    .map((name) => {
      const own = cells.filter(({ table }) => table === name);
      return [`## ${TITLES[name]}`, NOTES[name], ...own.map(cellSection)].join('\n\n');
    });
  return `${[
    '# HTTPS servers',
    'TLS 1.3, TLS_AES_128_GCM_SHA256, X25519; medians of alternating runs (lowest to highest in brackets).',
    where,
    `Versions: Node ${programs.join('; ')}.${absent.length > 0 ? ` Absent: ${absent.join('; ')}.` : ''}`,
    ...sections,
  ].join('\n\n')}\n`;
}

/** @param {Cell} cell */
function cellSection({ title, skipped, results }) {
  if (skipped !== undefined) return `### ${title}\n\nNot measured: ${skipped}.`;
  const columns = Object.keys(results.find(({ runs }) => runs.length > 0)?.runs[0] ?? {});
  const head = ['server', ...columns.flatMap((name) => [name, '× send', '× nginx'])];
  const rows = results.map(({ name, runs, failed }) =>
    failed !== undefined
      ? [name, `failed: ${failed.replaceAll(/\s+/g, ' ')}`]
      : [name, ...columns.flatMap((column) => figures(column, runs, results))],
  );
  const lines = [head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows];
  return `### ${title}\n\n${lines.map((cells) => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')}`;
}

/** @param {string} column @param {Record<string, number>[]} runs @param {import('./cells.mjs').Result[]} results */
function figures(column, runs, results) {
  const of = (/** @type {Record<string, number>[]} */ all) => spread(all.map((run) => run[column] ?? 0));
  const { median, min, max } = of(runs);
  const ratios = [BASELINE, NGINX].map((yardstick) => {
    const other = results.find(({ name, failed }) => name === yardstick && failed === undefined);
    return other === undefined ? '' : (median / of(other.runs).median).toFixed(2);
  });
  return [`${short(median)} (${short(min)}–${short(max)})`, ...ratios];
}

/** @param {number} value Three digits, but no fewer than an integer has. */
function short(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
