// A receiver that is far away: what a user would otherwise tune follows from the first connection's round trips.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { sendTree } from '../../lib/index';
import { generateSecret } from '../../lib/secret';
import { compareTrees } from '../helpers/compare-trees';
import { hostileServer } from '../helpers/hostile-peer';
import { temporaryFolder } from '../helpers/temporary-folder';
import { type Frame, helloOk, TYPES } from '../helpers/transfer-frames';
import { transfer } from '../helpers/transfer-pair';

/** Of loopback, half of the round trip. */
function delay(t: Test, milliseconds: number): void {
  const tc = (...words: string[]) => execFileSync('tc', ['qdisc', ...words]);
  tc('add', 'dev', 'lo', 'root', 'netem', 'limit', '100000', 'delay', `${milliseconds}ms`);
  t.teardown(() => tc('delete', 'dev', 'lo', 'root'));
}

const secret = generateSecret();
const folder = temporaryFolder(t);
const source = join(folder, 'source');
mkdirSync(source);
writeFileSync(join(source, 'file'), Buffer.alloc(8 << 20, 'some content of a larger file. '));

/** How many connections a sender asks for, and how it begins the file. */
async function seen(t: Test, options: { connections?: number; blockThreshold?: number } = {}) {
  let tell: (frames: { hello: Frame; header: Frame }) => void;
  const told = new Promise<{ hello: Frame; header: Frame }>((resolve) => {
    tell = resolve;
  });
  const port = await hostileServer(t, secret, async (peer) => {
    const hello = await peer.expect(TYPES.HELLO);
    peer.send(helloOk());
    let header = await peer.next();
    while (header !== null && header.type !== TYPES.FILE_HDR && header.type !== TYPES.BLOCK_FILE) {
      header = await peer.next();
    }
    if (header !== null) tell({ hello, header });
    peer.destroy();
  });
  const sending = sendTree(source, `127.0.0.1:${port}`, { secret, ...options });
  sending.catch(() => {});
  const { hello, header } = await told;
  sending.cancel();
  return { connections: hello.payload[9], inBlocks: header.type === TYPES.BLOCK_FILE };
}

t.test('near: by cores, and files whole', async (t) => {
  const connections = Math.min(4, availableParallelism());
  t.same(await seen(t), { connections, inBlocks: false });
});

t.test('far: eight connections, and files of 4 MiB in blocks', async (t) => {
  delay(t, 8);
  t.same(await seen(t), { connections: 8, inBlocks: true });
  t.same(await seen(t, { connections: 3 }), { connections: 3, inBlocks: true });
  t.same(await seen(t, { blockThreshold: 16 << 20 }), { connections: 8, inBlocks: false });
});

t.test('far: what arrives is what was sent', async (t) => {
  delay(t, 25);
  const destination = join(folder, 'destination');
  await transfer(source, destination, { secret }, { secret });
  t.same(compareTrees(source, destination), []);
});
