// Load by native/https_load.cc, which throws the answers away unopened: what is left of the processors is the server's.
import { runClient } from './client-run.mjs';

/** The first answer on each connection is opened, and comes before the next connection is made. */
const OPENED_PER_SECOND = 200;
const START_WITHIN_S = 20;

/**
 * @param {import('../measure/running.mjs').Running} server
 * @param {object} what
 * @param {string} what.program
 * @param {string} what.path
 * @param {number} what.connections
 * @param {number} what.seconds As long before them nothing is measured.
 * @returns {Promise<import('./client-run.mjs').Load>}
 */
export async function loadUnread(server, { program, path, connections, seconds }) {
  const args = [server.port, path, connections, seconds, seconds].map(String);
  const withinS = 2 * seconds + START_WITHIN_S + connections / OPENED_PER_SECOND;
  const { text, cpuS } = await runClient(server, program, args, withinS);
  const counted = JSON.parse(text.trim().split('\n').at(-1) ?? '');
  if (counted.bytes === 0) throw new Error('nothing was served');
  return { ...counted, cpuS };
}
