// Files that are written while they are sent, at their size, or whose names change hands: nothing arrives that never was.
import {
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';

import { createReceiver, generateSecret, receiveTree, sendTree } from '../../lib/index';
import { HoldingProxy } from '../helpers/holding-proxy';
import { namesBelow } from '../helpers/names-below';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const secret = generateSecret();
const host = '127.0.0.1';

/** Writes the files whose descriptors it gets, all As and all Bs in turn, until it is ended. */
const WRITER = `
  const { writeSync } = require('node:fs');
  const { workerData: { fds, size } } = require('node:worker_threads');
  const contents = ['A', 'B'].map((letter) => Buffer.alloc(size, letter));
  for (let turn = 0; ; turn++) for (const fd of fds) writeSync(fd, contents[turn % 2], 0, size, 0);
`;

for (const [what, size, count, rounds, options] of [
  ['small', 60_000, 40, 8, {}],
  ['large', 400_000, 20, 4, {}],
  ['in blocks', 400_000, 20, 4, { connections: 2, blockThreshold: 1 << 16 }],
] as const) {
  t.test(`files that are written over and over are whole or skipped: ${what}`, async (t) => {
    const [source, root] = [join(folder, 'source'), join(folder, 'root')];
    mkdirSync(source);
    const names = Array.from({ length: count }, (_, index) => `f${index}`);
    for (const name of names) writeFileSync(join(source, name), Buffer.alloc(size, 'A'));
    const fds = names.map((name) => openSync(join(source, name), 'r+'));
    const writer = new Worker(WRITER, { eval: true, workerData: { fds, size }, trackUnmanagedFds: false });
    let mixed = 0;
    for (let round = 0; round < rounds; round++) {
      const receiving = receiveTree(root, { port: 0, host, secret });
      const { port } = await receiving.listening;
      const result = await sendTree(source, `${host}:${port}`, { secret, ...options });
      await receiving;
      const arrived = readdirSync(root);
      t.equal(arrived.length + result.skipped.length, count);
      for (const name of arrived) {
        const content = readFileSync(join(root, name));
        if (content.includes('A') && content.includes('B')) mixed++;
      }
      rmSync(root, { recursive: true });
    }
    t.equal(mixed, 0);
    await writer.terminate();
    rmSync(source, { recursive: true });
  });
}

t.test('the first name of an inode is given to another: its links do not get what that holds', async (t) => {
  const [source, root] = [join(folder, 'source'), join(folder, 'root')];
  mkdirSync(join(source, 'z', 'below'), { recursive: true });
  // Sent first: the proxy holds in the middle of it.
  writeFileSync(join(source, 'filler'), Buffer.alloc(16 << 20));
  const [first, second] = [join(source, 'z', 'first'), join(source, 'z', 'below', 'second')];
  writeFileSync(first, 'old');
  linkSync(first, second);
  const receiver = createReceiver({ root, secret });
  const proxy = await HoldingProxy.open(t, (await receiver.listen({ port: 0, host })).port, 8 << 20);
  const sending = sendTree(source, `${host}:${proxy.port}/in`, { secret, connections: 1 });
  let found = 0;
  for await (const { filesTotal, totalsFinal } of sending) {
    found = filesTotal;
    if (totalsFinal) break;
  }
  t.equal(found, 2, 'the walk has met them all');
  await proxy.held;
  writeFileSync(join(source, 'new'), 'new');
  renameSync(join(source, 'new'), first);
  proxy.letGo();
  const { skipped } = await sending;
  await receiver.close();
  t.same(skipped.map(({ path }) => path).sort(), ['z/below/second', 'z/first']);
  t.same(namesBelow(join(root, 'in')).sort(), ['filler', 'z', 'z/below']);
});

t.test('what another transfer has not finished is left out, and said', async (t) => {
  const [source, root] = [join(folder, 'unfinished'), join(folder, 'finished')];
  const left = '.ktls-transfer-0123456789abcdef-1';
  mkdirSync(join(source, left), { recursive: true });
  writeFileSync(join(source, left, 'file'), 'half');
  writeFileSync(join(source, `${left}0`), 'half');
  writeFileSync(join(source, 'whole'), 'whole');
  const receiving = receiveTree(root, { port: 0, host, secret });
  const { port } = await receiving.listening;
  const { skipped } = await sendTree(source, `${host}:${port}`, { secret });
  await receiving;
  t.same(
    skipped.map(({ path, code }) => [path, code]).sort(),
    [left, `${left}0`].map((path) => [path, 'ERR_KTLS_FILE_TYPE']),
  );
  t.same(namesBelow(root), ['whole']);
});
