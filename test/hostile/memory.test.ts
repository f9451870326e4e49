// What a hostile sender can make a receiver hold is bounded: floods at a receiver that is a process of its own, whose
// peak is read from /proc.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';

import { generateSecret } from '../../lib/index';
import { RunningCommand } from '../helpers/command';
import { openHostile } from '../helpers/hostile-peer';
import { temporaryNames } from '../helpers/names-below';
import { temporaryFolder } from '../helpers/temporary-folder';
import {
  allDone,
  blockFile,
  blockHeader,
  directory,
  fileData,
  fileHeader,
  frame,
  report,
  symlink,
  TYPES,
  u8,
  u64,
} from '../helpers/transfer-frames';

const MIB = 1 << 20;
const folder = temporaryFolder(t);
const root = join(folder, 'root');
mkdirSync(root);
const secret = generateSecret();

function peak(pid: number): number {
  const [, kib] = readFileSync(`/proc/${pid}/status`, 'latin1').match(/VmHWM:\s+(\d+) kB/) ?? [];
  return Number(kib) * 1024;
}

const repeat = (count: number, one: Buffer) => Buffer.alloc(one.length * count, one);
const numbered = (count: number, one: (index: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => one(index)));

// One byte every second one: none of the gaps ever closes.
const gaps = () =>
  Buffer.concat([
    blockFile(0, 'f', 2 ** 40),
    numbered(262_145, (index) =>
      Buffer.concat([blockHeader(0, index * 2, 1), fileData('x'), frame(TYPES.BLOCK_END)]),
    ),
  ]);

/** What, the code it ends with, and how many MiB it may cost. */
const floods: [string, string, number, () => Buffer][] = [
  ['a million empty frames', 'ERR_KTLS_TRUNCATED', 16, () => repeat(1_000_000, frame(0x80))],
  [
    'ignorable frames of 16 KiB',
    'ERR_KTLS_TRUNCATED',
    16,
    () => repeat(4000, frame(0xff, Buffer.alloc(16_384))),
  ],
  [
    'a million TOTALS',
    'ERR_KTLS_TRUNCATED',
    16,
    () => repeat(1_000_000, frame(TYPES.TOTALS, [u64(2n ** 64n - 1n), u64(2n ** 64n - 1n), u8(1)])),
  ],
  ['the same directory 200,000 times', 'ERR_KTLS_TRUNCATED', 16, () => repeat(200_000, directory(1, 0, 'd'))],
  [
    'files of 2^62 bytes that are given up',
    'ERR_KTLS_TRUNCATED',
    16,
    () => repeat(3000, Buffer.concat([fileHeader('f', 2n ** 62n), frame(TYPES.FILE_ABORT)])),
  ],
  [
    'more large files than may be open',
    'ERR_KTLS_LIMIT',
    32,
    () => numbered(1100, (id) => blockFile(id, `f${id}`, 5)),
  ],
  ['more gaps than may be open', 'ERR_KTLS_LIMIT', 64, gaps],
  [
    'directory numbers far apart',
    'ERR_KTLS_TRUNCATED',
    16,
    () => numbered(2000, (id) => directory(4_194_303 - id, 0, `d${id}`)),
  ],
  [
    'targets of 4,095 bytes',
    'ERR_KTLS_TRUNCATED',
    16,
    () => numbered(3000, (id) => symlink(`s${id}`, 'x'.repeat(4095))),
  ],
  [
    'reports with the longest paths',
    'ERR_KTLS_TRUNCATED',
    160,
    () =>
      repeat(
        20_000,
        report(TYPES.SKIPPED, {
          code: 'E'.repeat(255),
          errno: 1,
          path: 'p'.repeat(8192),
          message: 'm'.repeat(1024),
        }),
      ),
  ],
];

t.test('floods', async (t) => {
  const command = new RunningCommand(['recv', root, '--listen', '127.0.0.1:0', '--keep'], {
    env: { KTLS_TRANSFER_SECRET: secret },
  });
  t.teardown(() => command.kill('SIGKILL'));
  const { port } = await command.event('listening');
  const pid = command.child.pid as number;
  const failures = () => command.lines.filter(({ event }) => event === 'error' || event === 'result');

  const session = async (index: number, bytes: Buffer) => {
    const { peer } = await openHostile(port, secret, { path: [`to ${index}`] });
    const told = peer.errorCode();
    await peer.sendAll(bytes);
    peer.end();
    await told;
    peer.destroy();
    while (failures().length <= index) await delay(10);
    return failures()[index];
  };
  // The first transfer allocates what every transfer needs.
  await session(0, allDone({ files: 1 }));
  for (const [index, [what, code, most, bytes]] of floods.entries()) {
    const before = peak(pid);
    const last = await session(index + 1, bytes());
    t.equal(last?.error?.code, code, what);
    const grown = (peak(pid) - before) / MIB;
    t.ok(grown < most, `${what}: ${grown.toFixed(1)} of ${most} MiB`);
  }
  t.same(temporaryNames(folder), []);
});
