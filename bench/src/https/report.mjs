// The HTTPS tables for readers: medians with their ranges, and ratios to the two yardsticks.
import { cellTable } from '../report/cell-table.mjs';
import { BASELINE, NGINX } from './contestants.mjs';

/** @typedef {import('../turns.mjs').Cell} Cell */

const YARDSTICKS = { [BASELINE]: '× send', [NGINX]: '× nginx' };
const PROGRAMS = ['node', 'nginx', 'h2load', 'openssl'];

const TITLES = {
  files: 'Files',
  handshakes: 'Handshakes',
  idle: 'Idle connections',
};
const WARM = "over connections that are open and warm. CPU is the server's; × are ratios of medians.";
const CLIENTS = {
  h2load: `Loaded by h2load on the same processors, with a thread for each as far as there are connections, ${WARM}`,
  unread: `Loaded by one thread on the same processors that throws records away unopened, as a client elsewhere would leave the processors to the server, ${WARM}`,
};
const NOTES = {
  handshakes:
    'A connection, one request and the end, 16 at once, by a client of node:tls, which is the bottleneck where a server is faster than it: compare the CPU.',
  idle: "Opened, asked once and then left alone. Memory of the server's processes (PSS), not of the kernel.",
};

/** @param {{ machine: import('../machine.mjs').Machine, guest?: string, client: keyof typeof CLIENTS, absent: string[], cells: Cell[] }} report */
export function toMarkdown({ machine, guest, client, absent, cells }) {
  const { cpu, cores, memoryGiB, kernel, congestionControl, loadAverage, versions } = machine;
  const where = `${guest ?? 'Here'}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, TCP congestion control ${congestionControl}, load average ${loadAverage} at the start.`;
  const programs = PROGRAMS.flatMap((name) => versions[name] ?? []);
  const sections = /** @type {(keyof typeof TITLES)[]} */ (Object.keys(TITLES))
    .filter((name) => cells.some(({ table }) => table === name))
    .map((name) => {
      const own = cells.filter(({ table }) => table === name);
      return [
        `## ${TITLES[name]}`,
        name === 'files' ? CLIENTS[client] : NOTES[name],
        ...own.map((cell) => cellTable(cell, 'server', YARDSTICKS)),
      ].join('\n\n');
    });
  return `${[
    '# HTTPS servers',
    'TLS 1.3, TLS_AES_128_GCM_SHA256, X25519; medians of alternating runs (lowest to highest in brackets).',
    where,
    `Versions: Node ${programs.join('; ')}.${absent.length > 0 ? ` Absent: ${absent.join('; ')}.` : ''}`,
    ...sections,
  ].join('\n\n')}\n`;
}
