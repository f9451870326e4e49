// Handshakes that are many, aborted, or cut off with their thread leave nothing behind.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { Worker } from 'node:worker_threads';
import t from 'tap';

import { clientContext, serverContext } from '../../lib/credentials';
import { Acceptor } from '../../lib/handshake/acceptor';
import { dialSocket } from '../../lib/handshake/connect';
import type { Established } from '../../lib/handshake/handshake';
import { tlsContext } from '../../lib/handshake/tls-context';
import { native } from '../../lib/native';
import { generateSecret } from '../../lib/secret';
import { collectGarbage } from '../helpers/memory';
import { rawServer } from '../helpers/raw-server';
import { dial, listen } from '../helpers/tls-pair';
import { until } from '../helpers/until';
import { collectWarnings } from '../helpers/warnings';
import { watchDescriptor } from '../helpers/watch-descriptor';

const secret = generateSecret();
const ABORT = { name: 'AbortError', code: 'ABORT_ERR' };

const sockets = (): number => readdirSync('/proc/self/fd', { withFileTypes: true }).length;

/** Descriptors close on later turns of the loop. */
const settlesAt = (expected: number) => until(() => sockets() <= expected, `${expected} descriptors`);

function close({ fd, tls }: Established): void {
  native().closeDescriptor(fd);
  tls.destroy();
}

t.test('five hundred handshakes, of which every fifth fails, leave no descriptor', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const contexts = [await clientContext({ secret }), await clientContext({ secret: generateSecret() })];
  const round = async (index: number) => {
    const theirs = listening.next().then(close, () => {});
    await dial(listening.port, contexts[index % 5 === 0 ? 1 : 0] as never).then(close, () => {});
    await theirs;
  };
  await round(0);
  await round(1);
  const before = sockets();
  for (let index = 0; index < 500; index++) await round(index);
  t.equal(listening.errors.length, 101);
  await settlesAt(before);
});

t.test('an abort ends a handshake wherever it is', async (t) => {
  const context = await clientContext({ secret });
  const silent = await rawServer(t, () => {});
  const before = sockets();

  const abort = new AbortController();
  const waiting = dial(silent, context, { signal: abort.signal });
  await delay(20);
  abort.abort(new Error('why'));
  await t.rejects(waiting, { ...ABORT, cause: { message: 'why' } });
  await t.rejects(dial(silent, context, { signal: abort.signal }), ABORT, 'and before it begins');
  await settlesAt(before + 2); // the silent server's own ends

  const listening = await listen(t, await serverContext({ secret }));
  for (let delayMs = 0; delayMs < 12; delayMs++) {
    const signal = AbortSignal.timeout(delayMs);
    const theirs = listening.next().then(close, () => {});
    await dial(listening.port, context, { signal }).then(close, (error) => t.match(error, ABORT));
    await theirs;
  }
});

t.test('beyond the limit of unauthenticated connections, a connection is closed at once', async (t) => {
  const listening = await listen(t, await serverContext({ secret }), { maxUnauthenticated: 2 });
  const { acceptor, port } = listening;
  const silent = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  while (acceptor.unauthenticated < 2) await delay(5);
  const context = await clientContext({ secret });
  await t.rejects(dial(port, context), { code: /ERR_KTLS_TRUNCATED|ECONNRESET/ });
  t.equal(acceptor.turnedAway, 1);
  t.equal(acceptor.unauthenticated, 2);
  for (const socket of silent) socket.destroy();
  for (const _ of silent) await t.rejects(listening.next(), { code: 'ERR_KTLS_TRUNCATED' });
  await until(() => acceptor.unauthenticated === 0, 'there is a place again');
  const [ours, theirs] = await Promise.all([dial(port, context), listening.next()]);
  for (const end of [ours, theirs]) close(end);
});

t.test('many handshakes at once are nothing to warn of', async (t) => {
  const warnings = collectWarnings(t);
  const { acceptor, port } = await listen(t, await serverContext({ secret }));
  const silent = Array.from({ length: 20 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  while (acceptor.unauthenticated < silent.length) await delay(5);
  t.same(warnings, []);
  for (const socket of silent) socket.destroy();
});

t.test('close() ends unfinished handshakes and leaves finished ones alone', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const { acceptor, port } = listening;
  const [ours, theirs] = await Promise.all([dial(port, await clientContext({ secret })), listening.next()]);
  const silent = connect(port, '127.0.0.1').on('error', () => {});
  while (acceptor.unauthenticated < 1) await delay(5);
  await Promise.all([acceptor.close(), acceptor.close()]);
  t.match(listening.errors, [ABORT]);
  await t.rejects(dialSocket('127.0.0.1', port), { code: 'ECONNREFUSED' });
  const [left, right] = [ours, theirs].map(({ fd }) => native().duplicateDescriptor(fd));
  for (const fd of [left, right]) native().closeDescriptor(fd as number);
  for (const end of [ours, theirs]) close(end);
  silent.destroy();
});

t.test('an address in use is said when listening', async (t) => {
  const context = await serverContext({ secret });
  const { acceptor, port } = await listen(t, context);

  const second = new Acceptor({ context, onEstablished: () => {} });
  await t.rejects(second.listen({ port, host: '127.0.0.1' }), { code: 'EADDRINUSE' });
  await second.close();
  await acceptor.close();
});

/** A worker with handshakes of both roles under way, and one in each that has just ended. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { clientContext, serverContext } = require(workerData.lib + '/credentials');
  const { Acceptor } = require(workerData.lib + '/handshake/acceptor');
  const { connectTls, dialSocket } = require(workerData.lib + '/handshake/connect');
  const { secret, silent } = workerData;
  (async () => {
    const context = await clientContext({ secret });
    const acceptor = new Acceptor({ context: await serverContext({ secret }), onEstablished: ({ fd }) => done(fd) });
    const { port } = await acceptor.listen({ port: 0, host: '127.0.0.1' });
    const done = (fd) => require(workerData.lib + '/native').native().closeDescriptor(fd);
    const dial = async (to) => done((await connectTls(await dialSocket('127.0.0.1', to), context, { host: 'x' })).fd);
    for (let index = 0; index < 10; index++) dial(silent).catch(() => {});
    parentPort.postMessage(port);
    for (;;) await Promise.all(Array.from({ length: 8 }, () => dial(port)));
  })();
`;

t.test('a worker is terminated in the middle of handshakes', async (t) => {
  const silent = await rawServer(t, () => {});
  const before = sockets();
  const guests: Socket[] = [];
  for (let round = 0; round < 8; round++) {
    const workerData = { lib: join(__dirname, '../../dist'), secret, silent };
    const worker = new Worker(WORKER, { eval: true, workerData, trackUnmanagedFds: false });
    const [port] = await once(worker, 'message');
    guests.push(connect(port, '127.0.0.1').on('error', () => {}));
    await delay(round * 7);
    t.equal(await worker.terminate(), 1);
  }
  for (const socket of guests) socket.destroy();
  await settlesAt(before + 80); // the silent server's own ends
});

t.test('a process ends by itself when its handshakes are over, and at once by process.exit()', async (t) => {
  for (const [ending, status] of [
    ['process.exit(7)', 7],
    ['', 0],
  ] as const) {
    const script = `
      const workerData = ${JSON.stringify({ lib: join(__dirname, '../../dist'), secret })};
      const { clientContext, serverContext } = require(workerData.lib + '/credentials');
      const { Acceptor } = require(workerData.lib + '/handshake/acceptor');
      const { connectTls, dialSocket } = require(workerData.lib + '/handshake/connect');
      (async () => {
        const context = await clientContext(workerData);
        const acceptor = new Acceptor({ context: await serverContext(workerData), onEstablished: () => {} });
        const { port } = await acceptor.listen({ port: 0, host: '127.0.0.1' });
        const dial = async () => connectTls(await dialSocket('127.0.0.1', port), context, { host: 'x' });
        await dial();
        const unfinished = dial();
        unfinished.catch(() => {});
        await new Promise(setImmediate);
        ${ending}
        await unfinished;
        await acceptor.close();
      })();`;
    const run = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 240_000 });
    t.match(run, { status, signal: null, stderr: '' });
  }
});

t.test('the channel: what nobody holds is collected, what waits is not', async (t) => {
  const accepted: Socket[] = [];
  const port = await rawServer(t, (socket) => accepted.push(socket));
  const { HandshakeChannel } = native();
  let woken = 0;
  const open = async (wait: boolean) => {
    const fd = await dialSocket('127.0.0.1', port);
    const channel = new HandshakeChannel(
      fd,
      () => woken++,
      () => {},
      () => {},
    );
    channel.begin({ context: tlsContext(createSecureContext()), server: false });
    if (wait) t.equal(channel.proceed(), false);
    return watchDescriptor(fd);
  };
  const gone = (isOpen: () => boolean) => () => {
    collectGarbage();
    return !isOpen();
  };
  const idle = await open(false);
  const waiting = await open(true);
  await until(gone(idle), 'what nobody holds is collected');
  // Rounds more than needed, so that what must stay has its chance to go.
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    await delay(20);
  }
  t.ok(waiting());
  await until(() => accepted.length === 2, 'both have been accepted');
  for (const socket of accepted) socket.write(Buffer.of(22, 3, 3, 0, 1, 9));
  await until(gone(waiting), 'what has been woken is collected, too');
  t.equal(woken, 1);
});

t.test('the channel: what the kernel does not take at once goes out later, in order', async (t) => {
  const accepted: Socket[] = [];
  const port = await rawServer(t, (socket) => accepted.push(socket.pause()));
  const { HandshakeChannel } = native();
  let settle: (error?: Error) => void = () => {};
  const written = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  const channel = new HandshakeChannel(
    await dialSocket('127.0.0.1', port),
    () => {},
    (error) => settle(error),
    () => {},
  );
  const size = 16 << 20;
  const data = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) data.writeUInt32LE(at, at);
  await until(() => accepted.length === 1, 'it has been accepted');
  t.equal(channel.write(data.subarray(0, size / 2)), false);
  t.equal(channel.write(data.subarray(size / 2)), false);
  const chunks: Buffer[] = [];
  accepted[0]?.on('data', (chunk) => chunks.push(chunk)).resume();
  await written;
  channel.shutDown();
  await once(accepted[0] as Socket, 'end');
  t.ok(Buffer.concat(chunks).equals(data));

  // And when the peer is gone, it is said.
  accepted[0]?.pause();
  channel.close();
  const failed = new Promise<Error | undefined>((resolve) => (settle = resolve));
  const second = new HandshakeChannel(
    await dialSocket('127.0.0.1', port),
    () => {},
    (error) => settle(error),
    () => {},
  );
  t.equal(second.write(data), false);
  while (accepted.length < 2) await delay(5);
  accepted[1]?.resetAndDestroy();
  t.match(await failed, { code: /ECONNRESET|EPIPE/, syscall: 'send' });
  t.throws(() => second.write(data), { code: /ECONNRESET|EPIPE/ });
  second.close();
  t.throws(() => second.drain(), { code: 'EBADF' });
  t.equal(second.release(), -1);
});
