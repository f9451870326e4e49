// Nothing of the file system is touched for a peer that has not authenticated: observed from outside, by strace.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';

import { generateSecret, sendTree } from '../../lib/index';
import { commandLine } from '../helpers/command';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const source = join(folder, 'source');
mkdirSync(source);
writeFileSync(join(source, 'file'), 'content');

/** System calls of the receiver that name what is at or below its root, or work on a descriptor of it. */
function touching(trace: string, root: string): string[] {
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes(root) && !/\bexecve\(/.test(line));
}

t.test('a wrong secret, other protocols and silence reach no file; the right secret does', async (t) => {
  const secret = generateSecret();
  const root = join(folder, 'the-root-of-the-receiver');
  mkdirSync(root);
  const trace = join(folder, 'trace');
  const command = commandLine(['recv', root, '--listen', '127.0.0.1:0', '--json']);
  // -y shows the path behind each descriptor.
  const child = spawn('strace', ['-f', '-y', '-qq', '-e', 'trace=%file,%desc', '-o', trace, ...command], {
    env: { ...process.env, KTLS_TRANSFER_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let port = 0;
  while (port === 0) {
    const event = JSON.parse((await lines.next()).value as string);
    if (event.event === 'listening') port = event.port;
  }
  const target = `127.0.0.1:${port}/below`;
  await t.rejects(() => sendTree(source, target, { secret: generateSecret() }).finally(), {
    code: 'ERR_KTLS_WRONG_SECRET',
  });
  await t.rejects(() => sendTree(source, target, { encryption: 'none', insecure: true }).finally());
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'KTXF', '']) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.end(bytes);
    await delay(50);
    socket.destroy();
  }
  t.same(touching(trace, root), []);

  const { files } = await sendTree(source, target, { secret });
  t.equal(files, 1);
  await exited;
  t.not(touching(trace, root).length, 0, 'the trace would have shown it');
});
