// Loopback ports: a free one, and when somebody listens there.
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const LISTEN = '0A';

// Below the ephemeral ports, so that no outgoing connection of anybody takes one meanwhile.
const [LOWEST, COUNT] = [20_000, 10_000];

/**
 * A port that is free, and so are the next three.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = LOWEST + randomInt(COUNT / 4) * 4;
    const free = await Promise.all([0, 1, 2, 3].map((n) => isFree(port + n)));
    if (free.every(Boolean)) {
      return port;
    }
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * Waits until a port is listened on. Looks into the kernel's table instead of connecting, since a
 * server that takes one client would take this one.
 *
 * @param {number} port
 * @param {Promise<unknown>} ended The server's end, which ends the wait.
 */
export async function listening(port, ended) {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let over = false;
  const finish = () => {
    over = true;
  };
  ended.then(finish, finish);
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && !over; ) {
    for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
      const lines = (await readFile(table, 'utf8').catch(() => ''))
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
      if (lines.some(([, local, , state]) => state === LISTEN && local?.endsWith(suffix))) {
        return;
      }
    }
    await sleep(5);
  }
  throw new Error(over ? 'the receiving end did not start' : `nothing listens on port ${port} after 20 s`);
}
