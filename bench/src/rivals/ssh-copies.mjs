// Programs that copy by the SFTP protocol, over the suite's own sshd.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { needs, overSsh, parentOf } from './contestant.mjs';

/** @typedef {import('./contestant.mjs').Contestant} Contestant */

/** @type {Contestant} */
export const scp = {
  name: 'scp (aes128-gcm)',
  encrypted: true,
  missing: needs('scp', 'sshd'),
  plan: (workshop, source, destination) =>
    overSsh(workshop, (config) => [
      'scp',
      '-q',
      '-r',
      '-p',
      '-F',
      config,
      source,
      `aes:${parentOf(source, destination)}`,
    ]),
};

/** @type {Contestant} */
export const sftp = {
  name: 'sftp (aes128-gcm)',
  encrypted: true,
  missing: needs('sftp', 'sshd'),
  async plan(workshop, source, destination) {
    const batch = join(workshop.folder, 'sftp-batch');
    await writeFile(batch, `put -R -p "${source}" "${parentOf(source, destination)}/"\n`);
    return overSsh(workshop, (config) => ['sftp', '-q', '-F', config, '-b', batch, 'aes']);
  },
};

/** @type {Contestant} */
export const lftp = {
  name: 'lftp mirror, 4 at once (sftp, aes128-gcm)',
  encrypted: true,
  missing: needs('lftp', 'ssh', 'sshd'),
  plan: (workshop, source, destination) =>
    overSsh(workshop, (config) => {
      const program = `set sftp:connect-program "ssh -a -x -F ${config}"; set cmd:fail-exit yes`;
      return [
        'lftp',
        '--norc',
        '-c',
        `${program}; open sftp://aes; mirror -R --parallel=4 "${source}" "${destination}"`,
      ];
    }),
};

/** Without its hash check, which starts a program at the far end for each file.
 * @type {Contestant} */
export const rclone = {
  name: 'rclone, 4 at once (sftp)',
  encrypted: true,
  missing: needs('rclone', 'sshd'),
  plan: (workshop, source, destination) =>
    overSsh(workshop, (_, port, ssh) => {
      const server = {
        host: '127.0.0.1',
        port,
        user: ssh.user,
        key_file: ssh.key,
        known_hosts_file: ssh.knownHosts,
      };
      const remote = Object.entries({ ...server, disable_hashcheck: true, shell_type: 'unix' });
      const address = `:sftp,${remote.map(([name, value]) => `${name}=${value}`).join(',')}:${destination}`;
      return [
        'rclone',
        'copy',
        '--config',
        '/dev/null',
        '--transfers',
        '4',
        '--create-empty-src-dirs',
        source,
        address,
      ];
    }),
};

/** @type {Contestant} */
export const mscp = {
  name: 'mscp, 4 connections (aes128-gcm)',
  encrypted: true,
  missing: needs('mscp', 'sshd'),
  plan: (workshop, source, destination) =>
    overSsh(workshop, (config) => [
      'mscp',
      '-q',
      '-n',
      '4',
      '-p',
      '-F',
      config,
      source,
      `aes:${parentOf(source, destination)}`,
    ]),
};
