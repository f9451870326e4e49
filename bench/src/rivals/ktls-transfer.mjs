// This package, by its command.
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort } from '../measure/ports.mjs';
import { output } from '../process.mjs';

/** @typedef {import('./contestant.mjs').Contestant} Contestant */

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * @typedef {object} Settings
 * @property {'read-send' | 'sendfile' | 'splice'} [mode]
 * @property {boolean} [plaintext]
 * @property {'auto' | 'require' | 'off'} [kernel]
 * @property {number} [connections]
 * @property {boolean} [verify] Content hashes; on by default.
 */

/** The command's file. */
function command() {
  const { bin } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  return join(PACKAGE, bin?.['ktls-transfer'] ?? 'bin/ktls-transfer');
}

/**
 * @param {string} name
 * @param {Settings} [settings] What they leave out is as a user who sets nothing has it.
 * @returns {Contestant}
 */
export function ktlsTransfer(name, settings = {}) {
  return {
    name,
    encrypted: !settings.plaintext,
    missing: () => (existsSync(command()) ? undefined : 'a build of the package (npm run build)'),
    async plan(workshop, source, destination) {
      const port = await freePort();
      const both = ['--json', ...(await shared(workshop, settings))];
      return {
        send: [
          process.execPath,
          command(),
          'send',
          source,
          `127.0.0.1:${port}`,
          ...both,
          ...sending(settings),
        ],
        receive: {
          command: [process.execPath, command(), 'recv', destination, '--listen', String(port), ...both],
          port,
          once: true,
        },
        inside,
      };
    },
  };
}

/**
 * @param {import('../workshop.mjs').Workshop} workshop
 * @param {Settings} settings
 */
async function shared(workshop, { kernel, plaintext }) {
  if (plaintext) {
    return ['--encryption', 'none', '--insecure'];
  }
  const secret = join(workshop.folder, 'secret');
  await writeFile(secret, await output(process.execPath, [command(), 'keygen']), { mode: 0o600 });
  return ['--secret-file', secret, ...(kernel === undefined ? [] : ['--kernel', kernel])];
}

/** @param {Settings} settings */
function sending({ mode, connections, verify = true }) {
  return [
    ...(mode === undefined ? [] : ['--mode', mode]),
    ...(connections === undefined ? [] : ['--connections', String(connections)]),
    ...(verify ? [] : ['--no-verify']),
  ];
}

/**
 * @param {string} stdout
 * @returns {import('../measure/transfer.mjs').Inside}
 */
function inside(stdout) {
  const { durationMs, record, mode, connections, cipher } = JSON.parse(
    stdout.trim().split('\n').at(-1) ?? '',
  );
  return { ms: durationMs, details: { record, mode, connections, cipher } };
}
