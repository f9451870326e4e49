// What a connection costs a server while nothing happens on it: memory, by the difference that thousands make.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { output } from '../process.mjs';

const CLIENT = fileURLToPath(new URL('idle-client.mjs', import.meta.url));
/** An address has 28,000 ports of its own for connections to one port; a process, its limit of open files. */
const PER_CLIENT = 9000;
/** Beside its connections, a process has a few files open. */
const SPARE_FILES = 200;

/**
 * @param {number} connections
 * @returns {Promise<string | undefined>} Why they cannot be opened here.
 */
export async function tooMany(connections) {
  const limit = Number(await output('sh', ['-c', 'ulimit -n']));
  return connections + SPARE_FILES <= limit ? undefined : `open files are limited to ${limit}`;
}

/**
 * @typedef {object} Idle
 * @property {number} bytesPerConnection Of the server's processes, not of the kernel.
 * @property {number} cpuMsPerConnection For the handshake and one request each.
 */

/**
 * @param {import('../measure/running.mjs').Running} server
 * @param {number} connections
 * @returns {Promise<Idle>}
 */
export async function idle(server, connections) {
  const before = { memory: await server.memoryBytes(), cpu: await server.cpuS() };
  /** @type {import('node:child_process').ChildProcess[]} */
  const clients = [];
  try {
    for (let left = connections; left > 0; left -= PER_CLIENT) {
      const count = Math.min(left, PER_CLIENT);
      const source = `127.0.0.${2 + clients.length}`;
      const client = spawn(process.execPath, [CLIENT, String(server.port), String(count), source], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      clients.push(client);
      const gone = once(client, 'exit').then(() => {
        throw new Error('a client gave up');
      });
      await Promise.race([once(client.stdout, 'data'), gone]);
    }
    return {
      bytesPerConnection: ((await server.memoryBytes()) - before.memory) / connections,
      cpuMsPerConnection: (((await server.cpuS()) - before.cpu) * 1000) / connections,
    };
  } finally {
    for (const client of clients) client.kill();
  }
}
