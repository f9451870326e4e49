// A KtlsSocket is a stream as tls.TLSSocket is: bytes, ends, events, backpressure.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';

import { connect } from '../../lib/index';
import { holdTimeouts } from '../helpers/timeouts';
import { until } from '../helpers/until';
import { collect, credentials, failure, listen, PATIENCE_MS, pair, take } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;

for (const cipher of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
  t.test(`bytes arrive as they were written, both ways at once, with ${cipher}`, async (t) => {
    const { client, server } = await pair(t, trust, {}, { ciphers: cipher });
    t.equal(client.record.cipher, cipher);
    t.equal(client.getCipher().name, cipher);
    const [up, down] = [randomBytes(5_000_003), randomBytes(3_000_017)];
    client.end(up);
    server.end(down);
    const [atServer, atClient] = await Promise.all([collect(server), collect(client)]);
    t.ok(atServer.equals(up));
    t.ok(atClient.equals(down));
    t.equal(client.bytesWritten, up.length);
    t.equal(client.bytesRead, down.length);
    t.equal(server.bytesWritten, down.length);
  });
}

t.test('writes of every size, corked or not, keep their order', async (t) => {
  const { client, server } = await pair(t, trust);
  const expected: Buffer[] = [];
  const write = (size: number) => {
    const chunk = randomBytes(size);
    expected.push(chunk);
    client.write(chunk);
  };
  for (const size of [1, 0, 16_383, 16_384, 16_385, 200_000, 1_048_576, 2_500_000, 3]) write(size);
  client.cork();
  for (let index = 0; index < 500; index++) write((index * 37) % 3000);
  client.uncork();
  client.end('tëxt', 'utf8');
  expected.push(Buffer.from('tëxt'));
  const all = Buffer.concat(expected);
  t.ok((await collect(server)).equals(all));
  t.equal(client.bytesWritten, all.length);
});

t.test(
  'a client emits connect, ready and secureConnect once and in order, after connect() resolved',
  async (t) => {
    const { port } = await listen(t, { cert, key }, (socket) => socket.resume());
    const client = await connect({ host: 'localhost', port, ca });
    const events: string[] = [];
    for (const name of ['connect', 'ready', 'secureConnect', 'end', 'finish', 'close'] as const) {
      client.on(name, () => events.push(name));
    }
    await once(client, 'secureConnect');
    client.end();
    client.resume();
    await once(client, 'close');
    t.same(events.slice(0, 3), ['connect', 'ready', 'secureConnect']);
    t.same(events.slice(3).sort(), ['close', 'end', 'finish']);
    t.equal(events.at(-1), 'close');
  },
);

t.test('end() closes one direction only where allowHalfOpen says so', async (t) => {
  const { client, server } = await pair(t, trust, {}, { allowHalfOpen: true });
  client.end('question');
  t.equal(String(await collect(server)), 'question');
  t.equal(server.destroyed, false);
  t.equal(server.readyState, 'writeOnly');
  server.write('answer, ');
  await new Promise(setImmediate);
  server.end('in two parts');
  t.equal(String(await collect(client)), 'answer, in two parts');
});

t.test('without allowHalfOpen the end of the peer ends this side', async (t) => {
  const { client, server } = await pair(t, trust);
  server.resume();
  client.end();
  t.equal(await failure(client), undefined);
  t.equal(await failure(server), undefined);
  t.equal(server.writableEnded, true);
});

t.test('a peer that does not read holds the writer back', async (t) => {
  const { client, server } = await pair(t, trust);
  // Several of them fit below the high-water mark: write() says stop when the kernel has.
  const chunk = randomBytes(16 * 1024);
  let written = 0;
  const limit = 64 * 1024 * 1024;
  while (written < limit && client.write(chunk)) {
    written += chunk.length;
    await new Promise(setImmediate);
  }
  t.ok(client.writableNeedDrain, 'write() says stop');
  t.ok(written > chunk.length && written < limit);
  t.ok(server.readableLength <= 512 * 1024, `the reader holds ${server.readableLength} bytes`);
  server.resume();
  await once(client, 'drain');
  client.end();
  t.equal(await failure(client), undefined);
  t.equal(server.bytesRead, client.bytesWritten);
});

t.test('a reader that pauses gets no more than its buffer takes, and later all of it', async (t) => {
  const { client, server } = await pair(t, trust);
  const data = randomBytes(8_000_000);
  const received: Buffer[] = [];
  server.on('data', (chunk: Buffer) => {
    received.push(chunk);
    server.pause();
    setImmediate(() => server.resume());
  });
  client.end(data);
  await once(server, 'end');
  t.ok(Buffer.concat(received).equals(data));
});

t.test('destroy() at any moment closes with the error given, and writes fail', async (t) => {
  for (const moment of ['idle', 'reading', 'writing', 'threaded', 'ending']) {
    const { client, server } = await pair(t, trust);
    server.on('error', () => {});
    if (moment === 'reading') {
      client.resume();
      server.write(randomBytes(1_000_000));
    }
    if (moment === 'writing') client.write(randomBytes(500_000), () => {});
    if (moment === 'threaded') client.write(randomBytes(40_000_000), () => {});
    if (moment === 'ending') client.end(randomBytes(500_000));
    await new Promise(setImmediate);
    let hadError: boolean | undefined;
    client.once('close', (value: boolean) => {
      hadError = value;
    });
    client.destroy(new Error('enough'));
    t.equal((await failure(client))?.message, 'enough', moment);
    await new Promise(setImmediate);
    t.equal(hadError, true);
    await t.rejects(new Promise((_, reject) => client.write('x', reject as never)), {
      code: /^ERR_STREAM_(DESTROYED|WRITE_AFTER_END)$/,
    });
    server.destroy();
  }
});

t.test('resetAndDestroy() is a reset to the peer', async (t) => {
  const { client, server } = await pair(t, trust);
  await new Promise(setImmediate);
  server.resetAndDestroy();
  t.equal((await failure(client))?.code, 'ECONNRESET');
});

t.test('what was read stays as it was, whatever is read later', async (t) => {
  const { client, server } = await pair(t, trust);
  const kept: Buffer[] = [];
  client.on('data', (chunk) => kept.push(chunk));
  const written: Buffer[] = [];
  for (const size of [1, 100, 4096, 4097, 20_000, 100, 4096]) {
    const content = randomBytes(size);
    written.push(content);
    server.write(content);
    await until(() => client.bytesRead === server.bytesWritten, 'it arrives before the next is written');
  }
  t.ok(Buffer.concat(kept).equals(Buffer.concat(written)));
});

t.test('setTimeout() tells of silence, and of nothing else', async (t) => {
  const { client, server } = await pair(t, trust);
  t.equal(client.timeout, undefined);
  let fired = 0;
  client.setTimeout(150, () => fired++);
  t.equal(client.timeout, 150);
  server.on('data', () => {});
  client.resume();
  for (let index = 0; index < 10; index++) {
    client.write('x');
    server.write('y');
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  t.equal(fired, 0);
  await once(client, 'timeout');
  t.equal(client.destroyed, false);
  client.setTimeout(0);
  t.throws(() => client.setTimeout(-1), { code: 'ERR_KTLS_INVALID_OPTION' });
});

t.test("a timeout that was taken back is nobody's, and may be set again", async (t) => {
  const { client } = await pair(t, trust);
  let fired = 0;
  client.on('timeout', () => fired++);
  const timeouts = holdTimeouts(() => {
    client.setTimeout(100);
    client.setTimeout(0);
  });
  timeouts[0]?.elapse();
  t.equal(fired, 0);
  timeouts.push(...holdTimeouts(() => client.setTimeout(100)));
  t.same([timeouts.length, timeouts[0]?.refreshed], [1, 1], 'by the timer that is there');
  timeouts[0]?.elapse();
  t.equal(fired, 1);
  const [other] = holdTimeouts(() => client.setTimeout(200));
  t.equal(other?.ms, 200);
});

t.test('what was written is no excuse for silence once it is done', async (t) => {
  const { client, server } = await pair(t, trust);
  let fired = 0;
  client.on('timeout', () => fired++);
  const [timeout] = holdTimeouts(() => client.setTimeout(100));
  for (let round = 1; round <= 2; round++) {
    await new Promise((resolve) => client.write('x', resolve));
    t.equal(String(await take(server, 1)), 'x');
    timeout?.elapse();
    t.equal(fired, round);
  }
});

t.test('a timeout that no timer takes is cut with a warning, as net.Socket does it', async (t) => {
  const { client } = await pair(t, trust);
  const theirs = new Socket();
  for (const milliseconds of [2 ** 31, 2 ** 40, Number.MAX_VALUE]) {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error) => warnings.push(name);
    process.on('warning', onWarning);
    const timeouts = holdTimeouts(() => {
      client.setTimeout(100);
      client.setTimeout(milliseconds);
    });
    theirs.setTimeout(milliseconds);
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    t.equal(timeouts.at(-1)?.ms, 2 ** 31 - 1);
    t.equal(client.timeout, theirs.timeout);
    t.same(warnings, ['TimeoutOverflowWarning', 'TimeoutOverflowWarning']);
  }
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '1' as never]) {
    t.throws(() => client.setTimeout(wrong), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
});

/** A server's socket that has 32,000 bytes to read, of which nothing was, when its peer ends without close_notify. */
async function truncated(t: Test) {
  const listening = await listen(t, { cert, key });
  const client = connectTls({ host: 'localhost', port: listening.port, ca });
  client.on('error', () => {});
  const server = await listening.next();
  client.write(Buffer.alloc(32_000, 'x'));
  await until(() => server.bytesRead === 32_000, 'everything has arrived');
  client.destroy();
  // That it is told of nothing needs time to come true.
  await Promise.race([once(server, 'close'), new Promise((resolve) => setTimeout(resolve, 100))]);
  return server;
}

const READERS: [string, (stream: Duplex) => Promise<number>][] = [
  [
    'an iterator that takes its time',
    async (stream) => {
      let length = 0;
      for await (const chunk of stream) {
        length += chunk.length;
        await new Promise(setImmediate);
        if (length === 32_000) return length;
      }
      return length;
    },
  ],
  [
    'read() in pieces',
    async (stream) => (await take(stream, 20_000)).length + (await take(stream, 12_000)).length,
  ],
  [
    "'data'",
    async (stream) => {
      let length = 0;
      stream.on('data', (chunk) => {
        length += chunk.length;
      });
      await failure(stream);
      return length;
    },
  ],
];

for (const [name, read] of READERS) {
  t.test(`what came before an end without close_notify is read: ${name}`, async (t) => {
    const server = await truncated(t);
    t.equal(await read(server), 32_000);
    t.match(await failure(server), { code: 'ERR_KTLS_TRUNCATED' });
  });
}

t.test('whoever waits for more than came before such an end hears of it, and so does a writer', async (t) => {
  const reader = await truncated(t);
  await t.rejects(take(reader, 32_001), { code: 'ERR_KTLS_TRUNCATED' });
  const waiting = await pair(t, trust);
  const more = take(waiting.server, 2);
  waiting.client.write('x');
  await until(() => waiting.server.bytesRead === 1, 'it arrives');
  waiting.client.destroy();
  await t.rejects(more, { code: 'ERR_KTLS_TRUNCATED' });
  const writer = await truncated(t);
  const closed = new Promise((resolve) => writer.once('close', resolve));
  const write = () => writer.write(Buffer.alloc(100_000), (error) => error || write());
  write();
  await closed;
  t.match(writer.errored, { code: 'ERR_KTLS_TRUNCATED' });
});

t.test('any number of KeyUpdates may wait for their turn', async (t) => {
  const { client, server } = await pair(t, trust);
  const count = 10_000;
  const received = take(server, count);
  client.cork();
  const updates = Array.from({ length: count }, () => {
    const update = client.updateKey();
    // A peer need not bear many in a row.
    client.write('x');
    return update;
  });
  client.uncork();
  // Where a kernel cannot change its keys each of them is told so.
  for (const { reason } of (await Promise.allSettled(updates)) as PromiseRejectedResult[]) {
    if (reason !== undefined) t.match(reason, { code: 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED' });
  }
  t.equal(String(await received), 'x'.repeat(count));
});

t.test('addresses and states are those of the connection', async (t) => {
  const { client, server, listening } = await pair(t, trust);
  t.equal(client.remotePort, listening.port);
  t.equal(client.remoteAddress, '127.0.0.1');
  t.equal(client.remoteFamily, 'IPv4');
  t.equal(server.remotePort, client.localPort);
  t.same(client.address(), { address: '127.0.0.1', port: client.localPort, family: 'IPv4' });
  t.match(client, { encrypted: true, connecting: false, pending: false, readyState: 'open' });
  t.equal(client.setNoDelay().setKeepAlive(true, 5000).ref().unref().ref(), client);
  client.destroy();
  t.equal(client.readyState, 'closed');
  t.equal(server.getProtocol(), 'TLSv1.3');
});

t.test('it echoes to node:tls, piped into itself', async (t) => {
  const { port } = await listen(t, { cert, key }, (socket) => pipeline(socket, socket).catch(() => {}));
  const socket = connectTls({ host: 'localhost', port, ca });
  const data = randomBytes(4_000_000);
  const echoed = collect(socket);
  socket.end(data);
  t.ok((await echoed).equals(data));
});

t.test('setEncoding, async iteration and read(n) work as on any stream', async (t) => {
  const { client, server } = await pair(t, trust);
  client.write('0123456789');
  t.equal(String(await take(server, 4)), '0123');
  server.setEncoding('latin1');
  client.end('é', 'latin1');
  let rest = '';
  for await (const text of server) rest += text;
  t.equal(rest, '456789é');
});

t.test('1,000 connections at once echo', async (t) => {
  let open = 0;
  const { port, server } = await listen(t, { cert, key, maxUnauthenticated: 2000 }, (socket) => {
    open++;
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const sockets = [];
  for (let batch = 0; batch < 20; batch++) {
    const options = { host: 'localhost', port, ca, handshakeTimeout: PATIENCE_MS };
    const dialled = Array.from({ length: 50 }, () => connect(options));
    sockets.push(...(await Promise.all(dialled)));
  }
  // The last client is done a moment before its server.
  while (open < 1000) await once(server, 'secureConnection');
  const count = await new Promise((resolve) => server.getConnections((_, number) => resolve(number)));
  t.equal(count, 1000);
  const echoes = sockets.map(async (socket, index) => {
    const text = `connection ${index}`.repeat(index % 100);
    socket.end(text);
    return String(await collect(socket)) === text;
  });
  t.ok((await Promise.all(echoes)).every((same) => same));
});
