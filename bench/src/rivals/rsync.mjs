import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { freePort } from '../measure/ports.mjs';
import { needs, overSsh, quote } from './contestant.mjs';

/** @typedef {import('./contestant.mjs').Contestant} Contestant */

/**
 * Never with -z: the data cannot be compressed.
 *
 * @param {'aes' | 'default'} host
 * @param {string} name
 * @returns {Contestant}
 */
const overSshAs = (host, name) => ({
  name,
  encrypted: true,
  missing: needs('rsync', 'ssh', 'sshd'),
  plan: (workshop, source, destination) =>
    overSsh(workshop, (config) => [
      'rsync',
      '-a',
      '-e',
      `ssh -F ${quote(config)}`,
      `${source}/`,
      `${host}:${destination}/`,
    ]),
});

export const rsyncSsh = overSshAs('aes', 'rsync + ssh (aes128-gcm)');

export const rsyncSshDefault = overSshAs('default', 'rsync + ssh (default cipher)');

/** In plaintext.
 * @type {Contestant} */
export const rsyncDaemon = {
  name: 'rsync daemon (plaintext)',
  encrypted: false,
  missing: needs('rsync'),
  async plan(workshop, source, destination) {
    const port = await freePort();
    const config = join(workshop.folder, `rsyncd-${port}`);
    const owner = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : '';
    const module = `[bench]\npath = ${dirname(destination)}\nread only = false\nuse chroot = no\n${owner}`;
    await writeFile(config, `address = 127.0.0.1\nport = ${port}\npid file = ${config}.pid\n${module}`);
    return {
      send: [
        'rsync',
        '-a',
        `${source}/`,
        `rsync://127.0.0.1:${port}/bench/${destination.slice(dirname(destination).length + 1)}/`,
      ],
      receive: {
        command: ['rsync', '--daemon', '--no-detach', `--config=${config}`, '--log-file=/dev/null'],
        port,
        once: false,
      },
    };
  },
};
