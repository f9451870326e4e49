// relay(): two sockets are taken out of Node, and what passes between them is whole.
import { once } from 'node:events';
import { TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';

import { native } from '../../lib/native';
import { relay } from '../../lib/relay';
import { until } from '../helpers/until';
import { watchDescriptor } from '../helpers/watch-descriptor';
import { descriptorOf } from './ends';
import { closing, dial, hash, MODES, pair, randomBytes, readAll, readBytes, run } from './support';

async function relayed(t: Test, options: Parameters<typeof relay>[2] = {}) {
  const a = await pair(t);
  const b = await pair(t);
  const handle = relay(a.near, b.near, options);
  return { handle, a: a.far, b: b.far, nearA: a.near, nearB: b.near };
}

for (const mode of MODES) {
  t.test(`${mode}: bytes pass both ways at once, and each end ends its own direction`, async (t) => {
    const { handle, a, b } = await relayed(t, { mode });
    const there = randomBytes(6_000_000);
    const back = randomBytes(2_000_000);
    a.end(there);
    b.end(back);
    const [atB, atA] = await Promise.all([readAll(b), readAll(a)]);
    t.equal(hash(atB), hash(there));
    t.equal(hash(atA), hash(back));
    const result = await handle;
    t.match(result, { bytesAtoB: there.length, bytesBtoA: back.length });
    t.equal(result.aToB.copied + result.aToB.spliced + result.aToB.mapped, there.length);
    t.ok(result.reason.length > 0);
    t.ok(result.durationMs > 0);
  });

  t.test(`${mode}: what Node had read, and what was written but not sent, goes first`, async (t) => {
    const a = await pair(t);
    const b = await pair(t);
    const early = randomBytes(40_000);
    a.far.write(early);
    a.near.resume();
    a.near.once('data', (chunk) => {
      a.near.pause();
      a.near.unshift(chunk);
    });
    await until(() => a.near.readableLength > 0, 'Node read the first bytes');
    const greeting = randomBytes(20_000_000);
    a.near.write(greeting);
    t.ok(a.near.writableLength > 0, 'more than the kernel takes');
    const handle = relay(a.near, b.near, { mode });
    const late = randomBytes(300_000);
    a.far.end(late);
    b.far.end('bye');
    const [atB, atA] = await Promise.all([readAll(b.far), readAll(a.far)]);
    t.equal(hash(atB), hash(Buffer.concat([early, late])));
    t.equal(hash(atA), hash(Buffer.concat([greeting, Buffer.from('bye')])));
    t.match(await handle, { bytesAtoB: 340_000, bytesBtoA: 3 });
  });
}

t.test('a request and its answer pass while the relay runs, and the counters show it', async (t) => {
  const { handle, a, b, nearA, nearB } = await relayed(t);
  await until(() => nearA.destroyed && nearB.destroyed, 'Node gave its sockets up');
  a.write('question');
  t.equal((await readBytes(b, 8)).toString(), 'question');
  b.write('answer');
  t.equal((await readBytes(a, 6)).toString(), 'answer');
  // A byte is counted when it has been sent: the peer may have it a moment earlier.
  await until(() => handle.bytesBtoA > 0, 'the answer is counted');
  t.equal(handle.bytesAtoB, 8);
  t.equal(handle.bytesBtoA, 6);
  t.equal(handle.mode, 'copy');
  t.match(handle.reason, /small/);
  handle.abort();
  await t.rejects(handle, { name: 'AbortError', code: 'ABORT_ERR' });
});

t.test('auto turns to splice for bulk, and says why', async (t) => {
  const { handle, a, b } = await relayed(t);
  a.end(Buffer.alloc(64 << 20));
  b.end();
  a.resume();
  t.equal((await readAll(b)).length, 64 << 20);
  const { aToB, mode, reason } = await handle;
  t.equal(mode, 'splice');
  t.ok(aToB.spliced > aToB.copied);
  t.match(aToB, { mode: 'splice', modeChanges: 1 });
  t.match(reason, /large/);
});

t.test('descriptors are taken as well, and closed', async (t) => {
  const a = await pair(t);
  const b = await pair(t);
  const [first, second] = [descriptorOf(a.near), descriptorOf(b.near)];
  const watched = [first, second].map(watchDescriptor);
  const handle = relay(first, second);
  a.far.end('there');
  b.far.end('back');
  t.equal((await readAll(b.far)).toString(), 'there');
  t.equal((await readAll(a.far)).toString(), 'back');
  await handle;
  t.notOk(watched.some((isOpen) => isOpen()));
});

t.test('a reset on one side is a reset on the other, and an error with the side', async (t) => {
  const { handle, a, b } = await relayed(t);
  a.write('x');
  await readBytes(b, 1);
  const other = closing(b);
  a.resetAndDestroy();
  await t.rejects(handle, { name: 'KtlsError', code: 'ECONNRESET', syscall: 'read' });
  t.equal(handle.failedSide, 'a');
  t.equal(handle.bytesAtoB, 1);
  t.equal(await other, 'ECONNRESET');
});

t.test('abort by a signal resets both sides, before the start too', async (t) => {
  for (const early of [true, false]) {
    const controller = new AbortController();
    if (early) controller.abort(new Error('enough'));
    const { handle, a, b } = await relayed(t, { signal: controller.signal });
    if (!early) {
      a.write('x');
      await readBytes(b, 1);
      controller.abort(new Error('enough'));
    }
    await t.rejects(handle, { name: 'AbortError', cause: { message: 'enough' } });
    t.same(await Promise.all([closing(a), closing(b)]), ['ECONNRESET', 'ECONNRESET']);
  }
});

t.test('await using ends the relay with its scope', async (t) => {
  const { handle, a } = await relayed(t);
  await handle[Symbol.asyncDispose]();
  await t.rejects(handle, { name: 'AbortError' });
  t.equal(await closing(a), 'ECONNRESET');
});

t.test('limits of time end the relay with a code', async (t) => {
  const idle = await relayed(t, { idleTimeout: 30 });
  await t.rejects(idle.handle, { code: 'ERR_KTLS_IDLE_TIMEOUT' });
  const total = await relayed(t, { timeout: 30 });
  await t.rejects(total.handle, { code: 'ERR_KTLS_TIMEOUT' });
  t.equal(await closing(total.b), 'ECONNRESET');
});

t.test('sockmap tears down above its backlog limit', async (t) => {
  const { handle, a } = await relayed(t, { mode: 'sockmap', backlogLimit: 8 << 20 });
  const flood = () => {
    while (!a.destroyed && a.write(Buffer.alloc(1 << 20)));
  };
  a.on('drain', flood);
  flood();
  await t.rejects(handle, { code: 'ERR_KTLS_RELAY_BACKLOG' });
  t.equal(native().sockmapSupport().entries, 0);
});

t.test('sockmap without its privileges is an error with a code, or falls back with the reason', async (t) => {
  const script = `
    const { relay } = require('./dist/relay.js');
    const net = require('node:net');
    const host = '127.0.0.1';
    const server = net.createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0, host, () => {
      const { port } = server.address();
      const front = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (near) => {
        const far = net.connect(port, host);
        relay(near, far, { mode: 'sockmap', fallback: process.argv[1] === 'fallback' }).then(
          (result) => result,
          (error) => ({ code: error.code, errno: error.errno }),
        ).then((outcome) => process.stdout.write(JSON.stringify(outcome), () => process.exit()));
      }).listen(0, host, () => net.connect(front.address().port, host).resume().on('error', () => {}));
    });`;
  // Without what tap tells Node: to write into the repository, which this user may not.
  const unprivileged = ['--reuid=65534', '--regid=65534', '--clear-groups', 'env', '-u', 'NODE_OPTIONS'];
  const drop = [...unprivileged, process.execPath, '-e', script];
  const strict = await run('setpriv', drop);
  t.match(strict, { status: 0, stderr: '' });
  t.match(JSON.parse(strict.stdout.toString()), { code: 'ERR_KTLS_SOCKMAP_UNAVAILABLE', errno: 1 });
  const lenient = await run('setpriv', [...drop, 'fallback']);
  const result = JSON.parse(lenient.stdout.toString());
  t.match(result, { mode: 'copy', bytesBtoA: 5 });
  t.match(result.reason, /CAP_BPF/);
});

t.test('what cannot be relayed is refused before anything is taken', async (t) => {
  const a = await pair(t);
  const b = await pair(t);
  const refused = (name: string, ...args: unknown[]) =>
    t.throws(() => relay(...(args as Parameters<typeof relay>)), { code: 'ERR_KTLS_INVALID_OPTION' }, name);
  refused('no socket', {}, b.near);
  refused('a negative descriptor', a.near, -1);
  refused('descriptors that no int holds', 2 ** 32 + 1_000_000, 2 ** 33 + 1_000_001);
  refused('a connection with itself', a.near, a.near);
  refused('a descriptor with itself', 0, 0);
  refused('a TLSSocket', a.near, new TLSSocket(b.near));
  refused('a mode that is none', a.near, b.near, { mode: 'fast' });
  refused('a time that is none', a.near, b.near, { idleTimeout: -1 });
  refused('a signal that is none', a.near, b.near, { signal: 'stop' });
  a.near.setEncoding('utf8');
  refused('a socket with an encoding', a.near, b.near);
  b.near.end();
  refused('a socket that was ended', b.near, b.near);
  b.near.destroy();
  refused('a destroyed socket', b.near, b.near);
});

t.test('a descriptor that is no connected socket fails the relay, and both are closed', async (t) => {
  const { near, far } = await pair(t);
  const { fd } = (near as unknown as { _handle: { fd: number } })._handle;
  const watched = [fd, 0].map(watchDescriptor);
  await t.rejects(relay(near, 0), { code: 'ENOTSOCK' });
  t.equal(await closing(far), 'ECONNRESET', 'no descriptor of the connection is left');
  t.notOk(watched.some((isOpen) => isOpen()));
});

t.test('a relay that does not come about is a reset for the peer that is well', async (t) => {
  for (const failing of ['a', 'b'] as const) {
    for (const descriptor of [false, true]) {
      const well = await pair(t);
      const ill = await pair(t);
      well.near.write('half an ans');
      await readBytes(well.far, 11);
      const near = descriptor ? descriptorOf(well.near) : well.near;
      ill.far.pause();
      ill.near.write(Buffer.alloc(20 << 20));
      // It waits for what was written to the other.
      const handle = failing === 'a' ? relay(ill.near, near) : relay(near, ill.near);
      ill.far.resetAndDestroy();
      await t.rejects(handle, { code: /ECONNRESET|EPIPE/ });
      t.equal(await closing(well.far), 'ECONNRESET', `the other is ${failing}`);
    }
  }
});

t.test('so is one for which there are no descriptors or threads', async (t) => {
  // Each with one more descriptor free than the last, until all that a relay opens can be opened.
  const script = `
    const { relay } = require('./dist/relay.js');
    const { openSync, closeSync } = require('node:fs');
    const net = require('node:net');
    const pair = () => new Promise((resolve) => {
      let far;
      const server = net.createServer({ pauseOnConnect: true }, (near) => resolve({ near, far }) || server.close());
      server.listen(0, '127.0.0.1', () => { far = net.connect(server.address().port, '127.0.0.1'); });
    });
    const ends = ({ far }) => new Promise((resolve) => {
      far.on('error', (error) => resolve(error.code)).on('end', () => resolve('end')).resume();
    });
    require('./dist/native.js').native();
    (async () => {
      const seen = [];
      for (let free = 0; ; free++) {
        const [a, b] = [await pair(), await pair()];
        const held = [];
        try { for (;;) held.push(openSync('/dev/null')); } catch {}
        for (const fd of held.splice(0, free)) closeSync(fd);
        const seenBy = [ends(a), ends(b)];
        const handle = relay(a.near, b.near);
        const failed = handle.then(() => 'ok', ({ code }) => code);
        const code = await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 300, 'runs'))]);
        for (const fd of held) closeSync(fd);
        if (code === 'runs') break;
        seen.push(code, ...(await Promise.all(seenBy)));
      }
      process.stdout.write(JSON.stringify(seen), () => process.exit());
    })();`;
  const { status, stdout, stderr } = await run('sh', [
    '-c',
    'ulimit -n 100; exec "$0" -e "$1"',
    process.execPath,
    script,
  ]);
  t.match({ status, stderr }, { status: 0, stderr: '' });
  const seen = JSON.parse(stdout.toString());
  t.ok(seen.length > 6);
  t.same([...new Set(seen)].sort(), ['ECONNRESET', 'EMFILE']);
});

t.test('a worker that is terminated ends its relays; the process goes on', async (t) => {
  const { near, far } = await pair(t);
  const other = await pair(t);
  const fds = [near, other.near].map(descriptorOf);
  const worker = new Worker(
    `const { relay } = require('./dist/relay.js');
     const { parentPort, workerData } = require('node:worker_threads');
     relay(...workerData).catch(() => {});
     setImmediate(() => parentPort.postMessage('running'));`,
    { eval: true, workerData: fds },
  );
  await once(worker, 'message');
  far.write('x');
  await readBytes(other.far, 1);
  await worker.terminate();
  t.equal(await closing(far), 'ECONNRESET');
});

t.test('a running relay keeps the process alive, an ended one does not; exit does not hang', async (t) => {
  const script = `
    const { relay } = require('./dist/relay.js');
    const net = require('node:net');
    const ends = [];
    const host = '127.0.0.1';
    const server = net.createServer((socket) => socket.pause().on('error', () => {})).listen(0, host, () => {
      const { port } = server.address();
      for (const _ of [1, 2]) net.connect(port, host, function () {
        if (ends.push(this) < 2) return;
        const handle = relay(...ends);
        handle.catch((error) => console.log(error.code));
        if (process.argv[1] === 'exit') setTimeout(() => process.exit(7), 50);
        else setTimeout(() => { console.log('still there'); handle.abort(); }, 50).unref();
      });
    });
    let accepted = 0;
    server.on('connection', (socket) => {
      socket.unref();
      if (++accepted === 2) server.close();
    });`;
  const ended = await run(process.execPath, ['-e', script]);
  t.match(ended, { status: 0 });
  t.equal(ended.stdout.toString(), 'still there\nABORT_ERR\n');
  t.match(await run(process.execPath, ['-e', script, 'exit']), { status: 7 });
});

/** Two peers with an event loop of their own: one sends so many bytes, and `arrived` tells that the other has them. */
const PEERS = `
  const { createServer } = require('node:net');
  const { parentPort, workerData: { bytes, arrived } } = require('node:worker_threads');
  const ends = [];
  let left = bytes;
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', (chunk) => {
      left -= chunk.length;
      if (left > 0) return;
      Atomics.store(arrived, 0, 1);
      Atomics.notify(arrived, 0);
    });
    if (ends.push(socket) === 2) parentPort.postMessage('both');
  });
  parentPort.on('message', () => ends[0].write(Buffer.alloc(bytes)));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;

t.test('time passes for everybody else: the event loop does nothing for the bytes that move', async (t) => {
  const bytes = 64 << 20;
  const arrived = new Int32Array(new SharedArrayBuffer(4));
  const peers = new Worker(PEERS, { eval: true, workerData: { bytes, arrived } });
  t.teardown(() => peers.terminate());
  const [port] = await once(peers, 'message');
  const both = once(peers, 'message');
  const [a, b] = [await dial(t, port), await dial(t, port)];
  await both;
  const handle = relay(a, b);
  await until(() => a.destroyed && b.destroyed, 'Node gave its sockets up');
  peers.postMessage('go');
  // Holds this thread, and with it the loop, until the last byte is with the other peer.
  t.not(Atomics.wait(arrived, 0, 0, 240_000), 'timed-out');
  handle.abort();
  await t.rejects(handle, { name: 'AbortError' });
});
