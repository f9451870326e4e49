// Load by h2load over HTTP/1.1, which says what it got once everything is warm.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How many connections per second a server of JavaScript is given to open. */
const OPENED_PER_SECOND = 200;
/** h2load may wait for ever for connections that it could not open. */
const END_WITHIN_S = 20;

/**
 * @typedef {object} Load
 * @property {number} requests
 * @property {number} bytes Of HTTP.
 * @property {number} cpuS Of the server.
 */

/**
 * Connections that stay. What comes before they are all open, and JavaScript is compiled, does not count.
 *
 * @param {import('../measure/running.mjs').Running} server
 * @param {object} what
 * @param {string} what.path
 * @param {number} what.connections
 * @param {number} what.seconds
 * @returns {Promise<Load>}
 */
export async function load(server, { path, connections, seconds }) {
  const warmUp = seconds + Math.ceil(connections / OPENED_PER_SECOND);
  const client = spawn(
    'h2load',
    [
      ...['--h1', '--threads=1', `--clients=${connections}`],
      ...[`--warm-up-time=${warmUp}`, `--duration=${seconds}`],
      `https://localhost:${server.port}${path}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], timeout: (warmUp + seconds + END_WITHIN_S) * 1000 },
  );
  const closed = once(client, 'close');
  let text = '';
  /** @type {Promise<number>[]} */
  const cpuS = [];
  for await (const line of createInterface(client.stdout)) {
    if (/^Main benchmark duration is (started|over)/.test(line)) cpuS.push(server.cpuS());
    text += `${line}\n`;
  }
  await closed;
  const [requests, failed] = numbers(text, /^requests:.* (\d+) succeeded, (\d+) failed/m);
  const [bytes] = numbers(text, /^traffic: \S+ \((\d+)\) total/m);
  const [before, after] = await Promise.all(cpuS);
  if (failed > 0) throw new Error(`${failed} requests failed`);
  if (bytes === 0 || before === undefined || after === undefined)
    throw new Error(`nothing was served: ${text}`);
  return { requests, bytes, cpuS: after - before };
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 * @returns {[number, number]} What its groups hold.
 */
function numbers(text, pattern) {
  const [, first, second] = pattern.exec(text) ?? [];
  if (first === undefined) throw new Error(`h2load said: ${text}`);
  return [Number(first), Number(second ?? 0)];
}
