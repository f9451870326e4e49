// The cells of the HTTPS tables: who is measured under which conditions, in turns.

import { start } from '../measure/running.mjs';
import { STREAM } from './contestants.mjs';
import { handshakes } from './handshakes.mjs';
import { idle, tooMany } from './idle.mjs';
import { load } from './load.mjs';
import { verify } from './site.mjs';

/** @typedef {import('./contestants.mjs').Contestant} Contestant */
/** @typedef {import('../measure/running.mjs').Running} Running */

/**
 * @typedef {object} Cell
 * @property {string} table
 * @property {string} title
 * @property {string} [skipped] Why there are no results.
 * @property {Result[]} results
 */

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {Record<string, number>[]} runs By the names of the columns.
 * @property {string} [failed]
 */

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
 * @returns {Request[]}
 */
export function requests(options, sites) {
  const { tables, sizes, connections, repetitions, seconds } = options;
  const folder = sites.ecdsa.folder;
  /** @type {Request[]} */
  const files = sizes.flatMap((size) =>
    connections.map((count) => ({
      table: 'files',
      title: `${sizeName(size)}, ${count.toLocaleString('en')} connections`,
      site: sites.ecdsa,
      path: `/${size}.bin`,
      repetitions,
      async measure(server) {
        const what = { folder, path: `/${size}.bin`, connections: count, seconds };
        // JavaScript runs uncompiled at first.
        await load(server, what);
        const run = await load(server, what);
        return {
          'requests/s': run.requests / run.seconds,
          'GB/s': run.bytes / run.seconds / 1e9,
          'server CPU s/GB': run.cpuS / (run.bytes / 1e9),
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
 * @returns {Promise<Cell>}
 */
export async function runCell(request, all, log) {
  const { table, title, site, path, repetitions, measure } = request;
  const skipped = await request.impossible?.();
  if (skipped !== undefined) return { table, title, skipped, results: [] };
  const contestants = all.filter(({ name }) => table === 'files' || name !== STREAM);
  /** @type {Result[]} */
  const results = contestants.map(({ name }) => ({ name, runs: [] }));
  log(`${table}: ${title}`);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const n = (turn + repetition) % contestants.length;
      const [contestant, result] = [contestants[n], results[n]];
      if (contestant === undefined || result === undefined || result.failed !== undefined) continue;
      /** @type {Running | undefined} */
      let server;
      try {
        server = await start(contestant.name, (port) => contestant.command(site, port));
        if (path !== undefined) await verify(site, server.port, path);
        result.runs.push(await measure(server));
      } catch (error) {
        result.failed = /** @type {Error} */ (error).message.slice(0, 300);
      } finally {
        await server?.stop();
      }
      const numbers = Object.entries(result.runs.at(-1) ?? {}).map(
        ([name, value]) => `${value.toPrecision(3)} ${name}`,
      );
      log(`  ${repetition + 1}/${repetitions} ${contestant.name}: ${result.failed ?? numbers.join(', ')}`);
    }
  }
  return { table, title, results };
}

/** @param {number} bytes */
function sizeName(bytes) {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`;
}
