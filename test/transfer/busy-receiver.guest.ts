// A receiver whose event loop is busy hears late of the connections that replace others: kernels before 6.14 can
// do nothing else where a key is spent. The sender may have left all others by then.
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';

import { createReceiver, generateSecret, sendTree } from '../../lib/index';
import { compareTrees } from '../helpers/compare-trees';
import { temporaryFolder } from '../helpers/temporary-folder';

const PACKAGE = join(__dirname, '..', '..', 'lib', 'index');
const secret = generateSecret();
const host = '127.0.0.1';
const folder = temporaryFolder(t);
const source = join(folder, 'source');
// A folder is sent as a whole: each is well below what a key has left when its connection is replaced.
for (let i = 0; i < 120; i++) {
  mkdirSync(join(source, `${i}`), { recursive: true });
  writeFileSync(join(source, `${i}`, 'file'), Buffer.alloc(500_000, `content of ${i}. `));
}
const spent = { secret, kernel: 'require', maxRecordsPerKey: 1024 } as const;

/** Runs `body` with `tell()` on an event loop that is idle for a tenth of the time, until `body` has ended. */
function onBusyLoop(body: string): Worker {
  const code = `
    const { createReceiver, transferDirectory } = require(${JSON.stringify(PACKAGE)});
    const { parentPort } = require('node:worker_threads');
    const tell = (what) => parentPort.postMessage(what);
    const busy = setInterval(() => {
      for (const until = performance.now() + 50; performance.now() < until; );
    }, 55);
    (async () => { ${body} })().catch((error) => tell(String(error))).finally(() => clearInterval(busy));`;
  return new Worker(code, { eval: true });
}

t.test('a receiver that listens', async (t) => {
  const destination = join(folder, 'pushed');
  const worker = onBusyLoop(`
    const receiver = createReceiver({ root: ${JSON.stringify(destination)}, secret: '${secret}', kernel: 'off' });
    const { port } = await receiver.listen({ port: 0, host: '${host}' });
    const received = new Promise((resolve) => receiver.once('transfer', resolve));
    tell(port);
    tell((await received).connections);
    await receiver.close();`);
  t.teardown(() => worker.terminate());
  const [port] = await once(worker, 'message');
  const ended = once(worker, 'message');
  const { connections } = await sendTree(source, `${host}:${port}`, { ...spent, connections: 1 });
  t.ok(connections > 2, `${connections} connections`);
  t.same(await ended, [connections]);
  t.same(compareTrees(source, destination), []);
});

t.test('a receiver that dials', async (t) => {
  const destination = join(folder, 'pulled');
  const server = createReceiver({ ...spent, root: source, serve: true });
  t.teardown(() => server.close({ abort: true }));
  const { port } = await server.listen({ port: 0, host });
  const worker = onBusyLoop(`
    const from = 'ktls://${host}:${port}';
    const options = { secret: '${secret}', kernel: 'off', connections: 1 };
    tell((await transferDirectory(from, ${JSON.stringify(destination)}, options)).connections);`);
  const [connections] = await once(worker, 'message');
  t.ok(connections > 2, `${connections} connections`);
  t.same(compareTrees(source, destination), []);
});
