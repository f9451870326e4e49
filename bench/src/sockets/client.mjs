// The process under test: node client.mjs JSON, which is a Task. Prints what it measured.
import { readFileSync } from 'node:fs';

import { CIPHER, contestants } from './contestants.mjs';
import { workloads } from './workloads.mjs';

/**
 * @typedef {object} Task
 * @property {string} contestant
 * @property {string} workload
 * @property {number} port Of the peer.
 * @property {string} cert
 * @property {string} file
 * @property {number} amount
 * @property {number} size
 */

/**
 * @typedef {object} Measured
 * @property {number} seconds
 * @property {number} cpuS Of this process with all its threads.
 * @property {number} [figure] The workload's own.
 */

/** @type {Task} */
const task = JSON.parse(String(process.argv[2]));
const contestant = /** @type {import('./contestants.mjs').Contestant} */ (
  contestants.find(({ name }) => name === task.contestant)
);
const workload = /** @type {import('./workloads.mjs').Workload} */ (workloads[task.workload]);
const target = {
  host: '127.0.0.1',
  port: task.port,
  ca: readFileSync(task.cert),
  ciphers: CIPHER,
  minVersion: /** @type {const} */ ('TLSv1.3'),
  ALPNProtocols: [workload.role],
};

/** @param {number} amount @returns {Promise<Measured>} */
async function once(amount) {
  const socket = await contestant.open(target);
  const cipher = socket.getCipher().standardName;
  if (cipher !== CIPHER) throw new Error(`the connection uses ${cipher}`);
  const [start, before] = [performance.now(), process.cpuUsage()];
  const figure = await workload.run({ ...task, socket, contestant, amount });
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  socket.destroy();
  return { seconds, cpuS: (user + system) / 1e6, ...(figure !== undefined && { figure }) };
}

try {
  // JavaScript runs uncompiled at first.
  await once(Math.ceil(task.amount / 4));
  process.stdout.write(JSON.stringify(await once(task.amount)));
} catch (error) {
  process.stderr.write(/** @type {Error} */ (error).message);
  process.exit(1);
}
