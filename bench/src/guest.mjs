// Cells that need a kernel with kTLS or netem: in a guest booted by the project's own script.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { GUEST, guestArguments } from './guest-command.mjs';
import { compile } from './measure/compile.mjs';

/** @typedef {import('./cells.mjs').CellRequest} CellRequest */

const MAIN = fileURLToPath(new URL('guest-main.mjs', import.meta.url));

/**
 * One boot for all cells with the same guest settings.
 *
 * @param {import('./cells.mjs').Settings} settings
 * @param {CellRequest[]} requests
 * @param {(line: string) => void} log
 * @returns {Promise<import('./cells.mjs').CellReport[]>}
 */
export async function runInGuests(settings, requests, log) {
  /** @type {Map<string, CellRequest[]>} */
  const boots = new Map();
  for (const request of requests) {
    const key = JSON.stringify(request.guest);
    boots.set(key, [...(boots.get(key) ?? []), request]);
  }
  const reports = [];
  for (const group of boots.values()) {
    reports.push(...(await boot(settings, group, log)));
  }
  return reports;
}

/**
 * @param {import('./cells.mjs').Settings} settings
 * @param {CellRequest[]} requests
 * @param {(line: string) => void} log
 */
async function boot(settings, requests, log) {
  const folder = await mkdtemp(join(tmpdir(), 'ktls-bench-guest-'));
  try {
    const [requestFile, reportFile] = [join(folder, 'request.json'), join(folder, 'report.json')];
    // compiled here: it takes ten times as long in the guest
    const measure = await compile('measure', folder);
    await writeFile(requestFile, JSON.stringify({ settings: { ...settings, measure }, requests }));
    const { rttMs, rateMbit, module } = requests[0]?.guest ?? {};
    const options = [
      ...(rttMs === undefined ? [] : ['--rtt', String(rttMs)]),
      ...(rateMbit === undefined ? [] : ['--rate', String(rateMbit)]),
    ];
    const command = [process.execPath, MAIN, requestFile, reportFile];
    await run(GUEST, guestArguments(command, { module, options }), log);
    return JSON.parse(await readFile(reportFile, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {(line: string) => void} log
 * @returns {Promise<void>}
 */
function run(program, args, log) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.on('data', (chunk) => log(String(chunk).replaceAll('\r', '').trimEnd()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`the guest ended with ${code}`)),
    );
  });
}
