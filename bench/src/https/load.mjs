// Load by h2load over HTTP/1.1, which says what it got once everything is warm.
import { readFile, rm } from 'node:fs/promises';

import { runClient } from './client-run.mjs';

/** How many connections per second a server of JavaScript is given to open. */
const OPENED_PER_SECOND = 200;
/** h2load may wait for ever for connections that it could not open. */
const START_WITHIN_S = 20;

/**
 * Connections that stay. What comes before they are all open, and JavaScript is compiled, does not count.
 *
 * @param {import('../measure/running.mjs').Running} server
 * @param {object} what
 * @param {string} what.path
 * @param {number} what.size Of the file there, in bytes.
 * @param {string} what.log A file to overwrite.
 * @param {number} what.connections
 * @param {number} what.threads Of the client; each has its share of the connections.
 * @param {number} what.seconds
 * @returns {Promise<import('./client-run.mjs').Load>}
 */
export async function load(server, { path, size, log, connections, threads, seconds }) {
  await rm(log, { force: true });
  const warmUp = seconds + Math.ceil(connections / OPENED_PER_SECOND);
  const args = [
    ...['--h1', `--threads=${threads}`, `--clients=${connections}`, `--log-file=${log}`],
    ...[`--warm-up-time=${warmUp}`, `--duration=${seconds}`],
    `https://localhost:${server.port}${path}`,
  ];
  const { text, startedAt, cpuS } = await runClient(
    server,
    'h2load',
    args,
    warmUp + seconds + START_WITHIN_S,
  );
  const summed = /^requests:/m.test(text) ? sum(text, seconds) : await count(log, size, startedAt);
  return { ...summed, cpuS: (cpuS * summed.seconds) / seconds };
}

/**
 * By its own summary.
 *
 * @param {string} text
 * @param {number} seconds
 */
function sum(text, seconds) {
  const [requests, failed] = numbers(text, /^requests:.* (\d+) succeeded, (\d+) failed/m);
  const [bytes] = numbers(text, /^traffic: \S+ \((\d+)\) total/m);
  if (failed > 0) throw new Error(`${failed} requests failed`);
  if (bytes === 0) throw new Error(`nothing was served: ${text}`);
  return { requests, bytes, seconds };
}

/**
 * By its log, which has a line for each request of the main duration (start in µs, status, duration in µs), as far
 * as it was written when h2load was killed: all but the last few hundredths of a second.
 *
 * @param {string} log
 * @param {number} size
 * @param {number} startedAt In ms.
 */
async function count(log, size, startedAt) {
  const lines = (await readFile(log, 'utf8')).split('\n').slice(0, -1);
  let last = 0;
  for (const line of lines) {
    const [start = 0, status, duration = 0] = line.split('\t').map(Number);
    // What was under way when the main duration began has lost its status.
    const underWay = status === 0 && start / 1e3 <= startedAt;
    if (status !== 200 && !underWay) throw new Error(`a request failed: ${line}`);
    last = Math.max(last, start + duration);
  }
  if (lines.length === 0) throw new Error('nothing was served');
  return { requests: lines.length, bytes: lines.length * size, seconds: last / 1e6 - startedAt / 1e3 };
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
