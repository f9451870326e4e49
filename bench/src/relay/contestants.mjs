// Who relays TCP connections: this package in each mode, Node by itself, and the servers that people use.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { which } from '../process.mjs';

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {() => string | undefined} missing What is not here, if it cannot run.
 * @property {(folder: string, port: number, target: number) => Promise<string[]>} command That relays from one
 *   loopback port to another.
 */

const PEER = fileURLToPath(new URL('./peer.mjs', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../../dist/relay.js', import.meta.url));
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** As many as this package has. */
const THREADS = 2;

/** @param {string} mode
 * @returns {Contestant} */
const ours = (mode) => ({
  name: `ktls-transfer ${mode}`,
  missing: () => (existsSync(PACKAGE) ? undefined : 'npm run build'),
  command: async (_folder, port, target) => [process.execPath, PEER, mode, String(port), String(target)],
});

/** @param {boolean} splice
 * @returns {Contestant} */
const haproxy = (splice) => ({
  name: `HAProxy ${splice ? 'splice' : 'copy'}`,
  missing: () => (which('haproxy') ? undefined : 'haproxy'),
  async command(folder, port, target) {
    const file = join(folder, `haproxy-${splice}.cfg`);
    const options = splice ? 'option splice-request\noption splice-response' : '';
    await writeFile(
      file,
      `global\nmaxconn 4096\nnbthread ${THREADS}\ntune.pipesize 524288\ndefaults\nmode tcp\n${options}
       timeout connect 10s\ntimeout client 600s\ntimeout server 600s
       frontend f\nbind 127.0.0.1:${port}\ndefault_backend b\nbackend b\nserver s 127.0.0.1:${target}\n`,
    );
    return ['haproxy', '-db', '-f', file];
  },
});

/** @type {Contestant} */
const nginx = {
  name: 'nginx stream',
  missing: () => (which('nginx') && existsSync(STREAM_MODULE) ? undefined : 'nginx with libnginx-mod-stream'),
  async command(folder, port, target) {
    const file = join(folder, 'nginx.conf');
    await writeFile(
      file,
      `load_module ${STREAM_MODULE}; daemon off; pid ${folder}/nginx.pid; error_log stderr; worker_processes ${THREADS};
       events { worker_connections 4096; }
       stream { server { listen 127.0.0.1:${port} so_keepalive=off; tcp_nodelay on; proxy_half_close on; proxy_buffer_size 256k; proxy_pass 127.0.0.1:${target}; } }\n`,
    );
    return ['nginx', '-p', folder, '-c', file];
  },
};

/** @type {Contestant} */
const pipe = {
  name: 'net.Socket.pipe',
  missing: () => undefined,
  command: async (_folder, port, target) => [process.execPath, PEER, 'pipe', String(port), String(target)],
};

/** @type {Contestant[]} */
export const contestants = [
  ...['auto', 'copy', 'splice', 'sockmap'].map(ours),
  pipe,
  nginx,
  haproxy(false),
  haproxy(true),
];
