// What comes off the wire: split, merged, cut, changed, foreign, or under another key.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { dialTcp, connectTls as handshakeTls } from '../../lib/handshake/connect';
import { adopt, connect, type KtlsSocket } from '../../lib/index';
import { native } from '../../lib/native';
import { socketClientContext } from '../../lib/socket/context';
import { collect, credentials, failure, listen, nodeServer, pair, proxy, take } from './support';

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
    const client = await connect({ host: 'localhost', port, ca });
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
  const { port: target } = await listen(t, { cert, key });
  for (const garbage of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('1703034101', 'hex')]) {
    const { port, pairs } = await proxy(t, target, (chunk, _from, to) => to.write(chunk));
    const client = await connect({ host: 'localhost', port, ca });
    // Behind the tickets, which may still be on their way.
    await new Promise((resolve) => setTimeout(resolve, 50));
    pairs[0]?.near.write(garbage);
    t.equal((await failure(client))?.code, 'ERR_KTLS_BAD_RECORD');
  }
});

/** A client of ours, into whose connection the test puts records of its own, sealed with the server's key. */
async function forged(t: Parameters<typeof pair>[0]) {
  const server = await nodeServer(t, { cert, key }, () => {});
  const { port, pairs } = await proxy(t, server, (chunk, _from, to) => to.write(chunk));
  const context = await socketClientContext({ ca });
  const established = await handshakeTls(await dialTcp('127.0.0.1', port), context, { host: 'localhost' });
  // Until the server's two tickets, records 0 and 1, are there.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { fd, cipher, tx, rx, tls } = established;
  tls.destroy();
  const record = new (native().RecordKey)({ cipher, ...rx, sequence: 2n });
  return {
    client: adopt(fd, { cipher, tx, rx }),
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
  const dialled = await handshakeTls(await dialTcp('127.0.0.1', port), context, { host: 'localhost' });
  const { fd, cipher, tx, rx } = dialled;
  const keys = { cipher, tx, rx };
  t.throws(() => adopt(-1, keys), { code: 'ERR_KTLS_INVALID_OPTION' });
  t.throws(() => adopt(fd, { ...keys, cipher: 'x' as never }), { code: 'ERR_KTLS_INVALID_OPTION' });
  t.throws(() => adopt(fd, { ...keys, tx: { ...tx, secret: Buffer.alloc(3) } }), {
    code: 'ERR_KTLS_INVALID_OPTION',
  });
  t.throws(() => adopt(fd, { ...keys, rx: { ...rx, sequence: 1 as never } }), {
    code: 'ERR_KTLS_INVALID_OPTION',
  });
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

/** Types lines into openssl, each in a read of its own. */
async function type(stdin: NodeJS.WritableStream, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    stdin.write(`${line}\n`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

t.test('openssl s_client changes its key, and asks for ours to change (K and k)', async (t) => {
  const { port, next } = await listen(t, { cert, key });
  const openssl = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3']);
  t.teardown(() => openssl.kill());
  let [output, told] = ['', ''];
  openssl.stdout.on('data', (text) => {
    output += text;
  });
  openssl.stderr.on('data', (text) => {
    told += text;
  });
  const end = await next();
  end.pipe(end);
  await type(openssl.stdin, 'first', 'K', 'second', 'k', 'third', 'K', 'K', 'fourth');
  for (const text of ['first', 'second', 'third', 'fourth']) {
    while (!output.includes(`${text}\n`)) await once(openssl.stdout, 'data');
  }
  t.equal(told.match(/KEYUPDATE/g)?.length, 4);
  openssl.stdin.end('Q\n');
  t.equal(await failure(end), undefined);
});

t.test('openssl s_server changes its key, asks for ours, and follows our own changes', async (t) => {
  const { certFile, keyFile } = trust.server;
  const options = ['s_server', '-accept', '127.0.0.1:0', '-cert', certFile, '-key', keyFile, '-tls1_3'];
  const openssl = spawn('openssl', options);
  t.teardown(() => openssl.kill());
  let output = '';
  openssl.stdout.on('data', (text) => {
    output += text;
  });
  openssl.stderr.resume();
  while (!/ACCEPT .*:\d+/.test(output)) await once(openssl.stdout, 'data');
  const port = Number(/ACCEPT .*:(\d+)/.exec(output)?.[1]);
  const client = await connect({ host: 'localhost', port, ca, maxRecordsPerKey: 16 });
  let received = '';
  client.on('data', (text) => {
    received += text;
  });
  const say = async (text: string) => {
    client.write(`${text}\n`);
    while (!output.includes(text)) await once(openssl.stdout, 'data');
  };
  await say('one');
  await type(openssl.stdin, 'K', 'from openssl 1');
  await say('two');
  await type(openssl.stdin, 'k', 'from openssl 2');
  for (let index = 0; index < 60; index++) await say(`line ${index}.`);
  while (!received.includes('from openssl 2')) await once(client, 'data');
  t.match(received, /from openssl 1\nfrom openssl 2\n/);
  t.equal(client.errored, null);
  client.destroy();
});
