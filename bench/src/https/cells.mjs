// The cells of the HTTPS tables: who is measured under which conditions, in turns.
import { join } from 'node:path';

import { start } from '../measure/running.mjs';
import { takeTurns } from '../turns.mjs';
import { STREAM } from './contestants.mjs';
import { handshakes } from './handshakes.mjs';
import { idle, tooMany } from './idle.mjs';
import { load } from './load.mjs';
import { loadUnread } from './load-unread.mjs';
import { verify } from './site.mjs';

/** @typedef {import('./contestants.mjs').Contestant} Contestant */
/** @typedef {import('../measure/running.mjs').Running} Running */

/**
 * @typedef {object} Request
 * @property {string} table
 * @property {string} title
 * @property {import('./contestants.mjs').Site} site
 * @property {string} [path] Fetched and compared before the first run.
 * @property {() => Promise<string | undefined>} [impossible]
 * @property {number} repetitions
 * @property {(server: Running) => Promise<Record<string, number>>} measure
 */

/**
 * @param {import('./options.mjs').Options} options
 * @param {import('./site.mjs').Sites} sites
 * @param {string | undefined} unread The program of the client of that name, where it is wanted.
 * @returns {Request[]}
 */
export function requests(options, sites, unread) {
  const { tables, sizes, connections, clientThreads, repetitions, seconds } = options;
  /** @type {Request[]} */
  const files = sizes.flatMap((size) =>
    connections.map((count) => ({
      table: 'files',
      title: `${sizeName(size)}, ${count.toLocaleString('en')} connections`,
      site: sites.ecdsa,
      path: `/${size}.bin`,
      repetitions,
      async measure(server) {
        const what = { path: `/${size}.bin`, connections: count, seconds };
        const log = join(sites.ecdsa.folder, 'h2load.log');
        const got =
          unread === undefined
            ? await load(server, { ...what, size, log, threads: Math.min(clientThreads, count) })
            : await loadUnread(server, { ...what, program: unread });
        return {
          'requests/s': got.requests / got.seconds,
          'GB/s': got.bytes / got.seconds / 1e9,
          'server CPU s/GB': got.cpuS / (got.bytes / 1e9),
        };
      },
    })),
  );
  /** @type {[string, import('./contestants.mjs').Site, boolean][]} */
  const kinds = [
    ['ECDSA P-256, full', sites.ecdsa, false],
    ['RSA-2048, full', sites.rsa, false],
    ['ECDSA P-256, resumed', sites.ecdsa, true],
  ];
  const shaken = kinds.map(([title, site, resumed]) => ({
    table: 'handshakes',
    title,
    site,
    repetitions,
    async measure(/** @type {Running} */ server) {
      await handshakes(server, { resumed, seconds });
      const { perSecond, cpuUs } = await handshakes(server, { resumed, seconds });
      return { 'handshakes/s': perSecond, 'server CPU µs each': cpuUs };
    },
  }));
  const held = options.idle.map((count) => ({
    table: 'idle',
    title: `${count.toLocaleString('en')} connections`,
    site: sites.ecdsa,
    impossible: () => tooMany(count),
    repetitions: 1,
    async measure(/** @type {Running} */ server) {
      const { bytesPerConnection, cpuMsPerConnection } = await idle(server, count);
      return { 'KiB each': bytesPerConnection / 1024, 'CPU ms to open each': cpuMsPerConnection };
    },
  }));
  return [...files, ...shaken, ...held].filter(({ table }) => tables.includes(table));
}

/**
 * @param {Request} request
 * @param {Contestant[]} all
 * @param {(line: string) => void} log
 * @returns {Promise<import('../turns.mjs').Cell>}
 */
export async function runCell(request, all, log) {
  const { table, title, site, path, repetitions, measure } = request;
  const skipped = await request.impossible?.();
  if (skipped !== undefined) return { table, title, skipped, results: [] };
  const contestants = all.filter(({ name }) => table === 'files' || name !== STREAM);
  const measured = {
    table,
    title,
    repetitions,
    async measure(/** @type {Contestant} */ contestant) {
      const server = await start(contestant.name, (port) => contestant.command(site, port));
      try {
        if (path !== undefined) await verify(site, server.port, path);
        return await measure(server);
      } finally {
        await server.stop();
      }
    },
  };
  return takeTurns(measured, contestants, log);
}

/** @param {number} bytes */
function sizeName(bytes) {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`;
}
