// The command line of the HTTPS tables.
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command, Option } from 'commander';

import { integer, integers, words } from '../arguments.mjs';

export const TABLES = ['files', 'handshakes', 'idle'];
const KIB = 1024;
const SIZES = [10 * KIB, 100 * KIB, KIB * KIB, 100 * KIB * KIB];

/**
 * @typedef {object} Options
 * @property {string[]} tables
 * @property {number[]} sizes Bytes.
 * @property {number[]} connections
 * @property {'h2load' | 'unread'} client That loads files.
 * @property {number} clientThreads Of h2load.
 * @property {number[]} idle
 * @property {number} repetitions
 * @property {number} seconds For each measurement.
 * @property {boolean} guest
 * @property {string} [guestModule]
 * @property {boolean} here Inside the guest.
 * @property {string} out
 */

/** @param {string[]} argv As process.argv, without the word that led here. @returns {Options} */
export function parseOptions(argv) {
  const program = new Command('npm run bench -- https')
    .description('Measures HTTPS servers side by side, and writes https.md and https.json.')
    .option('--quick', '100 KiB and 1 MiB over 1 and 64 connections: 3 minutes', false)
    .option('--tables <names>', `some of ${TABLES.join(', ')}`, words(TABLES))
    .option('--sizes <bytes>', `of files (default: ${SIZES})`, integers)
    .option('--connections <n>', 'that load at once (default: 1,64,1000)', integers)
    .addOption(
      new Option('--client <name>', 'that loads files: unread throws the answers away unopened')
        .choices(['h2load', 'unread'])
        .default('h2load'),
    )
    .option('--client-threads <n>', 'of h2load (default: one for each processor)', integer)
    .option('--idle <n>', 'connections that are held (default: 10000,40000)', integers)
    .option('--repetitions <n>', '(default: 5; quick: 3)', integer)
    .option('--seconds <n>', 'for each measurement (default: 4; quick: 2)', integer)
    .option('--guest', 'in a guest kernel with kTLS, on one processor', false)
    .option(
      '--guest-module <file>',
      'a kernel module for the guest, such as a faster AES: its own is generic',
    )
    .option('--here', 'what --guest starts inside the guest', false)
    .option('--out <folder>', 'for the report', fileURLToPath(new URL('../../results', import.meta.url)))
    .parse(argv);
  /** @type {Pick<Options, 'client' | 'guest' | 'here' | 'out'> & Partial<Options> & { quick: boolean }} */
  const options = program.opts();
  const { quick } = options;
  return {
    ...options,
    tables: options.tables ?? (quick ? TABLES.slice(0, 2) : TABLES),
    sizes: options.sizes ?? (quick ? SIZES.slice(1, 3) : SIZES),
    connections: options.connections ?? (quick ? [1, 64] : [1, 64, 1000]),
    clientThreads: options.clientThreads ?? availableParallelism(),
    idle: options.idle ?? [10_000, 40_000],
    repetitions: options.repetitions ?? (quick ? 3 : 5),
    seconds: options.seconds ?? (quick ? 2 : 4),
    ...(options.guestModule && { guestModule: resolve(options.guestModule) }),
    out: resolve(options.out),
  };
}
