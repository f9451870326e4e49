// The command line.
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command, InvalidArgumentError, Option } from 'commander';

import { words } from './arguments.mjs';
import { DATA_SET_NAMES } from './datasets/catalog.mjs';
import { contestants } from './rivals/index.mjs';
import { tables } from './tables/index.mjs';

/**
 * @typedef {object} Options
 * @property {boolean} quick
 * @property {string[]} tables
 * @property {string[]} [sets]
 * @property {string[]} [rivals]
 * @property {number} repetitions
 * @property {('disk' | 'tmpfs')[]} destinations
 * @property {import('./cache.mjs').Cache[]} cache
 * @property {number} limit
 * @property {string} data
 * @property {boolean} keepData
 * @property {string} [disk]
 * @property {string} tmpfs
 * @property {string} mixed
 * @property {number[]} rtt
 * @property {number} rate
 * @property {string} [guestModule]
 * @property {string} [congestion]
 * @property {string[]} add
 * @property {boolean} render
 * @property {string} out
 */

const QUICK_TABLES = ['rivals', 'sizes'];
const BENCH = fileURLToPath(new URL('../', import.meta.url));

/**
 * @param {string[]} argv As process.argv.
 * @returns {Options}
 */
export function parseOptions(argv) {
  const names = tables.map(({ name }) => name);
  const folder = join(tmpdir(), 'ktls-transfer-bench');
  const program = new Command('npm run bench --')
    .description(
      'Measures ktls-transfer and other programs side by side, and writes results.md, results.json and SVG plots.',
    )
    .option('--quick', 'small data, few rivals, 3 repetitions, nothing in the guest: within 3 minutes', false)
    .addOption(new Option('--tables <names>', `some of ${names.join(', ')}`).argParser(words(names)))
    .option('--sets <names>', `other data sets, of ${DATA_SET_NAMES.join(', ')}`, words())
    .option(
      '--rivals <words>',
      `only those whose name has one of the words: ${contestants.map(({ name }) => name).join('; ')}`,
      words(),
    )
    .option('--repetitions <n>', 'of each measurement (default: 5; quick: 3)', number)
    .addOption(new Option('--destinations <kinds>', 'disk, tmpfs').argParser(words(['disk', 'tmpfs'])))
    .addOption(
      new Option('--cache <kinds>', 'warm, cold (as root)')
        .argParser(words(['warm', 'cold']))
        .default(['warm'], 'warm'),
    )
    .option('--limit <seconds>', 'for one transfer, after which it counts as failed', number, 120)
    .option('--data <folder>', 'where data sets are kept', path, join(folder, 'data'))
    .option('--no-keep-data', 'remove each data set after its last use')
    .option(
      '--disk <folder>',
      'a destination on a disk (default: as root a new ext4 in a file, else --data)',
      path,
    )
    .option('--tmpfs <folder>', 'a destination on a tmpfs', path, '/dev/shm/ktls-transfer-bench')
    .option('--mixed <folder>', 'the tree that the set "mixed" copies', path, join(BENCH, '../node_modules'))
    .option('--rtt <ms>', 'round-trip times of the network table', numbers, [0, 10, 40, 100])
    .option('--rate <mbit>', 'rate limit of the network table', number, 1000)
    .option(
      '--guest-module <file>',
      "a kernel module for the guest, for instance a faster AES: the guest kernel's own is generic",
      path,
    )
    .option(
      '--congestion <name>',
      'TCP congestion control for everybody, in a network namespace of its own (as root)',
    )
    .option('--add <files...>', "cells of earlier runs' results.json to show too", [])
    .option('--render', 'measure nothing, only show those', false)
    .option('--out <folder>', 'for the report', path, join(BENCH, 'results'))
    .parse(argv);
  /** @type {Omit<Options, "tables" | "repetitions" | "destinations"> & Partial<Options>} */
  const options = program.opts();
  return {
    ...options,
    tables: options.render ? [] : (options.tables ?? (options.quick ? QUICK_TABLES : names)),
    repetitions: options.repetitions ?? (options.quick ? 3 : 5),
    destinations: options.destinations ?? (options.quick ? ['tmpfs'] : ['tmpfs', 'disk']),
  };
}

/** @param {string} text */
function number(text) {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('Not a positive number.');
  }
  return value;
}

/** @param {string} text */
function numbers(text) {
  return text.split(',').map((word) => (word.trim() === '0' ? 0 : number(word)));
}

/** @param {string} text */
function path(text) {
  return resolve(text);
}
