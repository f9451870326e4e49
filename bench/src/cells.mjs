// Runs requested cells, here or in a guest kernel, and returns their results.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { dataSet, titleOf } from './datasets/catalog.mjs';
import { makeDataSet, removeDataSet } from './datasets/make.mjs';
import { runCell } from './harness.mjs';
import { describeMachine } from './machine.mjs';
import { contestant } from './rivals/index.mjs';
import { openWorkshop } from './workshop.mjs';

/**
 * A guest kernel's boot: all cells with equal ones run in one.
 *
 * @typedef {object} Guest
 * @property {number} [rttMs]
 * @property {number} [rateMbit]
 * @property {string} [module] A kernel module to load, as for a faster AES.
 * @property {number} [sendBuffer] The most that a socket's send buffer may grow to. Bytes.
 */

/**
 * @typedef {object} CellRequest
 * @property {string} table
 * @property {string} set
 * @property {'disk' | 'tmpfs'} destination
 * @property {import('./cache.mjs').Cache} cache
 * @property {import('./rivals/index.mjs').Entry[]} contestants
 * @property {Guest} [guest]
 */

/**
 * @typedef {object} CellReport
 * @property {string} table
 * @property {{ name: string, files: number, bytes: number }} set
 * @property {'disk' | 'tmpfs'} destination
 * @property {import('./cache.mjs').Cache} cache
 * @property {Guest} [guest]
 * @property {import('./machine.mjs').Machine} machine
 * @property {{ name: string, missing: string }[]} absent
 * @property {import('./harness.mjs').Result[]} results
 */

/**
 * @typedef {object} Settings
 * @property {string} data Where data sets are kept.
 * @property {Record<'disk' | 'tmpfs', string>} destinations
 * @property {boolean} keepData
 * @property {string} mixed
 * @property {number} repetitions
 * @property {number} limitS
 * @property {string} [measure] The measuring program, if it is built already.
 */

/**
 * @param {Settings} settings
 * @param {CellRequest[]} requests
 * @param {(line: string) => void} log
 * @param {(report: CellReport) => Promise<void>} [each] Is given each cell's report as soon as it is there.
 * @returns {Promise<CellReport[]>}
 */
export async function runCells(settings, requests, log, each) {
  const folders = { source: settings.data, ...settings.destinations };
  for (const folder of Object.values(folders)) {
    await mkdir(folder, { recursive: true });
  }
  const machine = await describeMachine(folders);
  const workshop = await openWorkshop(settings.measure);
  const bench = { workshop, log, ...settings };
  /** @type {CellReport[]} */
  const reports = [];
  try {
    for (const [n, request] of requests.entries()) {
      const set = await makeDataSet(dataSet(request.set, settings.mixed), settings.data);
      const all = request.contestants.map(contestant).map((one) => ({ one, missing: one.missing() }));
      log(`${request.table}: ${describe(request)}`);
      const cell = { ...request, set };
      const there = all.filter(({ missing }) => missing === undefined).map(({ one }) => one);
      const report = {
        ...request,
        set: { name: set.name, files: set.files, bytes: set.bytes },
        machine,
        absent: all.flatMap(({ one, missing }) =>
          missing === undefined ? [] : [{ name: one.name, missing }],
        ),
        results: await runCell(bench, cell, there),
      };
      reports.push(report);
      await each?.(report);
      if (!settings.keepData && !requests.slice(n + 1).some((later) => later.set === request.set)) {
        await removeDataSet(set);
      }
    }
  } finally {
    await workshop.close();
  }
  return reports;
}

/**
 * @param {Pick<CellRequest, 'destination' | 'cache' | 'guest'> & { set: string | { name: string } }} cell
 * @returns {string} The conditions, in words.
 */
export function describe({ set, destination, cache, guest }) {
  const network = guest && [
    'guest kernel',
    guest.module === undefined ? undefined : 'AES driver module',
    guest.rttMs === undefined ? undefined : `${guest.rttMs} ms round trip`,
    guest.rateMbit === undefined ? undefined : `${guest.rateMbit} Mbit/s`,
    guest.sendBuffer === undefined ? undefined : `send buffer ${guest.sendBuffer / 1024} KiB`,
  ];
  const name = titleOf(typeof set === 'string' ? set : set.name);
  return [name, `to ${destination}`, `${cache} cache`, ...(network ?? [])].filter(Boolean).join(', ');
}

/**
 * The guest's end of guest.mjs.
 *
 * @param {string} requestFile
 * @param {string} reportFile
 */
export async function runRequestFile(requestFile, reportFile) {
  const { settings, requests } = JSON.parse(await readFile(requestFile, 'utf8'));
  const folder = process.env.TMPDIR ?? '/tmp';
  const here = {
    ...settings,
    data: join(folder, 'data'),
    destinations: { disk: folder, tmpfs: folder },
    keepData: false,
  };
  const [first] = /** @type {CellRequest[]} */ (requests);
  if (first?.guest?.sendBuffer !== undefined) {
    await writeFile(
      '/proc/sys/net/ipv4/tcp_wmem',
      `4096 ${first.guest.sendBuffer} ${first.guest.sendBuffer}`,
    );
  }
  await writeFile(reportFile, JSON.stringify(await runCells(here, requests, console.log)));
}
