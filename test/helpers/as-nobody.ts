import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const PACKAGE = join(__dirname, '..', '..', 'dist', 'index.js');
export const NOBODY = 65_534;

/**
 * Runs an expression as a user who is not root, in a process of its own, with `createReceiver`, `sendTree` and
 * `receiveTree` of the package; returns the result it resolves with, or the error, as JSON keeps it.
 */
export function asNobody(script: string) {
  const code = `process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});
    const show = (value) => console.log(JSON.stringify({ ...value, message: value.message }));
    const { createReceiver, sendTree, receiveTree } = require(${JSON.stringify(PACKAGE)});
    ${script}.then(show, show).finally(() => process.exit());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Such an expression: a transfer whose ends are both in that process. */
export const copying = (source: string, root: string, secret: string, options = '') => `(async () => {
  const receiver = createReceiver({ root: ${JSON.stringify(root)}, secret: '${secret}' });
  const { port } = await receiver.listen({ port: 0, host: '127.0.0.1' });
  return sendTree(${JSON.stringify(source)}, '127.0.0.1:' + port + '/in', { secret: '${secret}', ${options} });
})()`;
