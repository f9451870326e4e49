// A sender that says what docs/protocol.md forbids: each breach ends in a coded error at the receiver, touches
// nothing outside the root, and leaves nothing temporary.
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { Target } from '../helpers/attack';
import { dialHostile } from '../helpers/hostile-peer';
import {
  allDone,
  attributes,
  block,
  blockFile,
  blockFileEnd,
  blockHeader,
  contentHash,
  directory,
  file,
  fileData,
  fileEnd,
  fileHeader,
  frame,
  hardLink,
  hello,
  name,
  report,
  symlink,
  TYPES,
  text,
  u8,
  u16,
  u32,
  u64,
  VERIFY,
} from '../helpers/transfer-frames';

const UNSAFE = 'ERR_KTLS_UNSAFE_PATH';
const PROTOCOL = 'ERR_KTLS_PROTOCOL';
const LIMIT = 'ERR_KTLS_LIMIT';
const INTEGRITY = 'ERR_KTLS_INTEGRITY';
const MISMATCH = 'ERR_KTLS_COUNT_MISMATCH';

const MAX = 2n ** 64n - 1n;
const FAR = 2n ** 63n - 1n;

/** What mkdir(2) says in a folder that is new; where one may be there already, open(2) says ENOTDIR. */
const TAKEN = ['EEXIST', 'ENOTDIR'];

interface Attack {
  what: string;
  code: string;
  frames: Buffer[];
  /** Whether contents are hashed; else FILE_END and BLOCK_END are empty. */
  verify?: boolean;
}

const attacks: Attack[] = [];
const add = (code: string, what: string, ...frames: Buffer[]) => attacks.push({ what, code, frames });

// --- Names -----------------------------------------------------------------------------------------------

function agrees(found: string | undefined, wanted: string): boolean {
  return found === wanted || (wanted === 'ENOTDIR' && TAKEN.includes(found as string));
}

const BAD_NAMES: [string, string][] = [
  ['empty', ''],
  ['a dot', '.'],
  ['two dots', '..'],
  ['absolute', '/etc'],
  ['with a slash', 'a/b'],
  ['a way up', '../canary/file'],
  ['with NUL', 'a\0b'],
  ['our temporary prefix', '.ktls-transfer-0'],
];
for (const [what, bad] of BAD_NAMES) {
  add(UNSAFE, `a directory's name: ${what}`, directory(1, 0, bad));
  add(UNSAFE, `a small file's name: ${what}`, file(bad, 'x'));
  add(UNSAFE, `an empty file's name: ${what}`, file(bad));
  add(UNSAFE, `a large file's name: ${what}`, fileHeader(bad, 1_000_000));
  add(UNSAFE, `a symlink's name: ${what}`, symlink(bad, 'x'));
  add(UNSAFE, `a hard link's name: ${what}`, file('f', 'x'), hardLink(bad, 'f'));
  add(UNSAFE, `a hard link's target: ${what}`, hardLink('f', bad));
  add(UNSAFE, `the name of a file in blocks: ${what}`, blockFile(0, bad, 5));
}

// --- Links as paths, colliding names ---------------------------------------------------------------------

const outward = symlink('link', '../../canary');
add('ENOTDIR', 'a directory through a symlink that was just sent', outward, directory(1, 0, 'link'));
add(
  'ENOTDIR',
  'a file through a symlink that was just sent',
  outward,
  directory(1, 0, 'link'),
  file('file', 'overwritten', 1),
);
add('EEXIST', 'a file at a symlink that was just sent', outward, file('link', 'x'));
add('EEXIST', 'a large file at such a symlink', outward, fileHeader('link', 100_000));
add('EEXIST', 'the same file twice', file('f', '1'), file('f', '2'));
add('EEXIST', 'a file named as a directory', directory(1, 0, 'd'), file('d', 'x'));
add('ENOTDIR', 'a directory named as a file', file('d', 'x'), directory(1, 0, 'd'));
add('EEXIST', 'a symlink named as a file', file('f', 'x'), symlink('f', 'x'));
add('EEXIST', 'a hard link named as a file', file('f', 'x'), file('g', 'x'), hardLink('g', 'f'));
add('EEXIST', 'a file in blocks named as a file', file('f', 'x'), blockFile(0, 'f', 5));
add('ENOENT', 'a hard link to nothing', hardLink('g', 'nothing'));

// --- Numbers of directories and files --------------------------------------------------------------------

for (const id of [1, 4_194_303, 4_194_304, 2 ** 31, 2 ** 32 - 1]) {
  add(PROTOCOL, `a file in directory ${id}, never announced`, file('f', 'x', id));
  add(PROTOCOL, `a large file there`, fileHeader('f', 100_000, id));
  add(PROTOCOL, `a symlink there`, symlink('s', 'x', id));
  add(PROTOCOL, `a hard link there`, file('f', 'x'), hardLink('h', 'f', id));
  add(PROTOCOL, `a hard link to there`, hardLink('h', 'f', 0, id));
  add(PROTOCOL, `a file in blocks there`, blockFile(0, 'f', 5, id));
  add(PROTOCOL, `a directory there`, directory(5, id, 'd'));
}
add(LIMIT, 'a directory beyond the limit', directory(4_194_304, 0, 'd'));
add(LIMIT, 'a directory numbered 2^32-1', directory(2 ** 32 - 1, 0, 'd'));
add(PROTOCOL, 'a directory that is its own parent', directory(1, 1, 'd'));
add(PROTOCOL, 'one number, two names', directory(1, 0, 'a'), directory(1, 0, 'b'));
add(PROTOCOL, 'one number, two parents', directory(1, 0, 'a'), directory(2, 0, 'b'), directory(2, 1, 'b'));
add(PROTOCOL, 'a root with a parent', directory(0, 1, ''));
add(PROTOCOL, 'a root with a name', directory(0, 0, 'root'));
add(PROTOCOL, 'a block of a file never announced', blockHeader(7, 0, 5));
add(PROTOCOL, 'the end of a file never announced', blockFileEnd(7));
add(PROTOCOL, 'two files under one number', blockFile(0, 'a', 5), blockFile(0, 'b', 5));
add(PROTOCOL, 'two sizes under one number', blockFile(0, 'a', 5), blockFile(0, 'a', 6));
add(PROTOCOL, 'a file ended twice', blockFile(0, 'a', 5), blockFileEnd(0), blockFileEnd(0));

// --- Sizes, offsets, lengths -----------------------------------------------------------------------------

for (const size of [2n ** 63n, 2n ** 63n + 1n, MAX]) {
  add(PROTOCOL, `a file of ${size} bytes`, fileHeader('f', size));
  add(PROTOCOL, `a file in blocks of ${size} bytes`, blockFile(0, 'f', size));
}
add(PROTOCOL, 'a file of 2^63-1 bytes that ends at once', fileHeader('f', FAR), fileEnd());
add(PROTOCOL, 'a file in blocks of no bytes', blockFile(0, 'f', 0));
const RANGES: [string, bigint, bigint][] = [
  ['of no length', 0n, 0n],
  ['at the end', 10n, 1n],
  ['longer than the file', 0n, 11n],
  ['over the end', 9n, 2n],
  ['of 2^64-1 bytes', 0n, MAX],
  ['at 2^64-1', MAX, 1n],
  ['whose end overflows', 5n, MAX - 3n],
  ['whose end overflows to nothing', 1n, MAX],
  ['at 2^63', 2n ** 63n, 5n],
];
for (const [what, offset, length] of RANGES) {
  add(PROTOCOL, `a block ${what}`, blockFile(0, 'f', 10), blockHeader(0, offset, length));
}
const halves = [blockFile(0, 'f', 10), block(0, 0, '01234')];
add(PROTOCOL, 'the same block twice', ...halves, blockHeader(0, 0, 5));
add(PROTOCOL, 'a block that overlaps the one before', ...halves, blockHeader(0, 4, 5));
add(
  PROTOCOL,
  'a block that overlaps the one behind',
  blockFile(0, 'f', 10),
  block(0, 5, 'x'),
  blockHeader(0, 0, 6),
);
add(PROTOCOL, 'a block around another', blockFile(0, 'f', 10), block(0, 5, 'x'), blockHeader(0, 0, 10));
add(PROTOCOL, 'content longer than the file', fileHeader('f', 3), fileData('four'));
add(PROTOCOL, 'content longer than a large file', fileHeader('f', 70_000), fileData(Buffer.alloc(70_001)));
add(PROTOCOL, 'more content behind all of it', fileHeader('f', 3), fileData('all'), fileData('m'));
add(PROTOCOL, 'content of an empty file', fileHeader('f', 0), fileData('x'));
add(PROTOCOL, 'content of no length', fileHeader('f', 3), fileData(''));
add(PROTOCOL, 'content of no length in an empty file', fileHeader('f', 0), fileData(''));
add(PROTOCOL, 'content longer than the block', blockFile(0, 'f', 9), blockHeader(0, 0, 3), fileData('four'));
add(PROTOCOL, 'content of no length in a block', blockFile(0, 'f', 9), blockHeader(0, 0, 3), fileData(''));
add(PROTOCOL, 'a file that ends early', fileHeader('f', 3), fileData('tw'), fileEnd());
add(PROTOCOL, 'a large file that ends early', fileHeader('f', 70_000), fileData('tw'), fileEnd());
add(PROTOCOL, 'a block that ends early', blockFile(0, 'f', 9), blockHeader(0, 0, 3), frame(TYPES.BLOCK_END));
const big = fileHeader('f', 2 ** 32);
add(PROTOCOL, 'a FILE_DATA above 1 MiB', big, frame(TYPES.FILE_DATA, [], 2 ** 20 + 1));
add(PROTOCOL, 'a FILE_DATA of 2^32-1', big, frame(TYPES.FILE_DATA, [], 2 ** 32 - 1));
for (const type of [TYPES.DIR, TYPES.FILE_HDR, TYPES.SKIPPED, TYPES.ALL_DONE, 0x90, 0xff]) {
  add(PROTOCOL, `a frame of type ${type} above 16 KiB`, frame(type, [], 16_385));
  add(PROTOCOL, `a frame of type ${type} of 2^32-1 bytes`, frame(type, [], 2 ** 32 - 1));
}

// --- Fields ----------------------------------------------------------------------------------------------

const VALID: [string, Buffer][] = [
  ['DIR', directory(1, 0, 'd')],
  ['FILE_HDR', fileHeader('f', 100_000)],
  ['SYMLINK', symlink('s', 'x')],
  ['HARD_LINK', hardLink('h', 'f')],
  ['BLOCK_FILE', blockFile(0, 'f', 5)],
  ['BLOCK', blockHeader(0, 0, 5)],
  ['BLOCK_FILE_END', blockFileEnd(0)],
  ['SKIPPED', report(TYPES.SKIPPED, { code: 'EACCES', errno: 13, path: 'p', message: 'm' })],
  ['TOTALS', frame(TYPES.TOTALS, [u64(1), u64(1), u8(1)])],
  ['ALL_DONE', allDone()],
  ['ERROR', report(TYPES.ERROR, { code: 'EACCES', errno: 13, path: 'p', message: 'm' })],
];
for (const [what, valid] of VALID) {
  const payload = valid.subarray(5);
  const type = valid[0] as number;
  add(PROTOCOL, `a ${what} with a byte too many`, frame(type, [payload, u8(0)]));
  add(PROTOCOL, `a ${what} with a byte too few`, frame(type, payload.subarray(0, -1)));
  add(PROTOCOL, `an empty ${what}`, frame(type));
}
add(PROTOCOL, 'a FILE_ABORT with a payload', fileHeader('f', 5), frame(TYPES.FILE_ABORT, u8(0)));
add(PROTOCOL, 'a CONN_DONE with a payload', frame(TYPES.CONN_DONE, u8(0)));
add(PROTOCOL, 'a CONNECTION_NEEDED with a payload', frame(TYPES.CONNECTION_NEEDED, u8(0)));
add(PROTOCOL, 'a mode above 07777', directory(1, 0, 'd', { mode: 0o10755 }));
add(PROTOCOL, 'a mode of 65535', file('f').fill(255, 17, 19));
add(PROTOCOL, 'a whole second of nanoseconds', directory(1, 0, 'd', { nanoseconds: 1_000_000_000 }));
add(PROTOCOL, 'a symlink to nothing', symlink('s', ''));
add(PROTOCOL, 'a symlink with NUL', symlink('s', 'a\0b'));
add(PROTOCOL, 'a symlink of 4,096 bytes', symlink('s', 'x'.repeat(4096)));
const long = [u32(0), attributes(), name('s')];
add(PROTOCOL, 'a target longer than its frame', frame(TYPES.SYMLINK, [...long, u16(65_535), u8(1)]));
add(PROTOCOL, 'a name longer than its frame', frame(TYPES.DIR, [u32(1), u32(0), attributes(), u8(255)]));
add(PROTOCOL, 'neither whole nor given up', blockFile(0, 'f', 5), blockFileEnd(0, 2));
add(
  PROTOCOL,
  'a report with an errno of 4,096',
  frame(TYPES.SKIPPED, [name('E'), u32(4096), text('p'), text('m')]),
);
add(
  PROTOCOL,
  'a report with a path of 8,193 bytes',
  frame(TYPES.SKIPPED, [name('E'), u32(1), text('p'.repeat(8193)), text('m')]),
);
add(PROTOCOL, 'a hash where none is agreed', fileHeader('f', 1), fileData('x'), fileEnd(Buffer.alloc(16)));

// --- Order -----------------------------------------------------------------------------------------------

const ENTRY_TYPES = [
  TYPES.DIR,
  TYPES.FILE_HDR,
  TYPES.SYMLINK,
  TYPES.HARD_LINK,
  TYPES.BLOCK_FILE,
  TYPES.BLOCK,
  TYPES.BLOCK_FILE_END,
  TYPES.SKIPPED,
  TYPES.TOTALS,
  TYPES.CONNECTION_NEEDED,
  TYPES.CONN_DONE,
  TYPES.ALL_DONE,
];
const NEVER_SENT = [TYPES.HELLO, TYPES.HELLO_OK, TYPES.PROGRESS, TYPES.FILE_ERROR];
const UNKNOWN = [0x00, 0x04, 0x0f, 0x1c, 0x24, 0x32, 0x7f];
const STATES: [string, Buffer[], number[]][] = [
  ['between entries', [], [TYPES.FILE_DATA, TYPES.FILE_END, TYPES.FILE_ABORT, TYPES.BLOCK_END]],
  ['in a small file', [fileHeader('f', 5)], [...ENTRY_TYPES, TYPES.BLOCK_END]],
  ['in a large file', [fileHeader('f', 100_000), fileData('x')], [...ENTRY_TYPES, TYPES.BLOCK_END]],
  [
    'in a block',
    [blockFile(0, 'f', 9), blockHeader(0, 0, 5)],
    [...ENTRY_TYPES, TYPES.FILE_END, TYPES.FILE_ABORT],
  ],
  [
    'after CONN_DONE',
    [frame(TYPES.CONN_DONE)],
    [...ENTRY_TYPES, TYPES.FILE_DATA, TYPES.FILE_END, TYPES.FILE_ABORT, TYPES.BLOCK_END],
  ],
  [
    'after ALL_DONE',
    [allDone()],
    [...ENTRY_TYPES, TYPES.FILE_DATA, TYPES.FILE_END, TYPES.FILE_ABORT, TYPES.BLOCK_END],
  ],
];
for (const [state, before, types] of STATES) {
  for (const type of [...types, ...NEVER_SENT, ...UNKNOWN]) {
    const [, valid] = VALID.find(([, each]) => each[0] === type) ?? ['', frame(type)];
    const content = type === TYPES.FILE_DATA ? fileData('x') : valid;
    add(PROTOCOL, `a frame of type 0x${type.toString(16)} ${state}`, ...before, content);
  }
}

// --- The end ---------------------------------------------------------------------------------------------

add(MISMATCH, 'an ALL_DONE that counts too much', file('f', 'x'), allDone({ files: 2, bytes: 1 }));
add(MISMATCH, 'an ALL_DONE that counts too little', file('f', 'x'), allDone());
add(MISMATCH, 'an ALL_DONE with other bytes', file('f', 'x'), allDone({ files: 1, bytes: 2 }));
add(MISMATCH, 'an ALL_DONE whose sum overflows', allDone({ files: MAX, directories: 2 }));
add(
  MISMATCH,
  'an ALL_DONE that counts a file given up',
  fileHeader('f', 9),
  frame(TYPES.FILE_ABORT),
  allDone({ files: 1 }),
);
add(
  PROTOCOL,
  'an ALL_DONE with a file open in blocks',
  blockFile(0, 'f', 5),
  allDone({ files: 1, bytes: 5 }),
);
add(
  'EACCES',
  "the sender's own error",
  report(TYPES.ERROR, { code: 'ERR_KTLS_SYSTEM', errno: 13, path: '', message: '' }),
);
add(
  'ERR_KTLS_PEER',
  "the sender's own error after ALL_DONE",
  allDone(),
  report(TYPES.ERROR, { code: 'ABORT_ERR', errno: 0, path: '', message: '' }),
);

const hashed = (code: string, what: string, ...frames: Buffer[]) =>
  attacks.push({ what, code, frames, verify: true });
hashed(INTEGRITY, 'a wrong hash of a small file', file('f', 'x', 0, Buffer.alloc(16)));
hashed(INTEGRITY, 'a wrong hash of an empty file', file('f', '', 0, Buffer.alloc(16)));
hashed(INTEGRITY, 'a wrong hash of a large file', file('f', 'x'.repeat(100_000), 0, Buffer.alloc(16)));
hashed(INTEGRITY, "another file's hash", file('f', 'x', 0, contentHash('y', 1)));
hashed(INTEGRITY, 'the hash of another place', file('f', 'x', 0, contentHash('x', 2)));
hashed(
  INTEGRITY,
  'a wrong hash of a block',
  blockFile(0, 'f', 1),
  blockHeader(0, 0, 1),
  fileData('x'),
  frame(TYPES.BLOCK_END, Buffer.alloc(16)),
);
hashed(PROTOCOL, 'no hash of a small file', file('f', 'x'));
hashed(PROTOCOL, 'no hash of a large file', file('f', 'x'.repeat(100_000)));
hashed(PROTOCOL, 'a hash of 15 bytes', file('f', 'x', 0, Buffer.alloc(15)));
hashed(PROTOCOL, 'a hash of 17 bytes', file('f', 'x', 0, Buffer.alloc(17)));

// ---------------------------------------------------------------------------------------------------------

t.test('into a folder that is new: each breach has its code, and nothing is left', async (t) => {
  const target = await new Target(t).listen(t);
  for (const [index, { what, code, frames, verify }] of attacks.entries()) {
    const path = [`new ${index}`];
    const { peer } = await target.open({ path, flags: verify === true ? VERIFY : 0 });
    peer.send(...frames);
    const [{ error }, told] = await Promise.all([target.outcome(), peer.errorCode()]);
    peer.destroy();
    t.ok(agrees(error?.code, code), what, { found: error?.code });
    if (!error?.code.startsWith('E') || error.code.startsWith('ERR_')) {
      if (!what.startsWith("the sender's own")) t.equal(told, code, `${what}: the sender is told`);
    }
    const placed = existsSync(join(target.root, path[0] as string));
    t.equal(placed, false, `${what}: nothing is under a final name`);
  }
  t.same(target.damage(), []);
});

t.test('into a folder that is there', async (t) => {
  const target = await new Target(t).listen(t);
  const inside = ['way out'];
  for (const { what, code, frames, verify } of attacks) {
    // What arrived whole in a folder that is there is in place, and a name taken is one replaced.
    if (code === 'EEXIST' || what.endsWith('after ALL_DONE')) continue;
    const { peer } = await target.open({ path: ['old'], flags: verify === true ? VERIFY : 0 });
    peer.send(...frames);
    const [{ error }] = await Promise.all([target.outcome(), peer.errorCode()]);
    peer.destroy();
    t.ok(agrees(error?.code, code), what, { found: error?.code });
  }
  t.same(target.damage(), []);
  for (const entry of readdirSync(join(target.root, 'old'))) {
    if (!inside.includes(entry)) t.match(entry, /^([defghs]|link)$/);
  }
});

t.test('a symlink that was there is not followed', async (t) => {
  const target = await new Target(t).listen(t);
  const ways: [string, string, Buffer[]][] = [
    ['ENOTDIR', 'old', [directory(1, 0, 'way out'), file('file', 'x', 1)]],
    ['ENOTDIR', 'old/way out', [file('file', 'x')]],
    ['ENOTDIR', 'old/way out/deeper', [file('file', 'x')]],
  ];
  for (const [code, path, frames] of ways) {
    const { peer } = await target.open({ path: path.split('/') });
    peer.send(...frames);
    const [{ error }] = await Promise.all([target.outcome(), peer.errorCode()]);
    t.equal(error?.code, code, path);
    peer.destroy();
    t.same(target.damage(), []);
  }
  // A file may take its place.
  const { peer } = await target.open({ path: ['old'] });
  peer.send(file('way out', 'mine'), allDone({ files: 1, bytes: 4 }));
  await peer.expect(TYPES.ALL_DONE);
  peer.end();
  t.match((await target.outcome()).result, { files: 1 });
  t.equal(readFileSync(join(target.root, 'old', 'way out'), 'utf8'), 'mine');
  t.same(target.damage(), []);
});

t.test('the path in HELLO is checked as a name is', async (t) => {
  const target = await new Target(t).listen(t);
  for (const [what, bad] of BAD_NAMES) {
    for (const path of [[bad], ['fine', bad], [bad, 'fine']]) {
      const peer = await dialHostile(target.port, target.secret);
      peer.send(hello({ path }));
      // Before HELLO_OK it is a connection that failed, afterwards a transfer.
      const heard = Promise.race([
        target.outcome().then(({ error }) => error?.code),
        once(target.receiver, 'connectionError').then(([{ code }]) => code),
      ]);
      t.same([await heard, await peer.errorCode()], [UNSAFE, UNSAFE], what);
      peer.destroy();
    }
  }
  t.same(target.damage(), []);
  t.same(readdirSync(target.root), ['old']);
});

t.test('what comes after ALL_DONE was answered is an error too', async (t) => {
  const target = await new Target(t).listen(t);
  const { peer } = await target.open({ path: ['late'] });
  peer.send(file('f', 'x'), allDone({ files: 1, bytes: 1 }));
  await peer.expect(TYPES.ALL_DONE);
  peer.send(file('g', 'y'));
  const [{ error }] = await Promise.all([target.outcome(), peer.errorCode()]);
  t.match(error, { code: PROTOCOL });
  peer.destroy();
  t.same(readdirSync(join(target.root, 'late')), ['f']);
  t.same(target.damage(), []);
});

t.test("a sender's error is escaped before it is shown", async (t) => {
  const target = await new Target(t).listen(t);
  const { peer } = await target.open();
  const evil = '\u001b[2Jgone\r\n\u202e';
  peer.send(report(TYPES.ERROR, { code: 'ERR_KTLS_PEER', errno: 0, path: evil, message: evil }));
  const [{ error }] = await Promise.all([target.outcome(), peer.errorCode()]);
  peer.destroy();
  t.equal(error?.code, 'ERR_KTLS_PEER');
  t.match(error?.message, /\\u\{1b\}\[2Jgone/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  t.notMatch(`${error?.message}${error?.path}`, /[\u0000-\u001f\u202e]/);
});

t.test('times at the limits of their integers are written or refused, not wrong', async (t) => {
  const target = await new Target(t).listen(t);
  for (const seconds of [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n, 2n ** 32n]) {
    const { peer } = await target.open({ path: [`time ${seconds}`] });
    peer.send(fileHeader('f', 0, 0, { seconds, nanoseconds: 999_999_999 }), fileEnd(), allDone({ files: 1 }));
    const answered = peer.next().then(() => peer.end());
    const [{ result, error }] = await Promise.all([target.outcome(), answered]);
    t.ok(result !== undefined || /^E[A-Z]+$/.test(error?.code ?? ''), `${seconds}: ${error?.code}`);
  }
  t.same(target.damage(), []);
});
