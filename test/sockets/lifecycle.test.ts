// Sockets come and go: nothing of them is left, wherever they end.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import t from 'tap';

import { connect, type KtlsSocket } from '../../lib/index';
import { memoryInUse } from '../helpers/memory';
import { until } from '../helpers/until';
import { collect, credentials, failure, listen, PATIENCE_MS } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key, certFile, keyFile } = trust.server;
const top = join(__dirname, '..', '..');

// On a machine that does much else.
t.setTimeout(1_800_000);

const descriptors = () => readdirSync('/proc/self/fd').length;

t.test('10,000 connections opened and closed leave no descriptor and no memory behind', async (t) => {
  const { port, server } = await listen(t, { cert, key }, (socket) => socket.pipe(socket));
  const secureContext = createSecureContext({ ca });
  let wrong = 0;
  const round = async (count: number) => {
    for (let done = 0; done < count; done += 50) {
      const visits = Array.from({ length: 50 }, async (_, index) => {
        const socket = await connect({
          host: 'localhost',
          port,
          secureContext,
          handshakeTimeout: PATIENCE_MS,
        });
        if (index % 5 === 0) {
          socket.on('error', () => {});
          socket.destroy();
          return;
        }
        socket.end('hello');
        if (String(await collect(socket)) !== 'hello') wrong++;
        await failure(socket);
      });
      await Promise.all(visits);
    }
    const open = () =>
      new Promise<number>((resolve) => server.getConnections((_, number) => resolve(number)));
    await until(async () => (await open()) === 0, 'the server has closed them, too');
  };
  await round(2000);
  const [files, memory] = [descriptors(), memoryInUse()];
  await round(8000);
  t.equal(wrong, 0);
  // A client that went at once may have left before its server knew that it was there.
  await until(() => descriptors() <= files, 'no descriptor is left');
  const grown = memoryInUse() - memory;
  // 7 KiB for each connection; its two ends held 700 while they lived.
  t.ok(grown < 60 * 1024 * 1024, `grew by ${grown} bytes`);
});

/** A program of its own, so that its exit can be seen. */
async function program(body: string): Promise<string> {
  const script = `
    const { connect, createServer } = require(${JSON.stringify(join(top, 'dist/index.js'))});
    const { once } = require('node:events');
    const { readFileSync } = require('node:fs');
    const { Worker, isMainThread, workerData } = require('node:worker_threads');
    const cert = readFileSync(${JSON.stringify(certFile)});
    const key = readFileSync(${JSON.stringify(keyFile)});
    const ca = readFileSync(${JSON.stringify(trust.maker.authority.certFile)});
    ${body}`;
  const file = join(trust.folder, `program-${body.length}.js`);
  writeFileSync(file, script);
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', file], {
    timeout: 240_000,
  });
  return stdout.trim();
}

t.test('as a program sees it', async (t) => {
  const large = join(trust.folder, 'large');
  writeFileSync(large, '');
  truncateSync(large, 512 * 1024 * 1024);
  const { port } = await listen(t, { cert, key }, (socket: KtlsSocket) => {
    socket.pause();
    socket.write('hello');
  });

  t.test('an idle socket keeps the program alive, unref() lets it go', async (t) => {
    const output = await program(`
      connect({ host: 'localhost', port: ${port}, ca }).then((socket) => {
        socket.resume();
        socket.unref();
        process.on('exit', () => console.log('exit, connected:', !socket.destroyed));
      });`);
    t.equal(output, 'exit, connected: true');
  });

  t.test('an error without a listener is an uncaught exception', async (t) => {
    const output = await program(`
      process.on('uncaughtException', (error) => console.log(error.code));
      const server = createServer({ cert, key }, (socket) => { socket.resume().write('x'); server.close(); });
      server.listen(0, '127.0.0.1', async () => {
        const socket = await connect({ host: 'localhost', port: server.address().port, ca });
        // Whoever leaves something unread resets the connection.
        socket.once('data', () => socket.destroy());
      });`);
    t.equal(output, 'ERR_KTLS_TRUNCATED');
  });

  t.test('a listener that throws does not harm the next event', async (t) => {
    const output = await program(`
      process.on('uncaughtException', (error) => console.log(error.message));
      connect({ host: 'localhost', port: ${port}, ca }).then((socket) => {
        socket.once('data', (data) => { setImmediate(() => socket.destroy()); throw new Error('from a listener'); });
        socket.on('close', () => console.log('closed'));
      });`);
    t.equal(output, 'from a listener\nclosed');
  });

  t.test('a program ends while a file is on its way', async (t) => {
    const output = await program(`
      connect({ host: 'localhost', port: ${port}, ca }).then((socket) => {
        socket.sendFile(${JSON.stringify(large)}).catch(() => {});
        setTimeout(() => { console.log('exits'); process.exit(0); }, 200);
      });`);
    t.equal(output, 'exits');
  });

  for (const busy of ['nothing', 'reading', 'writing', 'a file', 'a thread']) {
    t.test(`a worker is terminated during ${busy}`, async (t) => {
      const output = await program(`
        if (isMainThread) {
          (async () => {
            for (let round = 0; round < 3; round++) {
              const worker = new Worker(__filename);
              await once(worker, 'message');
              await new Promise((resolve) => setTimeout(resolve, 50));
              await worker.terminate();
            }
            console.log('all terminated');
          })();
        } else {
          const { parentPort } = require('node:worker_threads');
          connect({ host: 'localhost', port: ${port}, ca }).then((socket) => {
            const busy = ${JSON.stringify(busy)};
            socket.on('error', () => {});
            if (busy === 'reading') socket.resume();
            if (busy === 'writing') for (let n = 0; n < 500; n++) socket.write(Buffer.alloc(60000));
            if (busy === 'a thread') socket.write(Buffer.alloc(50_000_000));
            if (busy === 'a file') socket.sendFile(${JSON.stringify(large)}).catch(() => {});
            parentPort.postMessage('up');
            setInterval(() => {}, 1000);
          });
        }`);
      t.equal(output, 'all terminated');
    });
  }

  t.test('a socket that nobody holds is collected, and its connection closed', async (t) => {
    const output = await program(`
      const { readdirSync } = require('node:fs');
      const descriptors = () => readdirSync('/proc/self/fd').length;
      (async () => {
        const open = async () => {
          const socket = await connect({ host: 'localhost', port: ${port}, ca, highWaterMark: 1 });
          await once(socket, 'readable'); // full: it reads no more
          return socket;
        };
        await open();
        await new Promise((resolve) => setTimeout(resolve, 50));
        const before = descriptors();
        const held = [];
        for (let index = 0; index < 10; index++) held.push(await open());
        const between = descriptors();
        held.length = 0;
        for (let index = 0; index < 2000 && descriptors() > before; index++) {
          global.gc();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        console.log(between - before >= 9, descriptors() <= before);
        process.exit();
      })();`);
    t.equal(output, 'true true');
  });

  t.end();
});

t.test('handshakes that are slow are bounded in time, and do not hold a slot for ever', async (t) => {
  const { port, server } = await listen(t, { cert, key, handshakeTimeout: 1000, maxUnauthenticated: 2 });
  const refused = once(server, 'tlsClientError');
  const silent = [connectTcp(port, '127.0.0.1'), connectTcp(port, '127.0.0.1')];
  for (const socket of silent) socket.on('error', () => {});
  t.equal((await refused)[0].code, 'ERR_KTLS_HANDSHAKE_TIMEOUT');
  // On a slow machine a handshake of ours may be too slow, too, and the next one is not.
  const dial = () => connect({ host: 'localhost', port, ca }).catch(() => undefined);
  await until(async () => (await dial())?.destroy() !== undefined, 'there is a slot for another client');
  for (const each of silent) each.destroy();
});
