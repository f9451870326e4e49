// A hostile sender around its frames: HELLO, joining, several connections at once, floods, and the session cut
// at every byte.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';

import { PATIENT, Target } from '../helpers/attack';
import { dialHostile, type HostilePeer } from '../helpers/hostile-peer';
import { namesBelow } from '../helpers/names-below';
import {
  allDone,
  block,
  blockFile,
  blockFileEnd,
  contentHash,
  directory,
  file,
  fileData,
  fileHeader,
  frame,
  hello,
  report,
  symlink,
  TYPES,
  u8,
  VERIFY,
} from '../helpers/transfer-frames';
import { until } from '../helpers/until';

const PROTOCOL = 'ERR_KTLS_PROTOCOL';
const REFUSED = 'ERR_KTLS_REFUSED';

t.test('an opening that is none is told to both ends', async (t) => {
  const target = await new Target(t).listen(t);
  const valid = hello().subarray(5);
  const openings: [string, string, Buffer][] = [
    [PROTOCOL, 'another magic', hello({ magic: 'KTXG' })],
    ['ERR_KTLS_PROTOCOL_VERSION', 'version 0', hello({ version: 0 })],
    ['ERR_KTLS_PROTOCOL_VERSION', 'version 2', hello({ version: 2 })],
    ['ERR_KTLS_PROTOCOL_VERSION', 'version 65535', hello({ version: 65_535 })],
    [PROTOCOL, 'kind 0', hello({ kind: 0 })],
    [PROTOCOL, 'kind 4', hello({ kind: 4 })],
    [PROTOCOL, 'no connections', hello({ connections: 0 })],
    [PROTOCOL, 'a path of 65 components', hello({ path: Array(65).fill('a') })],
    [PROTOCOL, 'fewer components than it says', frame(TYPES.HELLO, [valid.subarray(0, -1), u8(3)])],
    [PROTOCOL, 'a HELLO cut short', frame(TYPES.HELLO, valid.subarray(0, 20))],
    [PROTOCOL, 'an empty HELLO', frame(TYPES.HELLO)],
    [PROTOCOL, 'a HELLO above 16 KiB', frame(TYPES.HELLO, [], 16_385)],
    [PROTOCOL, 'HELLO_OK', frame(TYPES.HELLO_OK, valid)],
    [PROTOCOL, 'an entry before HELLO', directory(1, 0, 'd')],
    [PROTOCOL, 'content before HELLO', fileData('x')],
    [PROTOCOL, 'ALL_DONE before HELLO', allDone()],
    [PROTOCOL, 'a type that is unknown', frame(0x7f)],
    [PROTOCOL, 'another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    [REFUSED, 'a pull from a receiver that serves nothing', hello({ kind: 2 })],
  ];
  for (const [code, what, bytes] of openings) {
    const peer = await dialHostile(target.port, target.secret);
    peer.send(bytes);
    t.equal(await peer.errorCode(), code, `${what}: the peer is told`);
    peer.destroy();
    await until(() => target.connectionErrors.length > 0, `${what}: the receiver reports it`);
    t.equal(target.connectionErrors.shift()?.code, code, what);
  }
  t.same(readdirSync(target.root), ['old']);
  t.same(target.damage(), []);
});

t.test('a HELLO that comes byte by byte does not hold the time limit up', async (t) => {
  const target = await new Target(t, { timeouts: { ...PATIENT, handshake: 3000 } }).listen(t);
  // At this pace they would take minutes.
  for (const bytes of [
    hello({ path: Array(60).fill('a'.repeat(250)) }),
    Buffer.concat(Array(3000).fill(frame(0x80))),
  ]) {
    const peer = await dialHostile(target.port, target.secret);
    for (let at = 0; at < bytes.length && target.connectionErrors.length === 0; at += 5) {
      peer.send(bytes.subarray(at, at + 5));
      await delay(50);
    }
    peer.destroy();
    t.equal(target.connectionErrors.shift()?.code, 'ERR_KTLS_HANDSHAKE_TIMEOUT');
  }
});

t.test('a sender that falls silent ends by the idle limit', async (t) => {
  const target = await new Target(t, { timeouts: { ...PATIENT, idle: 400 } }).listen(t);
  for (const before of [[], [fileHeader('f', 5)], [fileHeader('f', 100_000), fileData('x')]]) {
    const { peer } = await target.open({ path: ['new'] });
    peer.send(...before);
    const [{ error }] = await Promise.all([target.outcome(), peer.errorCode()]);
    t.equal(error?.code, 'ERR_KTLS_IDLE_TIMEOUT');
    peer.destroy();
  }
  t.same(target.damage(), []);
});

t.test('joining needs the token, and has a bound', async (t) => {
  const target = await new Target(t, { maxConnections: 2 }).listen(t);
  const { peer: first, token } = await target.open({ connections: 60 });
  const nearly = Buffer.from(token);
  nearly[15] = (nearly[15] as number) ^ 1;
  for (const wrong of [Buffer.alloc(16), nearly, Buffer.alloc(16, 255)]) {
    const peer = await dialHostile(target.port, target.secret);
    peer.send(hello({ kind: 3, token: wrong }), file('f', 'x'));
    t.equal(await peer.errorCode(), REFUSED);
    peer.destroy();
  }
  const joined: HostilePeer[] = [];
  let refused: string | null = null;
  for (let count = 0; count < 80 && refused === null; count += 1) {
    const peer = await dialHostile(target.port, target.secret);
    joined.push(peer);
    peer.send(hello({ kind: 3, token }));
    const answer = await peer.next();
    if (answer?.type === TYPES.ERROR) refused = REFUSED;
  }
  t.equal(refused, REFUSED);
  // 2 granted and 64 that replace, the first among them; the last one was refused.
  t.equal(joined.length, 66);
  await until(() => target.connectionErrors.length > 0, 'the refusal is reported');
  t.match(target.connectionErrors, [{ code: REFUSED }]);
  for (const peer of joined) peer.end();
  first.send(file('f', 'x'), allDone({ files: 1, bytes: 1 }));
  await first.expect(TYPES.ALL_DONE);
  first.end();
  t.match((await target.outcome()).result, { files: 1 });
  t.same(target.damage(), []);
});

t.test('ALL_DONE and entries on several connections', async (t) => {
  const target = await new Target(t).listen(t);
  const both = async (path: string) => {
    const { peer: first, token } = await target.open({ path: [path], connections: 2 });
    const second = (await target.open({ kind: 3, token })).peer;
    return [first, second] as const;
  };

  const [a, b] = await both('open');
  b.send(fileHeader('f', 100_000));
  // A file of this size is there when it was announced.
  await until(() => namesBelow(target.root).some((path) => path.endsWith('/f')), 'the file is there');
  a.send(allDone({ files: 1, bytes: 100_000 }));
  const [early] = await Promise.all([target.outcome(), a.errorCode(), b.errorCode()]);
  t.match(early.error, { code: PROTOCOL }, 'while another still carries entries');

  const [c, d] = await both('late');
  c.send(file('f', 'x'), allDone({ files: 1, bytes: 1 }));
  await c.expect(TYPES.ALL_DONE);
  d.send(file('g', 'y'));
  const [late] = await Promise.all([target.outcome(), c.errorCode(), d.errorCode()]);
  t.match(late.error, { code: PROTOCOL }, 'entries on another afterwards');
  t.same(readdirSync(join(target.root, 'late')), ['f']);

  const [e, f] = await both('apart');
  e.send(directory(1, 0, 'd'));
  f.send(directory(1, 0, 'other'));
  const [apart] = await Promise.all([target.outcome(), e.errorCode(), f.errorCode()]);
  t.match(apart.error, { code: PROTOCOL }, 'two connections that disagree about a directory');

  const [g, h] = await both('blocks');
  g.send(blockFile(0, 'f', 10), block(0, 0, '01234'));
  h.send(blockFile(0, 'f', 10), block(0, 0, '01234'));
  const [twice] = await Promise.all([target.outcome(), g.errorCode(), h.errorCode()]);
  t.match(twice.error, { code: PROTOCOL }, 'two connections that send the same block');
  t.same(readdirSync(target.root).sort(), ['late', 'old']);
  t.same(target.damage(), []);
});

t.test('a small session that is cut at any byte is an error, and leaves nothing', async (t) => {
  const target = await new Target(t, { maxTransfers: 5000, maxUnauthenticated: 5000 }).listen(t);
  const session = (path: string) => {
    const opening = hello({ path: [path], flags: VERIFY });
    const entries = [
      directory(0, 0, ''),
      directory(1, 0, 'd'),
      file('f', 'content', 1, contentHash('content', 1)),
      file('empty', '', 1, contentHash('', 2)),
      symlink('s', 'd/f'),
      report(TYPES.SKIPPED, { code: 'EACCES', errno: 13, path: 'p', message: 'm' }),
      allDone({ files: 2, directories: 1, symlinks: 1, bytes: 7 }),
    ];
    return Buffer.concat([opening, ...entries]);
  };
  const openingLength = hello({ path: ['cut 000'] }).length;
  const { length } = session('cut 000');
  target.receiver.on('transfer', (transfer) => transfer.catch(() => {}));
  // The rest of a session may come only after HELLO_OK; what comes before waits at the other end.
  const cut = async (at: number, how: 'end' | 'destroy') => {
    const peer = await dialHostile(target.port, target.secret);
    const bytes = session(`cut ${String(at).padStart(3, '0')}`).subarray(0, at);
    peer.send(bytes);
    if (at >= openingLength) await peer.expect(TYPES.HELLO_OK);
    if (how === 'destroy') peer.destroy();
    else {
      peer.end();
      await peer.errorCode();
    }
  };
  const codes: (string | undefined)[] = [];
  for (const how of ['end', 'destroy'] as const) {
    for (let from = 0; from < length; from += 60) {
      const to = Math.min(from + 60, length);
      const batch = [];
      for (let at = from; at < to; at += 1) batch.push(cut(at, how));
      await Promise.all(batch);
      // One after another: of two that were waited for at once, the first would never be told.
      for (let at = Math.max(from, openingLength); at < to; at += 1) {
        codes.push((await target.outcome()).error?.code);
      }
    }
  }
  t.equal(codes.length, 2 * (length - openingLength));
  t.same([...new Set(codes)].sort(), ['ERR_KTLS_TRUNCATED']);
  t.same(target.connectionErrors, [], 'who goes away before there is a transfer is not reported');
  t.same(readdirSync(target.root), ['old']);
  t.same(target.damage(), []);

  const { peer } = await target.open({ path: ['whole'], flags: VERIFY });
  peer.send(session('whole').subarray(hello({ path: ['whole'] }).length));
  await peer.expect(TYPES.ALL_DONE);
  peer.end();
  t.match(
    (await target.outcome()).result,
    { files: 2, directories: 1, symlinks: 1, bytes: 7 },
    'uncut it succeeds',
  );
});

t.test('the space of a file that is never sent is not kept', async (t) => {
  const target = await new Target(t).listen(t);
  const { peer } = await target.open({ path: ['old'] });
  peer.send(fileHeader('f', 2n ** 62n), fileData('x'), blockFile(0, 'g', 2n ** 62n), blockFileEnd(0));
  const [{ error }] = await Promise.all([target.outcome(), peer.errorCode()]);
  t.match(error, { code: PROTOCOL });
  peer.destroy();
  t.same(target.damage(), []);
});
