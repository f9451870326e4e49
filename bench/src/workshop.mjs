// What the contestants share: throw-away keys and configurations in a folder that is removed at the end.
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { compile } from './measure/compile.mjs';
import { output, which } from './process.mjs';

/**
 * @typedef {object} Workshop
 * @property {string} folder
 * @property {string} measure The measuring program.
 * @property {() => Promise<Certificate>} certificate For localhost, signed by itself.
 * @property {() => Promise<Ssh>} ssh
 * @property {() => Promise<void>} close
 */

/** @typedef {{ cert: string, key: string }} Certificate */

/**
 * A configured pair of sshd and ssh.
 *
 * @typedef {object} Ssh
 * @property {(port: number) => Promise<string[]>} daemon The command that listens on a port.
 * @property {(port: number) => Promise<string>} config Names the hosts `aes` and `default`, by cipher.
 * @property {string} key
 * @property {string} knownHosts
 * @property {string} user
 */

/**
 * @param {string} [measure] The measuring program, where it is built already.
 * @returns {Promise<Workshop>}
 */
export async function openWorkshop(measure) {
  const folder = await mkdtemp(join(tmpdir(), 'ktls-bench-'));
  return {
    folder,
    measure: measure ?? (await compile('measure', folder)),
    certificate: once(() => makeCertificate(folder)),
    ssh: once(() => makeSsh(join(folder, 'ssh'))),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * @template T
 * @param {() => Promise<T>} make
 * @returns {() => Promise<T>}
 */
function once(make) {
  /** @type {Promise<T> | undefined} */
  let made;
  return () => {
    made ??= make();
    return made;
  };
}

/** @param {string} folder
 * @returns {Promise<Certificate>} */
async function makeCertificate(folder) {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  await output('openssl', ['req', '-x509', ...newKey, '-out', cert, '-days', '2', ...names]);
  return { cert, key };
}

/** @param {string} folder
 * @returns {Promise<Ssh>} */
async function makeSsh(folder) {
  await mkdir(folder);
  const [hostKey, key, knownHosts] = ['host', 'user', 'known_hosts'].map((name) => join(folder, name));
  for (const path of [hostKey, key]) {
    await output('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', /** @type {string} */ (path)]);
  }
  const hostLine = await readFile(`${hostKey}.pub`, 'utf8');
  await writeFile(/** @type {string} */ (knownHosts), '');
  const user = userInfo().username;
  if (process.getuid?.() === 0) {
    await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  }
  return {
    key: /** @type {string} */ (key),
    knownHosts: /** @type {string} */ (knownHosts),
    user,
    async daemon(port) {
      const config = join(folder, `sshd-${port}`);
      const sftp = ['openssh', 'ssh'].flatMap((name) => [`/usr/lib/${name}`, `/usr/libexec/${name}`]);
      const settings = {
        Port: port,
        ListenAddress: '127.0.0.1',
        HostKey: hostKey,
        AuthorizedKeysFile: `${key}.pub`,
        PidFile: 'none',
        StrictModes: 'no',
        UsePAM: 'no',
        PermitRootLogin: 'prohibit-password',
        PasswordAuthentication: 'no',
        MaxStartups: '100:1:200',
        MaxSessions: 100,
        // else bash would read the user's .bashrc, whose cost is not the rival's
        SetEnv: 'SHLVL=2',
        Subsystem: `sftp ${sftp.map((path) => `${path}/sftp-server`).find((path) => existsSync(path)) ?? 'internal-sftp'}`,
      };
      await writeFile(config, lines(settings));
      return [which('sshd') ?? 'sshd', '-D', '-e', '-f', config];
    },
    async config(port) {
      await appendFile(/** @type {string} */ (knownHosts), `[127.0.0.1]:${port} ${hostLine}`);
      const config = join(folder, `ssh-${port}`);
      const settings = {
        HostName: '127.0.0.1',
        Port: port,
        User: user,
        IdentityFile: key,
        IdentitiesOnly: 'yes',
        UserKnownHostsFile: knownHosts,
        GlobalKnownHostsFile: '/dev/null',
        StrictHostKeyChecking: 'yes',
        BatchMode: 'yes',
        Compression: 'no',
        LogLevel: 'ERROR',
      };
      await writeFile(config, `Host aes\nCiphers aes128-gcm@openssh.com\nHost *\n${lines(settings)}`);
      return config;
    },
  };
}

/** @param {Record<string, unknown>} settings */
function lines(settings) {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
