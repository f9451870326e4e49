// Sockets on the kernel's record layer, and between it and ours. Natively, where it may be missing, ours alone.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';

import { connect, probe } from '../../lib/index';
import { start } from '../helpers/foreign-program';
import { placements } from '../helpers/guest';
import {
  CIPHERS,
  collect,
  credentials,
  failure,
  listen,
  nodeServer,
  pair,
  place,
  proxy,
  take,
  VERSIONS,
} from './support';

const trust = credentials(t);
const { ca, folder } = trust;
const { cert, key } = trust.server;
const content = randomBytes(700_001);
const file = join(folder, 'content');
writeFileSync(file, content);

const strict = placements[0] as 'require' | 'off';

for (const version of VERSIONS) {
  for (const atClient of placements) {
    for (const atServer of placements) {
      for (const known of atClient === atServer ? CIPHERS : CIPHERS.slice(0, 1)) {
        t.test(`${version}, ${known.cipher}, kernel: '${atClient}' to kernel: '${atServer}'`, async (t) => {
          const { client, server } = await pair(
            t,
            trust,
            { kernel: atClient },
            { kernel: atServer, ciphers: known[version], maxVersion: version },
          );
          for (const [socket, policy] of [
            [client, atClient],
            [server, atServer],
          ] as const) {
            t.equal(socket.getProtocol(), version);
            t.match(socket.getCipher().standardName, known.cipher);
            t.match(socket.record, { tx: place(policy), rx: place(policy), cipher: known.cipher });
          }
          const [up, down] = [collect(server), collect(client)];
          client.write('before');
          t.equal(await client.sendFile(file, { start: 1 }), content.length - 1);
          client.end('after');
          server.write(content);
          server.sendFile(file, { end: 99 }).catch(() => {});
          server.end();
          const sent = [Buffer.from('before'), content.subarray(1), Buffer.from('after')];
          t.ok((await up).equals(Buffer.concat(sent)));
          t.ok((await down).equals(Buffer.concat([content, content.subarray(0, 100)])));
          t.equal(client.bytesWritten, content.length - 1 + 11);
        });
      }
    }
  }

  t.test(`node:tls at the other end, in both roles, with ${version} sessions that resume`, async (t) => {
    const { port, next } = await listen(t, { cert, key, kernel: strict });
    let ticket: Buffer | undefined;
    for (const reused of [false, true]) {
      const session = ticket && { session: ticket };
      const foreign = connectTls({ host: 'localhost', port, ca, maxVersion: version, ...session });
      foreign.on('session', (given) => {
        ticket = given;
      });
      const end = await next();
      t.equal(end.isSessionReused(), reused);
      end.pipe(end);
      const echoed = collect(foreign);
      foreign.end(content);
      t.ok((await echoed).equals(content));
    }
    const node = await nodeServer(t, { cert, key, maxVersion: version }, (socket) => socket.pipe(socket));
    const first = await connect({ host: 'localhost', port: node, ca, kernel: strict });
    const [session] = await once(first, 'session');
    const keys = (socket: typeof first) => socket.exportKeyingMaterial(16, 'x', Buffer.alloc(0));
    const firstKeys = keys(first);
    first.end(content);
    t.ok((await collect(first)).equals(content));
    const second = await connect({ host: 'localhost', port: node, ca, session, kernel: strict });
    t.equal(second.isSessionReused(), true);
    t.notSame(keys(second), firstKeys);
    second.end(content);
    t.ok((await collect(second)).equals(content));
  });

  t.test(`truncation, a changed bit, a reset in ${version}`, async (t) => {
    const { port: target, next } = await listen(t, { cert, key, kernel: strict, maxVersion: version });
    let change = false;
    const { port, pairs } = await proxy(t, target, (chunk, from, to) => {
      if (change && from === 'client')
        chunk.writeUInt8(chunk.readUInt8(chunk.length - 1) ^ 1, chunk.length - 1);
      to.write(chunk);
    });
    const open = async () => {
      const client = await connect({ host: 'localhost', port, ca, kernel: strict });
      const end = await next();
      end.write('x');
      await take(client, 1);
      return { client, end };
    };
    const cut = await open();
    pairs[0]?.near.end();
    t.equal((await failure(cut.client))?.code, 'ERR_KTLS_TRUNCATED');
    const reset = await open();
    pairs[1]?.near.resetAndDestroy();
    t.equal((await failure(reset.client))?.code, 'ECONNRESET');
    const changed = await open();
    change = true;
    changed.client.on('error', () => {});
    changed.client.write('changed');
    t.equal((await failure(changed.end))?.code, 'ERR_KTLS_BAD_RECORD_MAC');
    t.match(await failure(changed.client), { code: 'ERR_KTLS_ALERT', message: /bad_record_mac/ });
  });
}

t.test('a file that shrinks leaves no record open: what follows arrives', async (t) => {
  const { client, server } = await pair(t, trust, { kernel: strict }, { kernel: strict });
  const received = collect(server);
  await t.rejects(client.sendFile(file, { end: content.length + 5 }), { code: 'ERR_KTLS_FILE_CHANGED' });
  client.end('after');
  t.ok((await received).equals(Buffer.concat([content, Buffer.from('after')])));
});

t.test("a peer's KeyUpdate is followed, or told, where the kernel cannot", async (t) => {
  const { port, next } = await listen(t, { cert, key, kernel: strict });
  const openssl = start(t, 'openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3', '-msg']);
  const end = await next();
  openssl.stdin?.write('first\n');
  t.equal(String(await take(end, 6)), 'first\n');
  // A command only where openssl reads nothing else with it.
  openssl.stdin?.write('k\n');
  await openssl.says('>>> TLS 1.3, Handshake [length 0005], KeyUpdate');
  if (strict === 'off' || probe().rekey) {
    openssl.stdin?.write('second\n');
    t.equal(String(await take(end, 7)), 'second\n');
  } else {
    t.equal((await failure(end))?.code, 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED');
  }
});

t.test('a key that is spent is changed, or told, where the kernel cannot', async (t) => {
  const options = { kernel: strict, maxRecordsPerKey: 16 };
  const { client, server } = await pair(t, trust, options, { kernel: strict });
  const received = collect(server).catch(() => Buffer.alloc(0));
  client.on('error', () => {});
  client.end(content);
  if (strict === 'off' || probe().rekey) {
    t.ok((await received).equals(content));
  } else {
    t.equal((await failure(client))?.code, 'ERR_KTLS_LIMIT');
  }
});
