// The report for readers.
import { describe } from '../cells.mjs';
import { contestants } from '../rivals/index.mjs';
import { tables } from '../tables/index.mjs';
import { summarize } from './summary.mjs';

/** @typedef {import('../cells.mjs').CellReport} CellReport */

/**
 * @param {import('./write.mjs').Report} report
 * @returns {string}
 */
export function toMarkdown({ cells, plots }) {
  const there = tables.filter(({ name }) => cells.some(({ table }) => table === name));
  const sections = there.map(({ name, title, note }) => {
    const own = cells.filter(({ table }) => table === name);
    const images = plots
      .filter(({ table }) => table === name)
      .map((plot) => `![${plot.title}](${plot.file})`);
    return [`## ${title}`, note, ...images, ...own.map(cellSection)].join('\n\n');
  });
  return `${['# Measurements', conditions(cells), ...sections].join('\n\n')}\n`;
}

/** @param {CellReport[]} cells */
function conditions(cells) {
  const versions = Object.entries(cells[0]?.machine.versions ?? {}).map(
    ([program, text]) => `${program}: ${text}`,
  );
  const absent = new Map(cells.flatMap((cell) => cell.absent.map((one) => [one.name, one.missing])));
  const seen = new Set([...absent.keys(), ...cells.flatMap((cell) => cell.results.map(({ name }) => name))]);
  const others = contestants.map(({ name }) => name).filter((name) => !seen.has(name));
  return [
    "Medians of alternating runs (fastest to slowest in brackets). Times are of the whole command, from the sender's start until both ends have ended, unless they say inside. CPU time and peak memory are the sender's + the receiver's, children included; memory is the largest process's.",
    '',
    ...new Set(cells.map(machineLine)),
    `- Versions: ${versions.join('; ')}.`,
    ...(absent.size === 0
      ? []
      : [`- Absent: ${[...absent].map(([name, what]) => `${name} (no ${what})`).join('; ')}.`]),
    ...(others.length === 0 ? [] : [`- Left out of this run: ${others.join('; ')}.`]),
  ].join('\n');
}

/** @param {CellReport} cell */
function machineLine({ guest, machine }) {
  const systems = Object.entries(machine.fileSystems).map(([use, type]) => `${use} on ${type}`);
  const hardware = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`;
  const network = `TCP congestion control ${machine.congestionControl} for all programs`;
  const where = guest === undefined ? 'Here' : 'In the guest';
  return `- ${where}: ${hardware}, Linux ${machine.kernel}, ${network}, ${systems.join(', ')}, load average ${machine.loadAverage} at the start.`;
}

/** @param {CellReport} cell */
function cellSection(cell) {
  const megabytes = `${cell.set.files.toLocaleString('en')} files, ${(cell.set.bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 0 })} MB`;
  const runs = Math.max(...cell.results.map((result) => result.runs.length));
  const summaries = summarize(cell);
  const delayed = cell.guest !== undefined;
  const head = [
    'program',
    'time s',
    'inside s',
    '× rsync+ssh',
    '× cp -a',
    'CPU s',
    'peak MiB',
    'µs/file',
    'GB/s',
    ...(delayed ? ['delayed'] : []),
    'remarks',
  ];
  const rows = summaries.map(({ name, encrypted, failed, figures, remark }) => {
    const label = encrypted ? name : `${name} †`;
    if (figures === undefined) {
      return [label, 'failed', ...Array(head.length - 3).fill(''), failed ?? ''];
    }
    return [
      label,
      withSpread(figures.seconds),
      figures.insideSeconds === undefined ? '' : withSpread(figures.insideSeconds),
      ratio(figures.overBaseline),
      ratio(figures.overLocalCopy),
      `${figures.senderCpuS.toFixed(2)} + ${figures.receiverCpuS.toFixed(2)}`,
      `${figures.senderPeakMiB.toFixed(0)} + ${figures.receiverPeakMiB.toFixed(0)}`,
      figures.microsecondsPerFile.toFixed(1),
      figures.gigabytesPerSecond.toFixed(3),
      ...(delayed ? [String(figures.delayedAcks)] : []),
      remark,
    ];
  });
  const lines = [head, head.map((_, n) => (n === 0 || n === head.length - 1 ? '---' : '---:')), ...rows];
  const table = lines
    .map((cells) => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
  return `### ${describe(cell)} (${megabytes}; ${runs} runs)\n\n${table}\n\n† in plaintext`;
}

/** @param {import('../stats.mjs').Spread} spread */
function withSpread({ median, min, max }) {
  return `${median.toFixed(3)} (${min.toFixed(3)}–${max.toFixed(3)})`;
}

/** @param {number | undefined} value */
function ratio(value) {
  return value === undefined ? '' : value.toFixed(2);
}
