// The tables: each is a list of cells, by what the user chose.
import { ktlsRsync, modes, readWrite } from './modes.mjs';
import { network } from './network.mjs';
import { rivals } from './rivals.mjs';
import { connections, counts, sizes } from './sweeps.mjs';

/**
 * @typedef {object} Choice
 * @property {boolean} quick
 * @property {string[]} [sets] Instead of a table's own.
 * @property {('disk' | 'tmpfs')[]} destinations
 * @property {import('../cache.mjs').Cache[]} caches
 * @property {number[]} rtts Milliseconds.
 * @property {number} rateMbit
 * @property {string} [module] For the guest's kernel.
 */

/**
 * @typedef {object} Table
 * @property {string} name
 * @property {string} title
 * @property {string} note
 * @property {(choice: Choice) => Omit<import('../cells.mjs').CellRequest, 'table'>[]} cells
 */

/** @type {Table[]} */
export const tables = [rivals, sizes, counts, connections, network, ktlsRsync, modes, readWrite];
