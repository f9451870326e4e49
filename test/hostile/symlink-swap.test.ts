// Another process that swaps a folder for a symlink to elsewhere, and back, while trees go in and out: nothing is
// written elsewhere, and nothing of elsewhere is given out.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { createReceiver, generateSecret, sendTree, transferDirectory } from '../../lib/index';
import type { TransferHandle } from '../../types/index';
import { namesBelow } from '../helpers/names-below';
import { swapper } from '../helpers/swapper';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const path = (name: string) => join(folder, name);
const secret = generateSecret();
const host = '127.0.0.1';
const FILES = 40;
const ROUNDS = 12;

const settled = (transfer: TransferHandle) => transfer.then(() => 'whole').catch(({ code }) => code);

for (const name of ['outside', 'tree', 'tree/folder', 'served', 'served/folder', 'root', 'root/folder']) {
  mkdirSync(path(name));
}
writeFileSync(path('outside/password'), 'not for you');
for (let index = 0; index < FILES; index += 1) {
  writeFileSync(path(`tree/folder/${index}`), 'sent');
  writeFileSync(path(`served/folder/${index}`), 'served');
}

t.test('a receiver writes nothing there', async (t) => {
  const receiver = createReceiver({ root: path('root'), secret });
  t.teardown(() => receiver.close({ abort: true }));
  const { port } = await receiver.listen({ port: 0, host });
  const child = await swapper(t, path('root/folder'), path('outside'));
  for (let round = 0; round < ROUNDS; round += 1) {
    await settled(sendTree(path('tree'), `${host}:${port}`, { secret, connections: 2, onError: 'continue' }));
    // Below the folder that is swapped itself, too.
    await settled(sendTree(path('tree'), `${host}:${port}/folder`, { secret, connections: 1 }));
  }
  t.equal(child.exitCode, null, 'it was swapped all the time');
  t.same(readdirSync(path('outside')), ['password']);
  t.equal(readFileSync(path('outside/password'), 'utf8'), 'not for you');
});

t.test('a receiver that serves gives nothing of it out', async (t) => {
  const receiver = createReceiver({ root: path('served'), secret, serve: true });
  t.teardown(() => receiver.close({ abort: true }));
  const { port } = await receiver.listen({ port: 0, host });
  const child = await swapper(t, path('served/folder'), path('outside'));
  let whole = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const pull = (below: string, to: string) =>
      settled(transferDirectory(`ktls://${host}:${port}${below}`, path(to), { secret, onError: 'continue' }));
    if ((await pull('', `all ${round}`)) === 'whole') whole += 1;
    await pull('/folder', `folder ${round}`);
    for (const place of [`all ${round}`, `folder ${round}`]) {
      t.notOk(namesBelow(path(place)).join().includes('password'), place);
    }
  }
  t.equal(child.exitCode, null, 'it was swapped all the time');
  t.ok(whole > 0, 'and some came through');
});
