// The cells: which workload with which buffers, and the columns that come of it.
import { fileURLToPath } from 'node:url';

import { output } from '../process.mjs';
import { takeTurns } from '../turns.mjs';

/** @typedef {import('./client.mjs').Measured} Measured */

/**
 * @typedef {object} Request
 * @property {string} table
 * @property {string} title
 * @property {number} amount
 * @property {number} size
 * @property {(measured: Measured) => Record<string, number>} columns
 */

const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url));
const KIB = 1024;
const MIB = 1024 * KIB;
/** Either side of what ours gives to a thread. */
const HELD_KIB = [256, 1023, 1024, 4096];

/** @param {import('./options.mjs').Options} options @returns {Request[]} */
export function requests({ tables, bytes, fileBytes, roundTrips, writes }) {
  const bulk =
    (/** @type {number} */ total) =>
    (/** @type {Measured} */ { seconds, cpuS }) => ({
      'GB/s': total / seconds / 1e9,
      'CPU s/GB': cpuS / (total / 1e9),
      'CPU s/s': cpuS / seconds,
    });
  /** @type {Request[]} */
  const all = [
    ...[64 * KIB, MIB].map((size) => ({
      table: 'write',
      title: `pipeline() of ${size / KIB} KiB buffers into the socket`,
      amount: bytes,
      size,
      columns: bulk(bytes),
    })),
    { table: 'read', title: "Reading, by 'data' events", amount: bytes, size: 0, columns: bulk(bytes) },
    {
      table: 'file',
      title: `A file of ${Math.round(fileBytes / MIB)} MiB: sendFile(), and createReadStream() into node:tls`,
      amount: fileBytes,
      size: 0,
      columns: bulk(fileBytes),
    },
    {
      table: 'ping',
      title: '64 bytes there and back',
      amount: roundTrips,
      size: 64,
      columns: ({ seconds, cpuS }) => ({
        'round trips/s': roundTrips / seconds,
        'CPU µs each': (cpuS * 1e6) / roundTrips,
      }),
    },
    ...HELD_KIB.map((kib) => ({
      table: 'hold',
      title: `A write of ${kib} KiB: how long the event loop is active until its callback`,
      amount: writes,
      size: kib * KIB,
      columns: (/** @type {Measured} */ { figure = Number.NaN }) => ({ µs: figure }),
    })),
  ];
  return all.filter(({ table }) => tables.includes(table));
}

/**
 * @param {Request} request
 * @param {import('./options.mjs').Options} options
 * @param {{ port: number, cert: string, file: string }} peer
 * @param {import('./contestants.mjs').Contestant[]} contestants
 * @param {(line: string) => void} log
 */
export function runCell({ table, title, amount, size, columns }, options, peer, contestants, log) {
  const { repetitions, limit } = options;
  /** @param {import('./contestants.mjs').Contestant} contestant */
  async function measure({ name }) {
    const task = { ...peer, contestant: name, workload: table, amount, size };
    try {
      const text = await output(process.execPath, [CLIENT, JSON.stringify(task)], { timeout: limit * 1000 });
      return columns(JSON.parse(text));
    } catch (error) {
      const { killed, stderr, message } = /** @type {Error & { killed?: boolean, stderr?: string }} */ (
        error
      );
      throw new Error(killed ? `stopped after ${limit} s` : stderr || message);
    }
  }
  return takeTurns({ table, title, repetitions, measure }, contestants, log);
}
