// A program that transfers or shrinks the memory of a write before the write is done: what native code reads there
// would be nobody's, or somebody else's.
import t from 'tap';

import type { KtlsSocket } from '../../lib/index';
import { placements } from '../helpers/guest';
import { collect, credentials, failure, pair } from './support';

const trust = credentials(t);
const MIB = 1024 * 1024;

/** As ArrayBuffer.prototype.transfer(), which Node 20 does not have; what it returns keeps the memory. */
const transfer = (memory: ArrayBuffer) => structuredClone(memory, { transfer: [memory] });

type Resizable = ArrayBuffer & { resize(length: number): void };
const resizable = (bytes: number) =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: bytes }]) as Resizable;

/** Writes until a write has to wait for the peer, which does not read: its memory, and how it ends. */
async function waiting<Memory extends ArrayBuffer>(
  client: KtlsSocket,
  make: () => Memory,
  pieceLength = Number.POSITIVE_INFINITY,
) {
  for (;;) {
    const memory = make();
    const content = Buffer.from(memory).fill('a');
    let done = false;
    const outcome = new Promise<Error | null | undefined>((resolve) => {
      client.cork();
      for (let at = 0; at < content.length; at += pieceLength) {
        const end = Math.min(content.length, at + pieceLength);
        client.write(content.subarray(at, end), end === content.length ? resolve : undefined);
      }
      client.uncork();
    });
    outcome.then(() => {
      done = true;
    });
    for (let turns = 0; turns < 200 && !done; turns++) await new Promise(setImmediate);
    if (!done) return { memory, outcome };
  }
}

for (const kernel of placements) {
  t.test(`kernel: '${kernel}'`, async (t) => {
    const open = async () => {
      const { client, server } = await pair(t, trust, { kernel }, { kernel });
      server.pause();
      client.on('error', () => {});
      server.on('error', () => {});
      return { client, server };
    };
    const small = MIB - 100_000;

    t.test('a write that waits on the event loop fails', async (t) => {
      const { client, server } = await open();
      const { memory, outcome } = await waiting(client, () => new ArrayBuffer(small));
      transfer(memory);
      server.resume();
      t.match(await outcome, { code: 'EFAULT', syscall: 'write' });
      t.match(await failure(client), { code: 'EFAULT' });
      t.match(await failure(server), { code: 'ERR_KTLS_TRUNCATED' });
    });

    t.test('so does one of memory that shrinks', async (t) => {
      const { client, server } = await open();
      const { memory, outcome } = await waiting(client, () => resizable(small));
      memory.resize(0);
      server.resume();
      t.match(await outcome, { code: 'EFAULT' });
    });

    t.test('so does one on a thread, when that is done', async (t) => {
      const { client, server } = await open();
      const { memory, outcome } = await waiting(client, () => new ArrayBuffer(8 * MIB));
      const moved = transfer(memory);
      server.resume();
      t.match(await outcome, { code: 'EFAULT', syscall: 'write' });
      t.equal(moved.byteLength, 8 * MIB);
    });

    for (const [what, make, pieceLength] of [
      ['many short chunks', () => resizable(small), 1000],
      ['many short chunks on a thread', () => resizable(8 * MIB), 1000],
      ['resizable memory on a thread', () => resizable(8 * MIB), undefined],
    ] as const) {
      t.test(`of ${what} there is a copy`, async (t) => {
        const { client, server } = await open();
        const { memory, outcome } = await waiting(client, make, pieceLength);
        memory.resize(0);
        client.end();
        const collected = collect(server);
        server.resume();
        const received = await collected;
        t.notOk(await outcome);
        t.equal(client.bytesWritten, received.length);
        t.ok(received.equals(Buffer.alloc(received.length, 'a')));
      });
    }
  });
}
