// One contestant, one kind of traffic, one number of connections: what came through, and at what cost.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

import { start } from '../measure/running.mjs';

/**
 * @typedef {object} Traffic
 * @property {number} seconds
 * @property {number} bytes
 * @property {number} roundTrips
 * @property {number} medianUs
 * @property {number} p99Us
 */

/** @typedef {Traffic & { cpuS: number }} Run `cpuS` is the relay's alone. */

/** What the far end does for each kind of traffic. */
export const KINDS = { send: 'sink', 'echo-send': 'echo', ping: 'echo' };

/**
 * @param {import('./contestants.mjs').Contestant} contestant
 * @param {{ traffic: string, folder: string, seconds: number, message: number }} settings
 * @param {keyof typeof KINDS} kind
 * @param {number} connections
 * @returns {Promise<Run>}
 */
export async function runOnce(contestant, { traffic, folder, seconds, message }, kind, connections) {
  const far = spawn(traffic, [KINDS[kind]], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [target] = await once(far.stdout, 'data');
    const relay = await start(contestant.name, (port) => contestant.command(folder, port, Number(target)));
    try {
      // Connections, pipes and compiled code are there before it is measured.
      await load(traffic, kind, relay.port, connections, seconds / 4, message);
      const before = await relay.cpuS();
      const result = await load(traffic, kind, relay.port, connections, seconds, message);
      return { ...result, cpuS: (await relay.cpuS()) - before };
    } finally {
      await relay.stop();
    }
  } finally {
    far.kill('SIGKILL');
  }
}

/**
 * @param {string} traffic
 * @param {string} kind
 * @param {number} port
 * @param {number} connections
 * @param {number} seconds
 * @param {number} message
 * @returns {Promise<Traffic>}
 */
async function load(traffic, kind, port, connections, seconds, message) {
  const args = [kind, port, connections, seconds, message].map(String);
  const { stdout } = await promisify(execFile)(traffic, args, { timeout: (seconds + 60) * 1000 });
  return JSON.parse(stdout);
}
