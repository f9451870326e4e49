// Transfers and the process around them: several at once, a hundred in a row, a worker that is terminated, an exit in
// the middle, and an event loop that stays free.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t from 'tap';

import { createReceiver, generateSecret, sendTree } from '../../lib/index';
import type { IncomingTransfer } from '../../types/index';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { HoldingProxy } from '../helpers/holding-proxy';
import { namesBelow, temporaryNames } from '../helpers/names-below';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';

const folder = temporaryFolder(t);
const secret = generateSecret();
const host = '127.0.0.1';
const PACKAGE = join(__dirname, '..', '..', 'dist', 'index.js');
const source = join(folder, 'source');
makeDataset(source, { files: 300, bytes: 4_000_000 });
const LARGE = 120 << 20;
const large = join(folder, 'large');
mkdirSync(large);
writeFileSync(join(large, 'file'), Buffer.alloc(LARGE, 'content '));

t.test('several transfers at once in one process, both ends of each', async (t) => {
  const roots = [0, 1, 2, 3].map((index) => join(folder, `at once ${index}`));
  await Promise.all(roots.map((root) => transfer(source, root, { secret, connections: 3 }, { secret })));
  for (const root of roots) {
    t.same(compareTrees(source, root), []);
    rmSync(root, { recursive: true });
  }
});

t.test('a hundred transfers in a row leave no descriptor, thread or memory behind', async (t) => {
  const tiny = join(folder, 'tiny');
  mkdirSync(tiny);
  for (let index = 0; index < 20; index += 1) writeFileSync(join(tiny, `${index}`), `${index}`);
  writeFileSync(join(tiny, 'blocks'), Buffer.alloc(300_000));
  const root = join(folder, 'row');
  const receiver = createReceiver({ root, secret });
  const { port } = await receiver.listen({ port: 0, host });
  const options = { secret, connections: 2, blockThreshold: 100_000 };
  const count = () => ({
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    memory: Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * 4096,
  });
  const some = async (times: number) => {
    for (let index = 0; index < times; index += 1) {
      // Every third one is aborted, at another moment each.
      const sending = sendTree(tiny, `${host}:${port}/${index % 2 === 0 ? 'a' : `new ${index}`}`, options);
      if (index % 3 === 0) {
        await delay(index % 9);
        sending.cancel();
      }
      await sending.catch(() => {});
      await sending[Symbol.asyncDispose]();
    }
    await Promise.all(receiver.transfers.map((each) => each[Symbol.asyncDispose]()));
    await delay(100);
  };
  await some(20);
  const before = count();
  await some(100);
  let after = count();
  // The receiver may still have to see that the last one, which was aborted, is gone.
  const left = () => after.descriptors > before.descriptors + 3 || after.threads > before.threads;
  for (let waits = 0; waits < 1000 && left(); waits += 1) {
    await delay(100);
    after = count();
  }
  t.ok(
    after.descriptors <= before.descriptors + 3,
    `descriptors: ${before.descriptors}, ${after.descriptors}`,
  );
  t.ok(after.threads <= before.threads, `threads: ${before.threads}, ${after.threads}`);
  const grown = (after.memory - before.memory) / 2 ** 20;
  t.ok(grown < 100, `memory: ${grown.toFixed(0)} MiB more`);
  await receiver.close();
  t.same(temporaryNames(root), []);
});

/** Both ends in one environment, and a proxy between them that lets no more pass than this; then `then`. */
const midway = (root: string, then: string) => `
  const { once } = require('node:events');
  const { connect, createServer } = require('node:net');
  const { createReceiver, sendTree } = require(${JSON.stringify(PACKAGE)});
  const receiver = createReceiver({ root: ${JSON.stringify(root)}, secret: '${secret}' });
  receiver.listen({ port: 0, host: '${host}' }).then(async ({ port }) => {
    let left = 10_000_000;
    const proxy = createServer((down) => {
      const up = connect(port, '${host}');
      for (const socket of [down, up]) socket.on('error', () => {});
      up.pipe(down);
      down.on('data', (data) => {
        up.write(data);
        left -= data.length;
        if (left <= 0) down.pause();
      });
    }).listen(0, '${host}');
    await once(proxy, 'listening');
    const target = '${host}:' + proxy.address().port + '/in';
    sendTree(${JSON.stringify(large)}, target, { secret: '${secret}' }).catch(() => {});
    while (left > 0) await new Promise(setImmediate);
    ${then}
  });`;

t.test('a worker that is terminated midway takes its transfer along, and nothing else', async (t) => {
  const root = join(folder, 'worker');
  for (let index = 0; index < 3; index += 1) {
    const worker = new Worker(
      midway(root, "require('node:worker_threads').parentPort.postMessage('midway')"),
      {
        eval: true,
      },
    );
    await once(worker, 'message');
    await worker.terminate();
    t.same(namesBelow(root), [], 'nothing of it is left');
  }
  const after = join(folder, 'after');
  await transfer(source, after, { secret }, { secret });
  t.same(compareTrees(source, after), [], 'the process goes on');
  rmSync(after, { recursive: true });
});

t.test('where no thread can be made that is an error of the transfer, and the process goes on', async (t) => {
  const root = join(folder, 'no thread');
  // A thread's stack would be larger than what addresses are left. libuv makes its own threads before.
  const script = `
    const { execFileSync } = require('node:child_process');
    const { readFileSync, promises } = require('node:fs');
    const { createReceiver, sendTree } = require(${JSON.stringify(PACKAGE)});
    const addresses = (most) => execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + most + ':unlimited']);
    const send = (to) => sendTree(${JSON.stringify(source)}, to, { secret: '${secret}' });
    (async () => {
      await Promise.all(Array.from({ length: 8 }, () => promises.stat('/')));
      const receiver = createReceiver({ root: ${JSON.stringify(root)}, secret: '${secret}' });
      receiver.on('connectionError', () => {});
      const { port } = await receiver.listen({ port: 0, host: '${host}' });
      const kib = /VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
      addresses(Number(kib) * 1024 + ${64 << 20});
      const { code, syscall } = await send('${host}:' + port + '/in').catch((error) => error);
      addresses('unlimited');
      const { files } = await send('${host}:' + port + '/in');
      await receiver.close();
      console.log(JSON.stringify({ code, syscall, files }));
    })();`;
  const { stdout, stderr } = spawnSync('prlimit', [`--stack=${128 << 20}`, process.execPath, '-e', script], {
    encoding: 'utf8',
  });
  t.same(stdout && JSON.parse(stdout), { code: 'EAGAIN', syscall: 'pthread_create', files: 300 }, stderr);
  rmSync(root, { recursive: true });
});

t.test('process.exit midway: the exit code it was given, and nothing left', async (t) => {
  const root = join(folder, 'exit');
  for (const leave of ['process.exit(7)', 'setTimeout(() => process.exit(7), 20)']) {
    const { status, signal, stderr } = spawnSync(process.execPath, ['-e', midway(root, leave)], {
      encoding: 'utf8',
    });
    t.match({ status, signal, stderr }, { status: 7, signal: null, stderr: '' });
    t.same(namesBelow(root), []);
  }
});

t.test('an uncaught exception midway ends the process as ever', async (t) => {
  const child = spawn(process.execPath, [
    '-e',
    midway(join(folder, 'throw'), "throw new Error('on purpose')"),
  ]);
  child.stderr.resume();
  const [status] = await once(child, 'exit');
  t.equal(status, 1);
  t.equal(existsSync(join(folder, 'throw', 'in')), false);
});

t.test('an abort at any moment, at either end', async (t) => {
  for (let index = 0; index < 16; index += 1) {
    const root = join(folder, `abort ${index}`);
    const atSender = index % 2 === 0;
    const abort = new AbortController();
    const receiver = createReceiver({ root, secret });
    const begun = new Promise<{ incoming: IncomingTransfer }>((resolve) =>
      receiver.once('transfer', (incoming) => resolve({ incoming })),
    );
    const { port } = await receiver.listen({ port: 0, host });
    // At the least, until both ends have begun.
    const proxy = await HoldingProxy.open(t, port, Math.max(1 << 16, (index / 16) * LARGE));
    const options = { secret, connections: 3, blockThreshold: 4 << 20, signal: abort.signal };
    const sending = sendTree(large, `${host}:${proxy.port}`, options);
    const sent: Promise<unknown> = sending.catch((error) => error);
    await proxy.held;
    const { incoming } = await begun;
    const received: Promise<unknown> = incoming.catch((error) => error);
    if (atSender) abort.abort();
    else incoming.cancel();
    proxy.letGo();
    const [atEnd, atOther] = atSender ? [sent, received] : [received, sent];
    t.match(await atEnd, { name: 'AbortError', code: 'ABORT_ERR' });
    t.match(((await atOther) as { code: string }).code, /^(ERR_KTLS_|ECONNRESET|EPIPE|ABORT_ERR)/);
    await sending[Symbol.asyncDispose]();
    await receiver.close({ abort: true });
    t.same(namesBelow(root), []);
  }
});

t.test('the event loop stays free', async (t) => {
  const file = join(source, 'hard link 0');
  /** Milliseconds: how late a timer is and how long readFile takes, at the 90th percentile of many. */
  const measure = async (until: Promise<unknown>) => {
    const late: number[] = [];
    const reads: number[] = [];
    let running = true;
    until.finally(() => {
      running = false;
    });
    while (running) {
      const start = performance.now();
      await delay(5);
      late.push(performance.now() - start - 5);
      const before = performance.now();
      await readFile(file);
      reads.push(performance.now() - before);
    }
    const high = (values: number[]) =>
      values.sort((a, b) => a - b)[Math.floor(values.length * 0.9)] as number;
    return { late: high(late), reads: high(reads) };
  };
  const root = join(folder, 'free');
  const kinds = ['late', 'reads'] as const;
  const said: string[] = [];
  // What else the machine does may hold the loop up for a while, but a transfer that did would do it each time.
  let free = false;
  for (let tries = 0; tries < 8 && !free; tries += 1) {
    // Several, so that it lasts: the machine's cores are busy then, and the loop has to share them.
    const both = (async () => {
      for (const name of ['a', 'b', 'c']) await transfer(large, join(root, name), { secret }, { secret });
    })();
    const busy = await measure(both);
    rmSync(root, { recursive: true });
    const idle = await measure(delay(500));
    said.push(kinds.map((what) => `${what}: ${busy[what].toFixed(1)}, idle ${idle[what].toFixed(1)}`).join());
    free = kinds.every((what) => busy[what] < idle[what] * 10 + 50);
  }
  t.ok(free, `milliseconds: ${said.join('; ')}`);
});
