// A transfer handle: awaitable, iterable, cancellable, disposable; with a transfer that is made of
// promises only, so that every moment can be arranged.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

import { AbortError } from '../../lib/errors';
import { Transfer, type TransferContext } from '../../lib/transfer-handle';
import type { Progress, TransferResult } from '../../types/index';

const result = { files: 1, bytes: 5 } as TransferResult;
const failure = new Error('it failed');

function progress(files: number): Progress {
  return {
    files,
    directories: 0,
    bytes: files * 5,
    filesTotal: 9,
    bytesTotal: 45,
    totalsFinal: true,
    currentPath: '',
    currentPathBuffer: Buffer.alloc(0),
  };
}

/** A transfer whose end the test decides. */
function controlled(signal?: AbortSignal) {
  let files = 0;
  let context: TransferContext | undefined;
  let succeed: (result: TransferResult) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const transfer = new Transfer((given) => {
    context = given;
    given.running(() => progress(files));
    return new Promise((resolve, reject) => {
      succeed = resolve;
      fail = reject;
    });
  }, signal);
  return {
    transfer,
    context: () => context as TransferContext,
    advance: () => ++files,
    succeed: () => succeed(result),
    fail: (error: unknown = failure) => fail(error),
  };
}

t.test('await gives the result, then, catch and finally chain', async (t) => {
  const { transfer, succeed } = controlled();
  let ended = 0;
  const chained = transfer.finally(() => ended++).then(({ files }) => files + 1);
  succeed();
  t.equal(await transfer, result);
  t.equal(await chained, 2);
  t.equal(ended, 1);
  const failed = controlled();
  failed.fail();
  t.equal(await failed.transfer.catch((error) => error), failure);
});

t.test('iteration shows progress, the last state always, and then ends', async (t) => {
  const { transfer, advance, succeed } = controlled();
  const seen: number[] = [];
  for await (const { files } of transfer) {
    seen.push(files);
    if (seen.length === 2) {
      for (let count = 0; count < 7; count++) advance();
      succeed();
    } else {
      advance();
    }
  }
  t.same(seen.slice(-1), [8], 'the last state');
  t.same(
    seen,
    [...seen].sort((a, b) => a - b),
    'in order',
  );
  t.equal(await transfer, result);
});

t.test('a transfer that ends at once still delivers its last state', async (t) => {
  const transfer = new Transfer(async (context) => {
    context.running(() => progress(3));
    return result;
  });
  const seen: number[] = [];
  for await (const { files } of transfer) seen.push(files);
  t.same(seen, [3]);
  const again: number[] = [];
  for await (const { files } of transfer) again.push(files);
  t.same(again, [3], 'an iterator that comes late gets it, too');
});

t.test('a slow consumer gets the newest state, nothing queues', async (t) => {
  const { transfer, advance, succeed } = controlled();
  const seen: number[] = [];
  for await (const { files } of transfer) {
    seen.push(files);
    if (seen.length > 1) continue;
    for (let count = 0; count < 5; count++) {
      advance();
      await new Promise((resolve) => setTimeout(resolve, 110)); // longer than the interval of states
    }
    succeed();
  }
  t.equal(seen.at(-1), 5);
  t.ok(seen.length <= 3, 'the first, the newest when it came back, the last', { seen });
});

t.test('several iterators, each at its own pace; leaving one early ends only that', async (t) => {
  const { transfer, advance, succeed } = controlled();
  for await (const _ of transfer) break;
  t.equal(transfer.progress()?.files, 0, 'it still runs');
  const both = [0, 1].map(async () => {
    const seen: number[] = [];
    for await (const { files } of transfer) seen.push(files);
    return seen.at(-1);
  });
  advance();
  succeed();
  t.same(await Promise.all(both), [1, 1]);
});

t.test('iteration throws what the transfer failed with, after the last state', async (t) => {
  const { transfer, advance, fail } = controlled();
  const seen: number[] = [];
  advance();
  fail();
  const iterate = async () => {
    for await (const { files } of transfer) seen.push(files);
  };
  await t.rejects(iterate(), failure);
  t.same(seen, [1]);
  const iterator = transfer[Symbol.asyncIterator]();
  await iterator.next();
  await t.rejects(iterator.next(), failure);
  t.same(await iterator.next(), { value: undefined, done: true }, 'and once only');
});

t.test('next() may be called ahead of the states', async (t) => {
  const { transfer, succeed } = controlled();
  const iterator = transfer[Symbol.asyncIterator]();
  const waiting = [iterator.next(), iterator.next(), iterator.next()];
  succeed();
  const states = await Promise.all(waiting);
  t.same(
    states.map(({ done }) => done),
    [false, true, true],
  );
});

t.test('progress() is null before it runs, and keeps the last state', async (t) => {
  let run: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    run = resolve;
  });
  const transfer = new Transfer(async (context) => {
    await started;
    context.running(() => progress(4));
    return result;
  });
  t.equal(transfer.progress(), null);
  run();
  await transfer;
  t.equal(transfer.progress()?.files, 4);
});

t.test('a signal rejects with AbortError whose cause is its reason', async (t) => {
  const abort = new AbortController();
  const { transfer, context, fail } = controlled(abort.signal);
  context().signal.addEventListener('abort', () => fail(new Error('what an aborted call happens to throw')));
  const reason = new Error('enough');
  abort.abort(reason);
  const error = await transfer.catch((error) => error);
  t.match(error, { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
  t.ok(error instanceof AbortError);
});

t.test('an abort is answered also while the work cleans up; disposal waits for its end', async (t) => {
  const { transfer, fail } = controlled();
  transfer.cancel('why');
  t.match(await transfer.catch((error) => error), { name: 'AbortError', cause: 'why' });
  let disposed = false;
  const disposal = transfer[Symbol.asyncDispose]().then(() => {
    disposed = true;
  });
  await new Promise(setImmediate);
  t.notOk(disposed);
  fail();
  await disposal;
});

t.test('an aborted signal starts nothing', async (t) => {
  let started = false;
  const transfer = new Transfer(async () => {
    started = true;
    return result;
  }, AbortSignal.abort('before'));
  t.match(await transfer.catch((error) => error), { name: 'AbortError', cause: 'before' });
  t.notOk(started);
});

t.test('cancel() after the end, and twice, does nothing; a late abort neither', async (t) => {
  const abort = new AbortController();
  const { transfer, succeed, context } = controlled(abort.signal);
  succeed();
  await transfer;
  transfer.cancel();
  abort.abort();
  t.equal(await transfer, result);
  t.notOk(context().signal.aborted);
  const twice = controlled();
  twice.transfer.cancel('first');
  twice.transfer.cancel('second');
  t.match(await twice.transfer.catch((error) => error), { cause: 'first' });
});

t.test('iteration of a cancelled transfer throws AbortError', async (t) => {
  const { transfer } = controlled();
  setImmediate(() => transfer.cancel());
  const iterate = async () => {
    for await (const _ of transfer);
  };
  await t.rejects(iterate(), { name: 'AbortError' });
});

t.test(
  'a failure nobody hears of is an unhandled rejection; one that is iterated or disposed is none',
  async (t) => {
    const run = (use: string) =>
      spawnSync(
        process.execPath,
        [
          '-e',
          `const { Transfer } = require(${JSON.stringify(join(__dirname, '../../dist/transfer-handle.js'))});
         const transfer = new Transfer(async () => { throw new Error('unheard') });
         ${use}`,
        ],
        { encoding: 'utf8' },
      );
    t.match(run(''), { status: 1, stderr: /unheard/ });
    const iterated =
      '(async () => { try { for await (const _ of transfer); } catch { console.log("heard") } })()';
    t.match(run(iterated), { status: 0, stdout: 'heard\n', stderr: '' });
    t.match(run('transfer[Symbol.asyncDispose]()'), { status: 0, stderr: '' });
    t.match(run('transfer.markHandled()'), { status: 0, stderr: '' });
  },
);
