// relay() between every two kinds of ends, in every mode: what arrives is what was sent.
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import type { KtlsSocket } from '../../lib/index';
import { type RelayMode, relay } from '../../lib/relay';
import { CertificateMaker } from '../helpers/certificates';
import { guest, placements } from '../helpers/guest';
import { temporaryFolder } from '../helpers/temporary-folder';
import { until } from '../helpers/until';
import { ktlsSocket, type MakeEnds, netSocket, tcpDescriptor, unixDescriptor } from './ends';
import { closing, hash, randomBytes, readAll, readBytes, TLS_MODES } from './support';

const folder = temporaryFolder(t);
const identity = new CertificateMaker(folder).selfSigned('server');
const tlsKinds = placements.map((kernel) => [`KtlsSocket, kernel '${kernel}'`, ktlsSocket(kernel, identity)]);
const kinds = Object.entries<MakeEnds>({
  'net.Socket': netSocket,
  'TCP descriptor': tcpDescriptor,
  'Unix descriptor': unixDescriptor(folder),
  ...Object.fromEntries(tlsKinds),
});
/** A system call costs a hundred times more in the guest. */
const BYTES = guest === undefined ? 3_000_000 : 600_000;

/** In segments of random sizes, with the socket's own backpressure. */
async function send(socket: Socket, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length; ) {
    const length = Math.ceil(Math.random() ** 4 * 100_000);
    if (!socket.write(data.subarray(at, at + length))) await once(socket, 'drain');
    at += length;
  }
}

/** Both directions of one relay: early bytes, a header that JavaScript reads, a reader that stalls, half-closes. */
async function passes(t: Test, makeA: MakeEnds, makeB: MakeEnds, mode: RelayMode): Promise<void> {
  const a = await makeA(t);
  const b = await makeB(t);
  const there = randomBytes(BYTES);
  const back = randomBytes(BYTES / 2);
  a.far.write(there.subarray(0, 50_000));
  let header: Buffer = Buffer.alloc(0);
  if (typeof a.near !== 'number') {
    header = await readBytes(a.near as Socket, 10);
    a.near.write('welcome');
  }
  const handle = relay(a.near, b.near, { mode });
  const sent = send(a.far, there.subarray(50_000)).then(() => a.far.end());
  await until(() => handle.bytesAtoB > 0, 'it moves');
  const atA = readAll(a.far);
  const [atB] = await Promise.all([readAll(b.far), sent]);
  t.equal(hash(Buffer.concat([header, atB])), hash(there));
  // Only now: the other direction goes on after the end of this one.
  await send(b.far, back);
  b.far.end();
  const greeting = header.length > 0 ? 'welcome' : '';
  t.equal(hash(await atA), hash(Buffer.concat([Buffer.from(greeting), back])));
  const result = await handle;
  t.match(result, { bytesAtoB: there.length - header.length, bytesBtoA: back.length });
}

for (const [nameA, makeA] of kinds) {
  for (const [nameB, makeB] of kinds) {
    t.test(`${nameA} and ${nameB}`, async (t) => {
      const plain = ![nameA, nameB].some((name) => name.startsWith('Ktls'));
      for (const mode of TLS_MODES) await passes(t, makeA, makeB, mode);
      // The guest's kernel has no stream parser.
      const sockmap = plain && guest === undefined && ![nameA, nameB].includes('Unix descriptor');
      if (sockmap) await passes(t, makeA, makeB, 'sockmap');
      if (plain) return;
      const [a, b] = [await makeA(t), await makeB(t)];
      await t.rejects(relay(a.near, b.near, { mode: 'sockmap' }), { code: 'ERR_KTLS_SOCKMAP_UNAVAILABLE' });
      t.equal(await closing(a.far), nameA === 'Unix descriptor' ? 'end' : 'ECONNRESET');
    });

    t.test(`${nameA} and ${nameB}: a peer that vanishes is a reset for the other`, async (t) => {
      const [a, b] = [await makeA(t), await makeB(t)];
      if (a.vanish === null) return;
      const handle = relay(a.near, b.near);
      a.far.write('x');
      await readBytes(b.far, 1);
      const other = closing(b.far);
      a.vanish();
      await t.rejects(handle, { code: /^(ECONNRESET|ERR_KTLS_TRUNCATED)$/ });
      t.equal(await other, nameB === 'Unix descriptor' ? 'end' : 'ECONNRESET');
    });
  }
}

for (const kernel of placements) {
  const make = ktlsSocket(kernel, identity);

  t.test(
    `KtlsSocket, kernel '${kernel}': what it was told to send goes before what is relayed`,
    async (t) => {
      const a = await make(t);
      const b = await netSocket(t);
      const near = a.near as KtlsSocket;
      const path = join(folder, 'file');
      writeFileSync(path, randomBytes(3_000_000));
      const written = randomBytes(3_000_000);
      near.write(written);
      const file = near.sendFile(path);
      near.write('last');
      const handle = relay(near, b.near);
      b.far.end('relayed');
      const got = await readAll(a.far);
      t.equal(await file, 3_000_000);
      t.equal(got.length, 6_000_011);
      t.equal(hash(got.subarray(0, 3_000_000)), hash(written));
      t.equal(got.subarray(6_000_000).toString(), 'lastrelayed');
      a.far.end();
      b.far.resume();
      const { tx, rx } = near.record;
      t.match(await handle, { recordA: { tx, rx }, recordB: null, bytesBtoA: 7 });
      t.ok(near.destroyed);
    },
  );

  t.test(`KtlsSocket, kernel '${kernel}': its peer's end, met before, ends one direction only`, async (t) => {
    const a = await make(t);
    const b = await netSocket(t);
    a.far.end('all of it');
    await until(() => (a.near as KtlsSocket).readableLength > 0, 'JavaScript has read it');
    const handle = relay(a.near, b.near);
    t.equal((await readAll(b.far)).toString(), 'all of it');
    b.far.end('answer');
    t.equal((await readAll(a.far)).toString(), 'answer');
    t.match(await handle, { bytesAtoB: 9, bytesBtoA: 6 });
  });

  t.test(`KtlsSocket, kernel '${kernel}': an abort does not wait for what cannot be sent`, async (t) => {
    const a = await make(t);
    const b = await netSocket(t);
    const near = a.near as KtlsSocket;
    near.write(Buffer.alloc(100_000_000));
    const handle = relay(near, b.near);
    const path = join(folder, 'sparse');
    writeFileSync(path, '');
    truncateSync(path, 100_000_000);
    const blocked = await make(t);
    const sending = (blocked.near as KtlsSocket).sendFile(path).catch((error) => error.code);
    const second = relay(blocked.near, (await netSocket(t)).near);
    const ends = [closing(b.far)];
    for (const each of [handle, second]) {
      each.abort();
      await t.rejects(each, { name: 'AbortError' });
    }
    t.same(await Promise.all(ends), ['ECONNRESET']);
    t.equal(await sending, 'ABORT_ERR');
  });
}

t.test('net.Socket: an abort does not wait for what cannot be sent', async (t) => {
  const a = await netSocket(t);
  const b = await netSocket(t);
  (a.near as Socket).write(Buffer.alloc(100_000_000));
  const handle = relay(a.near, b.near);
  handle.abort();
  await t.rejects(handle, { name: 'AbortError' });
  t.equal(await closing(b.far), 'ECONNRESET');
});

t.test('net.Socket: one that is reset before it was taken ends the relay, and nothing else', async (t) => {
  const a = await netSocket(t);
  const b = await netSocket(t);
  (a.near as Socket).write(Buffer.alloc(100_000_000));
  // Nobody else listens: an error would end the process.
  (a.near as Socket).removeAllListeners('error');
  const handle = relay(a.near, b.near);
  a.far.resetAndDestroy();
  await t.rejects(handle, { code: /^(ECONNRESET|EPIPE)$/ });
  t.match(await closing(b.far), /^(end|ECONNRESET)$/);
});
