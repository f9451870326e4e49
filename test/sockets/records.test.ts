// What comes off the wire: split, merged, cut, changed, foreign, or under another key.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { dialSocket, connectTls as handshakeTls } from '../../lib/handshake/connect';
import { adopt, connect, type KtlsSocket } from '../../lib/index';
import { native } from '../../lib/native';
import { socketClientContext } from '../../lib/socket/context';
import { type ForeignProgram, start } from '../helpers/foreign-program';
import { until } from '../helpers/until';
import { collect, credentials, failure, listen, nodeServer, PATIENCE_MS, pair, proxy, take } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;

/** xorshift: a failure names the seed that repeats it. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

t.test('whatever a network does to segments, nothing is lost or doubled', async (t) => {
  const first = Number(process.env.KTLS_TEST_SEED ?? Date.now() % 1_000_000) + 1;
  for (let seed = first; seed < first + 12; seed++) {
    const next = random(seed);
    const { port: target, next: arrived } = await listen(t, { cert, key });
    const held = new Map<unknown, Buffer>();
    // Splits at random, holds a tail back, and sends it with what follows; one byte at a time at first.
    const { port } = await proxy(t, target, (chunk, _from, to) => {
      let rest = Buffer.concat([held.get(to) ?? Buffer.alloc(0), chunk]);
      held.set(to, Buffer.alloc(0));
      while (rest.length > 0) {
        const size = 1 + next(seed % 3 === 0 && rest.length < 2000 ? 3 : 20_000);
        if (size > rest.length && next(2) === 0) {
          held.set(to, rest);
          setTimeout(() => {
            to.write(held.get(to) as Buffer);
            held.set(to, Buffer.alloc(0));
          }, 2);
          return;
        }
        to.write(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
    });
    // The server speaks first: its words may share a segment with the end of its handshake.
    const [down, up] = [randomBytes(1 + next(200_000)), randomBytes(1 + next(200_000))];
    const answered = arrived().then((socket) => {
      socket.end(down);
      return collect(socket);
    });
    const client = await connect({ host: 'localhost', port, ca, handshakeTimeout: PATIENCE_MS });
    const received = collect(client);
    client.end(up);
    t.ok((await received).equals(down), `seed ${seed}: from the server`);
    t.ok((await answered).equals(up), `seed ${seed}: from the client`);
  }
});

t.test('data behind the last message of the handshake, in the same segment, is delivered once', async (t) => {
  // node:tls writes data with its Finished; the proxy makes one segment of what comes within a moment.
  const { port: target, next } = await listen(t, { cert, key });
  const merged = new Map<unknown, Buffer[]>();
  const { port } = await proxy(t, target, (chunk, _from, to) => {
    const waiting = merged.get(to);
    if (waiting) {
      waiting.push(chunk);
      return;
    }
    merged.set(to, [chunk]);
    setTimeout(() => {
      to.write(Buffer.concat(merged.get(to) as Buffer[]));
      merged.delete(to);
    }, 30);
  });
  const socket = connectTls({ host: 'localhost', port, ca });
  t.teardown(() => socket.destroy());
  socket.write('early');
  const end = await next();
  t.equal(String(await take(end, 5)), 'early');
  end.write('back');
  t.equal(String((await once(socket, 'data'))[0]), 'back');
});

t.test('an end without close_notify is ERR_KTLS_TRUNCATED, a reset is ECONNRESET', async (t) => {
  const { port: target } = await listen(t, { cert, key }, (socket) => socket.write('something'));
  for (const [end, code] of [
    ['end', 'ERR_KTLS_TRUNCATED'],
    ['resetAndDestroy', 'ECONNRESET'],
  ] as const) {
    const { port, pairs } = await proxy(t, target, (chunk, _from, to) => to.write(chunk));
    const client = await connect({ host: 'localhost', port, ca });
    t.equal(String(await take(client, 9)), 'something');
    pairs[0]?.near[end]();
    t.equal((await failure(client))?.code, code);
  }
});

t.test('a changed bit is ERR_KTLS_BAD_RECORD_MAC at its reader, and an alert at its writer', async (t) => {
  const { port: target, next } = await listen(t, { cert, key });
  let change = false;
  const { port } = await proxy(t, target, (chunk, from, to) => {
    if (change && from === 'client')
      chunk.writeUInt8(chunk.readUInt8(chunk.length - 1) ^ 1, chunk.length - 1);
    to.write(chunk);
  });
  const client = await connect({ host: 'localhost', port, ca });
  const end = await next();
  end.write('x');
  await take(client, 1);
  change = true;
  client.write('changed on the way');
  t.equal((await failure(end))?.code, 'ERR_KTLS_BAD_RECORD_MAC');
  t.match(await failure(client), { code: 'ERR_KTLS_ALERT', message: /bad_record_mac/ });
  t.equal(end.bytesRead, 0);
});

t.test('what is no record is ERR_KTLS_BAD_RECORD', async (t) => {
  const { port: target } = await listen(t, { cert, key }, (socket) => socket.write('x'));
  for (const garbage of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('1703034101', 'hex')]) {
    const { port, pairs } = await proxy(t, target, (chunk, _from, to) => to.write(chunk));
    const client = await connect({ host: 'localhost', port, ca });
    // Behind the tickets, which come before anything else.
    await take(client, 1);
    pairs[0]?.near.write(garbage);
    t.equal((await failure(client))?.code, 'ERR_KTLS_BAD_RECORD');
  }
});

/** A client of ours, into whose connection the test puts records of its own, sealed with the server's key. */
async function forged(t: Test) {
  const server = await nodeServer(t, { cert, key }, (socket) => socket.write('x'));
  const { port, pairs } = await proxy(t, server, (chunk, _from, to) => to.write(chunk));
  const context = await socketClientContext({ ca });
  const established = await handshakeTls(await dialSocket('127.0.0.1', port), context, { host: 'localhost' });
  const { fd, cipher, tx, rx, tls } = established;
  tls.destroy();
  const client = adopt(fd, { cipher, tx, rx });
  // Behind the server's two tickets, records 0 and 1, and what it says, which is record 2.
  await take(client, 1);
  const record = new (native().RecordKey)({ cipher, ...rx, sequence: 3n });
  return {
    client,
    send: (...records: Buffer[]) => pairs[0]?.near.write(Buffer.concat(records)),
    seal: (type: number, content: Buffer) => record.seal(type, content),
  };
}

t.test('records that RFC 8446 forbids end the connection, each with its code', async (t) => {
  const cases: [string, string, (seal: (type: number, content: Buffer) => Buffer) => Buffer[]][] = [
    ['an unknown type', 'ERR_KTLS_BAD_RECORD', (seal) => [seal(99, Buffer.from('x'))]],
    ['a ChangeCipherSpec', 'ERR_KTLS_BAD_RECORD', (seal) => [seal(20, Buffer.of(1))]],
    ['an empty alert', 'ERR_KTLS_BAD_RECORD', (seal) => [seal(21, Buffer.alloc(0))]],
    ['an empty handshake record', 'ERR_KTLS_BAD_RECORD', (seal) => [seal(22, Buffer.alloc(0))]],
    ['a ClientHello', 'ERR_KTLS_BAD_RECORD', (seal) => [seal(22, Buffer.from('01000000', 'hex'))]],
    [
      'a KeyUpdate with no such request',
      'ERR_KTLS_BAD_RECORD',
      (seal) => [seal(22, Buffer.from('1800000102', 'hex'))],
    ],
    [
      'a KeyUpdate that is too long',
      'ERR_KTLS_BAD_RECORD',
      (seal) => [seal(22, Buffer.from('180000020000', 'hex'))],
    ],
    [
      'data inside a handshake message',
      'ERR_KTLS_BAD_RECORD',
      (seal) => [seal(22, Buffer.from('0400', 'hex')), seal(23, Buffer.from('x'))],
    ],
    [
      'what is no record, right behind data',
      'ERR_KTLS_BAD_RECORD',
      (seal) => [seal(23, Buffer.from('x')), Buffer.from('1503030020', 'hex')],
    ],
    ['a fatal alert', 'ERR_KTLS_ALERT', (seal) => [seal(21, Buffer.of(2, 80))]],
  ];
  for (const [what, code, records] of cases) {
    const { client, send, seal } = await forged(t);
    send(...records(seal));
    const error = await failure(client);
    t.equal(error?.code, code, what);
  }
});

t.test('empty and padded records are what RFC 8446 allows', async (t) => {
  const { client, send, seal } = await forged(t);
  // A type of 0 is padding to the reader, which finds the real one in the last byte before it.
  const padded = (text: string) =>
    seal(0, Buffer.concat([Buffer.from(text), Buffer.of(23), Buffer.alloc(100)]));
  send(seal(23, Buffer.alloc(0)), padded('a'), seal(23, Buffer.alloc(0)), seal(23, Buffer.from('b')));
  t.equal(String(await take(client, 2)), 'ab');
  // close_notify of either level; what follows is nobody's.
  send(seal(21, Buffer.of(2, 0)), seal(23, Buffer.from('ignored')));
  t.equal(String(await collect(client)), '');
});

t.test('adopt() goes on where a handshake ended, and checks what it is given', async (t) => {
  const { port } = await listen(t, { cert, key }, (socket) => socket.pipe(socket));
  const context = await socketClientContext({ ca });
  const dialled = await handshakeTls(await dialSocket('127.0.0.1', port), context, { host: 'localhost' });
  const { fd, cipher, tx, rx } = dialled;
  const keys = { cipher, tx, rx };
  for (const wrong of [-1, 2 ** 32 + fd, 1.5]) {
    t.throws(() => adopt(wrong, keys), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
  t.throws(() => adopt(fd, { ...keys, cipher: 'x' as never }), { code: 'ERR_KTLS_INVALID_OPTION' });
  t.throws(() => adopt(fd, { ...keys, tx: { ...tx, secret: Buffer.alloc(3) } }), {
    code: 'ERR_KTLS_INVALID_OPTION',
  });
  for (const sequence of [1 as never, -1n, 2n ** 63n]) {
    t.throws(() => adopt(fd, { ...keys, rx: { ...rx, sequence } }), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
  const socket: KtlsSocket = adopt(fd, keys);
  t.equal(socket.authorized, false);
  t.equal(socket.getSession(), undefined);
  t.throws(() => socket.getPeerCertificate(), { code: 'ERR_KTLS_UNSUPPORTED' });
  socket.end('adopted');
  t.equal(String(await collect(socket)), 'adopted');
  dialled.tls.destroy();
});

t.test('keys change in both directions after maxRecordsPerKey records', async (t) => {
  const { client, server } = await pair(t, trust, { maxRecordsPerKey: 16 }, { maxRecordsPerKey: 16 });
  const data = randomBytes(3_000_000);
  const [up, down] = [collect(server), collect(client)];
  client.end(data);
  server.end(data);
  t.ok((await up).equals(data));
  t.ok((await down).equals(data));
});

/** How often openssl, told to show messages (-msg), has shown a KeyUpdate that it sent. */
const updates = (openssl: ForeignProgram): number => {
  const shown = />>> TLS 1\.3, Handshake \[length 0005\], KeyUpdate/g;
  return openssl.output().match(shown)?.length ?? 0;
};

/** Types K or k, which is a command only where openssl reads nothing else with it. */
async function updateKey(openssl: ForeignProgram, command: 'K' | 'k'): Promise<void> {
  const before = updates(openssl);
  openssl.stdin?.write(`${command}\n`);
  while (updates(openssl) === before) await once(openssl, 'said');
}

t.test('openssl s_client changes its key, and asks for ours to change (K and k)', async (t) => {
  const { port, next } = await listen(t, { cert, key });
  const openssl = start(t, 'openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3', '-msg']);
  const end = await next();
  end.pipe(end);
  for (const line of ['first', 'K', 'second', 'k', 'third', 'K', 'K', 'fourth']) {
    if (line === 'K' || line === 'k') {
      await updateKey(openssl, line);
      continue;
    }
    openssl.stdin?.write(`${line}\n`);
    await openssl.says(`${line}\n`);
  }
  t.equal(updates(openssl), 4);
  openssl.stdin?.end('Q\n');
  t.equal(await failure(end), undefined);
});

t.test('openssl s_server changes its key, asks for ours, and follows our own changes', async (t) => {
  const { certFile, keyFile } = trust.server;
  const options = [
    's_server',
    '-accept',
    '127.0.0.1:0',
    '-cert',
    certFile,
    '-key',
    keyFile,
    '-tls1_3',
    '-msg',
  ];
  const openssl = start(t, 'openssl', options);
  await openssl.says(/ACCEPT .*:\d+\n/);
  const port = Number(/ACCEPT .*:(\d+)\n/.exec(openssl.output())?.[1]);
  const client = await connect({ host: 'localhost', port, ca, maxRecordsPerKey: 16 });
  let received = '';
  client.on('data', (text) => {
    received += text;
  });
  const say = async (text: string) => {
    client.write(`${text}\n`);
    await openssl.says(text);
  };
  const hear = async (text: string) => {
    openssl.stdin?.write(`${text}\n`);
    await until(() => received.includes(`${text}\n`), `the client has '${text}'`);
  };
  await say('one');
  await updateKey(openssl, 'K');
  await hear('from openssl 1');
  await say('two');
  await updateKey(openssl, 'k');
  await hear('from openssl 2');
  for (let index = 0; index < 60; index++) await say(`line ${index}.`);
  t.equal(received, 'from openssl 1\nfrom openssl 2\n');
  t.equal(client.errored, null);
  client.destroy();
});
