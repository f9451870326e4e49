// The command line of the sockets' tables.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command, Option } from 'commander';

import { integer, words } from '../arguments.mjs';

/** What the far end may be made of. */
export const PEERS = ['node:tls', 'ktls-transfer'];

const TABLES = ['write', 'read', 'file', 'ping', 'hold'];
const MIB = 2 ** 20;

/**
 * @typedef {object} Options
 * @property {string[]} tables
 * @property {number} bytes Written or read in bulk.
 * @property {number} fileBytes
 * @property {number} roundTrips
 * @property {number} writes Of the table hold.
 * @property {number} repetitions
 * @property {number} limit Seconds for one run.
 * @property {string} peer One of PEERS.
 * @property {boolean} guest
 * @property {string} [guestModule]
 * @property {boolean} here Inside the guest.
 * @property {string} out
 */

/** @param {string[]} argv As process.argv, without the word that led here. @returns {Options} */
export function parseOptions(argv) {
  const program = new Command('npm run bench -- sockets')
    .description('Measures KtlsSocket beside tls.TLSSocket, and writes sockets.md and sockets.json.')
    .option('--quick', 'fewer bytes, round trips and repetitions', false)
    .option('--tables <names>', `some of ${TABLES.join(', ')}`, words(TABLES), TABLES)
    .option('--bytes <n>', 'written or read in bulk (default: 2 GiB; quick: 512 MiB)', integer)
    .option('--file-bytes <n>', '(default: 512 MiB)', integer, 512 * MIB)
    .option('--round-trips <n>', '(default: 50,000; quick: 10,000)', integer)
    .option('--writes <n>', 'of the table hold (default: 100; quick: 40)', integer)
    .option('--repetitions <n>', '(default: 7; quick: 3)', integer)
    .option('--limit <seconds>', 'for one run, after which it counts as failed', integer, 600)
    .addOption(
      new Option('--peer <name>', 'of what the far end is made, for all').choices(PEERS).default(PEERS[0]),
    )
    .option('--guest', 'in a guest kernel with kTLS, on one processor', false)
    .option(
      '--guest-module <file>',
      'a kernel module for the guest, such as a faster AES: its own is generic',
      (path) => resolve(path),
    )
    .option('--here', 'what --guest starts inside the guest', false)
    .option(
      '--out <folder>',
      'for the report',
      (path) => resolve(path),
      fileURLToPath(new URL('../../results', import.meta.url)),
    )
    .parse(argv);
  /** @type {Omit<Options, 'bytes' | 'roundTrips' | 'writes' | 'repetitions'> & Partial<Options> & { quick: boolean }} */
  const options = program.opts();
  const { quick } = options;
  return {
    ...options,
    bytes: options.bytes ?? (quick ? 512 : 2048) * MIB,
    roundTrips: options.roundTrips ?? (quick ? 10_000 : 50_000),
    writes: options.writes ?? (quick ? 40 : 100),
    repetitions: options.repetitions ?? (quick ? 3 : 7),
  };
}
