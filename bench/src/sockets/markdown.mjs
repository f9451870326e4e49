// The sockets' tables for readers.
import { cellTable } from '../report/cell-table.mjs';
import { BASELINE, CIPHER } from './contestants.mjs';

/** @param {{ machine: import('../machine.mjs').Machine, peer: string, guest?: string, absent: string[], cells: import('../turns.mjs').Cell[] }} report */
export function toMarkdown({ machine, peer, guest, absent, cells }) {
  const { cpu, cores, memoryGiB, kernel, congestionControl, loadAverage, versions } = machine;
  return `${[
    '# Sockets',
    `TLS 1.3, ${CIPHER}, over loopback; medians of alternating runs (lowest to highest in brackets), × are ratios of medians. The peer is a process of ${peer} for all. CPU is that of the process under test: at 1 s/s it is the bottleneck, below it waits too, for the peer or a processor.`,
    `${guest ?? 'Here'}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, TCP congestion control ${congestionControl}, load average ${loadAverage} at the start. Node ${versions.node}.${absent.length > 0 ? ` Absent: ${absent.join('; ')}.` : ''}`,
    ...cells.map((cell) => cellTable(cell, 'socket', { [BASELINE]: '× node:tls' })),
  ].join('\n\n')}\n`;
}
