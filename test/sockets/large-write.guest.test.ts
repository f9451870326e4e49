// Writes so large that a thread makes them, on the kernel's record layer and on ours: the event loop stays free, and
// they are writes like any other.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';

import { connect } from '../../lib/index';
import { placements } from '../helpers/guest';
import { collect, credentials, failure, listen, pair, proxy } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;
const MIB = 1024 * 1024;
const large = randomBytes(6 * MIB + 1);
const file = join(trust.folder, 'content');
writeFileSync(file, large);

/** The kernel tells of a reset once, to whom reads or to whom writes; the other sees the end. */
const GONE = /^(ECONNRESET|EPIPE|ERR_KTLS_TRUNCATED)$/;

/** A node:tls server with an event loop of its own, which tells by `arrived` that it has so many bytes. */
const READER = `
  const { createServer } = require('node:tls');
  const { parentPort, workerData: { cert, key, arrived, bytes } } = require('node:worker_threads');
  const server = createServer({ cert, key }, (socket) => {
    let left = bytes;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left > 0) return;
      Atomics.store(arrived, 0, 1);
      Atomics.notify(arrived, 0);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;

for (const kernel of placements) {
  t.test(`kernel: '${kernel}'`, async (t) => {
    const open = (options = {}) => pair(t, trust, { kernel, ...options }, { kernel, ...options });

    t.test('the event loop does nothing for it', async (t) => {
      const arrived = new Int32Array(new SharedArrayBuffer(4));
      const workerData = { cert, key, arrived, bytes: large.length };
      const reader = new Worker(READER, { eval: true, workerData });
      t.teardown(() => reader.terminate());
      const [port] = await once(reader, 'message');
      const socket = await connect({ host: 'localhost', port, ca, kernel });
      await once(socket, 'session');
      const written = new Promise((resolve) => socket.write(large, resolve));
      // Holds this thread, and with it the loop, until the last byte is with the peer.
      t.not(Atomics.wait(arrived, 0, 0, 240_000), 'timed-out');
      await written;
      socket.destroy();
    });

    t.test('it keeps its place among other writes and files', async (t) => {
      const { client, server } = await open();
      const received = collect(server);
      const parts = [Buffer.from('a'), large, Buffer.from('b'), large, large, Buffer.from('c'), large];
      for (const [index, part] of parts.entries()) {
        if (index === 4) client.sendFile(file).catch(() => {});
        else client.write(part);
      }
      client.end('end');
      const all = Buffer.concat([...parts, Buffer.from('end')]);
      t.ok((await received).equals(all));
      t.equal(client.bytesWritten, all.length);
    });

    t.test('of many short chunks it makes records of full size', async (t) => {
      const listening = await listen(t, { cert, key, kernel });
      let onWire = 0;
      const { port } = await proxy(t, listening.port, (chunk, from, to) => {
        if (from === 'client') onWire += chunk.length;
        to.write(chunk);
      });
      const client = await connect({ host: 'localhost', port, ca, kernel });
      const received = collect(await listening.next());
      client.cork();
      for (let at = 0; at < large.length; at += 1000) client.write(large.subarray(at, at + 1000));
      client.uncork();
      client.end();
      t.ok((await received).equals(large));
      // A record adds 22 bytes, and each chunk in one of its own would have added 138,000; the handshake has a few 100.
      t.ok(onWire - large.length < 20_000, `${onWire - large.length} bytes more`);
      t.equal(await failure(client), undefined);
    });

    t.test('end() after it closes this direction only', async (t) => {
      const { client, server } = await open({ allowHalfOpen: true });
      client.end(large);
      t.ok((await collect(server)).equals(large));
      server.end(large);
      t.ok((await collect(client)).equals(large));
      t.equal(await failure(client), undefined);
    });

    t.test('a peer that does not read holds it back, and destroy() ends it', async (t) => {
      const { client, server } = await open();
      server.on('error', () => {});
      server.pause();
      const outcomes = Array.from({ length: 4 }, () => {
        return new Promise((resolve) => client.write(Buffer.concat([large, large]), resolve));
      });
      t.ok(client.writableNeedDrain);
      client.destroy(new Error('enough'));
      t.equal((await failure(client))?.message, 'enough');
      for (const outcome of await Promise.all(outcomes)) t.ok(outcome instanceof Error);
      t.match(await failure(server), { code: GONE });
    });

    t.test('a write on the event loop ends with destroy(), too', async (t) => {
      const { client, server } = await open();
      server.on('error', () => {});
      server.pause();
      let [waiting, outcome] = [false, Promise.resolve() as Promise<unknown>];
      while (!waiting) {
        waiting = true;
        outcome = new Promise((resolve) => client.write(large.subarray(0, MIB - 1), resolve));
        outcome.then(() => {
          waiting = false;
        });
        await new Promise(setImmediate);
      }
      client.destroy();
      t.match(await outcome, { code: 'ABORT_ERR' });
    });

    t.test('a peer that goes away ends it', async (t) => {
      const { client, server } = await open();
      const outcome = new Promise((resolve) => client.write(Buffer.alloc(64 * MIB), resolve));
      server.once('data', () => server.resetAndDestroy());
      t.match(await failure(client), { code: GONE });
      t.ok((await outcome) instanceof Error);
    });
  });
}
