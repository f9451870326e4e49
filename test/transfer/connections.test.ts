// How many connections a transfer opens where nobody says: as many as there is work for.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { createReceiver, sendTree, transferDirectory } from '../../lib/index';
import { generateSecret } from '../../lib/secret';
import { type HostilePeer, hostileServer } from '../helpers/hostile-peer';
import { temporaryFolder } from '../helpers/temporary-folder';
import { frame, helloOk, TYPES, u8, u64 } from '../helpers/transfer-frames';
import { until } from '../helpers/until';

const secret = generateSecret();
const folder = temporaryFolder(t);
const most = Math.min(4, availableParallelism());

function tree(name: string, files: number, bytes: number): string {
  const made = join(folder, name);
  mkdirSync(made);
  for (let i = 0; i < files; i++) writeFileSync(join(made, `file ${i}`), Buffer.alloc(bytes, i));
  return made;
}

/** A server that grants all connections, then says `frames` on the first one and reads none: no transfer ends. */
async function granting(t: Test, ...frames: Buffer[]) {
  const peers: HostilePeer[] = [];
  const port = await hostileServer(t, secret, async (peer) => {
    await peer.expect(TYPES.HELLO);
    peer.send(helloOk(Buffer.alloc(16, 3), 64), ...(peers.length === 0 ? frames : []));
    peers.push(peer);
    peer.socket.pause();
  });
  return { port, peers };
}

const many: [string, string][] = [
  ['many files', tree('many', 100 * most, 10)],
  ['many bytes', tree('large', most, 5 << 20)],
];
for (const [what, source] of many) {
  t.test(`${what} are sent over as many connections as cores, four at most`, async (t) => {
    const { port, peers } = await granting(t);
    const sending = sendTree(source, `127.0.0.1:${port}`, { secret });
    sending.catch(() => {});
    await until(() => peers.length === most, `${most} connections`);
    sending.cancel();
  });
}

t.test('what is pulled, by the totals that the sender tells', async (t) => {
  const { port, peers } = await granting(t, frame(TYPES.TOTALS, [u64(1000), u64(0), u8(0)]));
  const pulling = transferDirectory(`ktls://127.0.0.1:${port}/x`, join(folder, 'pulled'), { secret });
  pulling.catch(() => {});
  await until(() => peers.length === most, `${most} connections`);
  pulling.cancel();
});

t.test('a few files are sent over one, and the receiver hears of no other', async (t) => {
  const receiver = createReceiver({ root: join(folder, 'received'), secret });
  t.teardown(() => receiver.close({ abort: true }));
  const errors: Error[] = [];
  receiver.on('connectionError', (error) => errors.push(error));
  const { port } = await receiver.listen({ port: 0, host: '127.0.0.1' });
  const few = tree('few', 20, 100);
  for (let i = 0; i < 20; i++) {
    const { connections } = await sendTree(few, `127.0.0.1:${port}/${i}`, { secret });
    t.equal(connections, 1);
  }
  await receiver.close();
  t.same(errors, []);
});
