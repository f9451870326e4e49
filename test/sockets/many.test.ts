// Many connections: nothing is left of those that ended, and a thousand at once each get their own bytes back.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';

import { connect, type KtlsSocket } from '../../lib/index';
import { credentials, listen, take } from './support';

// On a machine that does much else.
t.setTimeout(1_800_000);

const trust = credentials(t);
const { cert, key } = trust.server;
const secureContext = createSecureContext({ ca: trust.ca });
/** Fewer than maxUnauthenticated. */
const AT_ONCE = 16;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const descriptors = () => readdirSync('/proc/self/fd').length;

async function inParallel(count: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) await one(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

t.test('10,000 connections leave neither descriptors nor memory behind', async (t) => {
  const { server, port } = await listen(t, { cert, key }, (socket) => socket.pipe(socket));
  const open = async () => {
    const socket = await connect({ host: 'localhost', port, secureContext });
    socket.end('x');
    await take(socket, 1);
    socket.resume();
    await once(socket, 'close');
  };
  const settled = async () => {
    while (await new Promise((resolve) => server.getConnections((_error, count) => resolve(count > 0)))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (let round = 0; round < 5; round++) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { descriptors: descriptors(), memory: process.memoryUsage().rss };
  };
  await inParallel(2000, open);
  const before = await settled();
  await inParallel(8000, open);
  const after = await settled();
  t.ok(
    after.descriptors <= before.descriptors + 2,
    `descriptors: ${before.descriptors}, ${after.descriptors}`,
  );
  const grown = (after.memory - before.memory) / 8000;
  // A leaked socket with its TLSSocket has more than 10 KiB.
  t.ok(grown < 4096, `${Math.round(grown)} bytes for each connection`);
});

t.test('1,000 connections at once echo, each its own bytes', async (t) => {
  const { port } = await listen(t, { cert, key }, (socket) => socket.pipe(socket));
  const sockets: KtlsSocket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await inParallel(1000, async (index) => {
    sockets[index] = await connect({ host: 'localhost', port, secureContext });
  });
  const own = (index: number) => Buffer.alloc(20_000, `connection ${index}, `);
  for (const [index, socket] of sockets.entries()) socket.write(own(index));
  const right = await Promise.all(
    sockets.map(async (socket, index) => (await take(socket, 20_000)).equals(own(index))),
  );
  t.equal(right.filter(Boolean).length, 1000);
});

t.test('a peer that stalls holds what is written to it, and nobody else', async (t) => {
  const { port, next } = await listen(t, { cert, key });
  const stalled = await connect({ host: 'localhost', port, secureContext });
  t.teardown(() => stalled.destroy());
  const end = await next();
  // Until neither the kernel nor the socket takes any more.
  while (end.write(Buffer.alloc(256 * 1024)) || end.bytesWritten - end.writableLength > sent) {
    sent = end.bytesWritten - end.writableLength;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const other = await connect({ host: 'localhost', port, secureContext });
  (await next()).end('alive');
  t.equal(String(await take(other, 5)), 'alive');
  other.destroy();
  const total = end.bytesWritten;
  end.end();
  let received = 0;
  stalled.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(stalled, 'end');
  t.equal(received, total);
});
let sent = 0;
