// Handshakes per second: a connection, one small request, and the end, by clients of node:tls.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('handshake-client.mjs', import.meta.url));

/**
 * @typedef {object} Handshakes
 * @property {number} perSecond
 * @property {number} cpuUs Of the server, for each.
 */

/**
 * @param {import('../measure/running.mjs').Running} server
 * @param {object} what
 * @param {boolean} what.resumed
 * @param {number} what.seconds
 * @returns {Promise<Handshakes>}
 */
export async function handshakes(server, { resumed, seconds }) {
  const before = await server.cpuS();
  const args = [CLIENT, String(server.port), resumed ? 'resumed' : 'full', String(seconds)];
  const client = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(client, 'close');
  let text = '';
  for await (const chunk of client.stdout) text += chunk;
  await closed;
  const { count, ms } = JSON.parse(text);
  return { perSecond: (count * 1000) / ms, cpuUs: (((await server.cpuS()) - before) * 1e6) / count };
}
