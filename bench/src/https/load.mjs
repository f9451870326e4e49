// Load by wrk, which says what it got.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { output } from '../process.mjs';

const REPORT = `done = function(summary)
  local e = summary.errors
  print(string.format('{"durationUs":%d,"requests":%d,"bytes":%d,"errors":%d}', summary.duration, summary.requests,
    summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/**
 * @typedef {object} Load
 * @property {number} seconds
 * @property {number} requests
 * @property {number} bytes Of HTTP.
 * @property {number} errors
 * @property {number} cpuS Of the server.
 */

/**
 * @param {import('../measure/running.mjs').Running} server
 * @param {object} what
 * @param {string} what.folder For wrk's script.
 * @param {string} what.path
 * @param {number} what.connections
 * @param {number} what.seconds
 * @param {boolean} [what.close] A connection for each request.
 * @returns {Promise<Load>}
 */
export async function load(server, { folder, path, connections, seconds, close = false }) {
  const script = join(folder, 'report.lua');
  await writeFile(script, REPORT);
  const before = await server.cpuS();
  const text = await output('wrk', [
    ...['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '30s', '-s', script],
    ...(close ? ['-H', 'Connection: close'] : []),
    `https://localhost:${server.port}${path}`,
  ]);
  const cpuS = (await server.cpuS()) - before;
  const { durationUs, requests, bytes, errors } = JSON.parse(text.slice(text.lastIndexOf('{"durationUs"')));
  if (requests === 0 && bytes === 0) throw new Error('nothing was served');
  return { seconds: durationUs / 1e6, requests, bytes, errors, cpuS };
}
