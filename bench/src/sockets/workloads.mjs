// What is done on a connection. Each settles when the far end has everything, or rejects where bytes are missing.
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { spread } from '../stats.mjs';
import { repeated } from './repeated.mjs';

/** @typedef {import('./contestants.mjs').Socket} Socket */

/**
 * @typedef {object} Job
 * @property {Socket} socket
 * @property {import('./contestants.mjs').Contestant} contestant
 * @property {number} amount Bytes, round trips or writes.
 * @property {number} size Of a buffer or message, in bytes.
 * @property {string} file
 */

/**
 * @typedef {object} Workload
 * @property {'sink' | 'source' | 'echo'} role Of the peer.
 * @property {(job: Job) => Promise<number | void>} run May resolve to a figure of its own.
 */

/** @type {Record<string, Workload>} */
export const workloads = {
  write: {
    role: 'sink',
    async run({ socket, amount, size }) {
      await pipeline(repeated(size, amount), socket, { end: false });
      await finish(socket, amount);
    },
  },
  file: {
    role: 'sink',
    async run({ socket, contestant, file }) {
      await contestant.sendFile(socket, file);
      await finish(socket, statSync(file).size);
    },
  },
  read: {
    role: 'source',
    async run({ socket, amount }) {
      let bytes = 0;
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.write(String(amount));
      await once(socket, 'end');
      expectBytes(bytes, amount);
    },
  },
  ping: {
    role: 'echo',
    async run({ socket, amount, size }) {
      const message = Buffer.alloc(size, 'k');
      let [bytes, left] = [0, amount];
      const done = new Promise((resolve, reject) => {
        socket.once('error', reject).once('end', () => reject(new Error('the connection ended')));
        socket.on('data', (chunk) => {
          bytes += chunk.length;
          if (bytes % size !== 0) return;
          left--;
          if (left > 0) socket.write(message);
          else resolve(undefined);
        });
      });
      socket.write(message);
      await done;
      expectBytes(bytes, amount * size);
    },
  },
  hold: {
    role: 'sink',
    /** Resolves to the median of the event loop's active times, in µs. */
    async run({ socket, amount, size }) {
      const buffer = Buffer.alloc(size, 'k');
      const active = [];
      for (let n = 0; n < amount; n++) active.push(await activeUs(socket, buffer));
      await finish(socket, amount * size);
      return spread(active).median;
    },
  },
};

/**
 * Whatever else the loop has to do waits for so long, in one turn or in several. Not by spinning: on few processors
 * the spinning thread would itself wait for those that encrypt.
 *
 * @param {Socket} socket
 * @param {Buffer} buffer Written once.
 * @returns {Promise<number>} µs.
 */
async function activeUs(socket, buffer) {
  const before = performance.eventLoopUtilization();
  await new Promise((resolve) => socket.write(buffer, resolve));
  return performance.eventLoopUtilization(before).active * 1000;
}

/** @param {Socket} socket @param {number} bytes That the far end should have. */
async function finish(socket, bytes) {
  socket.end();
  expectBytes(Number(Buffer.concat(await socket.toArray())), bytes);
}

/** @param {number} bytes @param {number} expected */
function expectBytes(bytes, expected) {
  if (bytes !== expected) throw new Error(`${bytes} bytes arrived of ${expected}`);
}
