// What the numbers depend on: the machine and the programs. Neither its name nor its paths.
import { readFile, statfs } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';

import { congestionControl } from './namespace.mjs';
import { version, which } from './process.mjs';

/**
 * @typedef {object} Machine
 * @property {string} cpu
 * @property {number} cores
 * @property {number} memoryGiB
 * @property {string} kernel
 * @property {string} congestionControl
 * @property {string} loadAverage Over the last minute, before the first run.
 * @property {Record<string, string>} fileSystems
 * @property {Record<string, string>} versions
 */

const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x01021994, 'tmpfs'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
  [0xc0ffee, 'hostfs'],
]);

const PROGRAMS = {
  rsync: ['--version'],
  ssh: ['-V'],
  openssl: ['version'],
  tar: ['--version'],
  cp: ['--version'],
  rclone: ['version'],
  lftp: ['--version'],
  wdt: ['-version'],
  mscp: ['-h'],
  nginx: ['-v'],
  haproxy: ['-v'],
  h2load: ['--version'],
};

/**
 * @param {Record<string, string>} folders Their file systems are named.
 * @returns {Promise<Machine>}
 */
export async function describeMachine(folders) {
  const fileSystems = Object.entries(folders).map(async ([use, path]) => [use, await fileSystem(path)]);
  const there = Object.entries(PROGRAMS).filter(([program]) => which(program) !== undefined);
  const versions = there.map(async ([program, args]) => [program, await version(program, ...args)]);
  const control = await readFile('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').catch(() => 'unknown');
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    congestionControl: congestionControl ?? control.trim(),
    loadAverage: (loadavg()[0] ?? 0).toFixed(2),
    fileSystems: Object.fromEntries(await Promise.all(fileSystems)),
    versions: {
      // Which OpenSSL it brings decides how fast AES is.
      node: `${process.version} with OpenSSL ${process.versions.openssl}`,
      ...Object.fromEntries(await Promise.all(versions)),
    },
  };
}

/** @param {string} path */
async function fileSystem(path) {
  const { type } = await statfs(path);
  return FILE_SYSTEMS.get(type) ?? `type 0x${type.toString(16)}`;
}
