// The servers of the HTTPS tables, each as its users run it, all with TLS_AES_128_GCM_SHA256 and X25519.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { which } from '../process.mjs';

/**
 * @typedef {object} Site
 * @property {string} folder For files of the servers' own.
 * @property {string} root What is served.
 * @property {string} cert
 * @property {string} key
 */

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {boolean} [native] Not in the guest.
 * @property {() => string | undefined} missing What this machine lacks to run it.
 * @property {(site: Site, port: number) => Promise<string[]>} command Runs in the foreground.
 */

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url));
const OURS = fileURLToPath(new URL('../../../dist/https.js', import.meta.url));

export const BASELINE = 'node:https + send';
export const NGINX = 'nginx';
/** Differs from the baseline in how it sends files, and in nothing else. */
export const STREAM = 'node:https + stream';

/**
 * @param {string} name
 * @param {string} kind Of server.mjs.
 * @param {'off' | 'require'} [kernel]
 * @returns {Contestant}
 */
function nodeServer(name, kind, kernel = 'off') {
  return {
    name,
    missing: () => (kind === 'ktls' && !existsSync(OURS) ? 'build of the package' : undefined),
    command: async ({ root, cert, key }, port) => [
      process.execPath,
      SERVER,
      kind,
      String(port),
      root,
      cert,
      key,
      kernel,
    ],
  };
}

/** @type {Contestant} */
const nginx = {
  name: NGINX,
  missing: () => (which('nginx') === undefined ? 'nginx' : undefined),
  async command({ folder, root, cert, key }, port) {
    const config = join(folder, `nginx-${port}.conf`);
    await writeFile(config, nginxConfiguration({ folder, root, cert, key }, port));
    return [which('nginx') ?? 'nginx', '-e', 'stderr', '-c', config];
  },
};

/** @param {Site} site @param {number} port */
function nginxConfiguration({ folder, root, cert, key }, port) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `daemon off; user root; worker_processes auto; pid ${folder}/nginx-${port}.pid;
events { worker_connections 100000; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 600s;
  ${temporary.join(' ')}
  server {
    listen 127.0.0.1:${port} ssl backlog=16384 reuseport;
    ssl_certificate ${cert}; ssl_certificate_key ${key};
    ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_ecdh_curve X25519;
    ssl_session_tickets on;
    root ${root};
    location = /hello { return 200 hello; }
  }
}
`;
}

/**
 * @param {boolean} guest With kTLS there, and one processor.
 * @returns {Contestant[]}
 */
export function contestants(guest) {
  return [
    ...(guest ? [nodeServer('ktls-transfer/https, kernel', 'ktls', 'require')] : []),
    nodeServer('ktls-transfer/https', 'ktls'),
    nodeServer(STREAM, 'stream'),
    nodeServer(BASELINE, 'send'),
    nginx,
  ];
}
