// Every contestant of the rivals' tables, in the order in which they are shown.
import { cp } from './cp.mjs';
import { ktlsTransfer } from './ktls-transfer.mjs';
import { nodeTls } from './node-tls.mjs';
import { rsyncDaemon, rsyncSsh, rsyncSshDefault } from './rsync.mjs';
import { lftp, mscp, rclone, scp, sftp } from './ssh-copies.mjs';
import { tarOpenssl, tarSsh } from './tar.mjs';
import { wdt } from './wdt.mjs';

/** @typedef {import('./contestant.mjs').Contestant} Contestant */

/**
 * A contestant in a request: one of the list below by name, or this package with settings.
 *
 * @typedef {string | { name: string, settings: import('./ktls-transfer.mjs').Settings }} Entry
 */

export const OURS = 'ktls-transfer';

/** What ratios are taken to. */
export const BASELINE = rsyncSsh.name;

export const LOCAL_COPY = cp.name;

/** @type {Contestant[]} */
export const contestants = [
  ktlsTransfer(OURS),
  cp,
  rsyncSsh,
  rsyncSshDefault,
  rsyncDaemon,
  tarSsh,
  tarOpenssl,
  scp,
  sftp,
  nodeTls,
  rclone,
  lftp,
  wdt,
  mscp,
];

/** A round trip or more for each file, and some 50 times slower than the fastest. */
export const SLOW = [scp, sftp, nodeTls, rclone, lftp].map(({ name }) => name);

/**
 * The contestants that the comparisons over file sizes, numbers and networks take: the yardsticks and
 * the fastest rivals that encrypt.
 */
export const FEW = [OURS, cp, rsyncSsh, tarSsh, tarOpenssl, wdt].map((one) =>
  typeof one === 'string' ? one : one.name,
);

/**
 * @param {Entry} entry
 * @returns {Contestant}
 */
export function contestant(entry) {
  if (typeof entry !== 'string') {
    return ktlsTransfer(entry.name, entry.settings);
  }
  const found = contestants.find(({ name }) => name === entry);
  if (found === undefined) {
    throw new Error(`no such contestant: ${entry}`);
  }
  return found;
}
