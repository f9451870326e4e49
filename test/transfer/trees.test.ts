// Trees that careless code trips over, each the same at the other end.
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { generateSecret } from '../../lib/index';
import type { SendTreeOptions } from '../../types/index';
import { compareTrees } from '../helpers/compare-trees';
import { ODD_NAMES } from '../helpers/dataset';
import { rsyncDifferences } from '../helpers/rsync';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';

const folder = temporaryFolder(t);
const secret = generateSecret();
let count = 0;

function fresh(): string {
  const path = join(folder, `source ${count++}`);
  mkdirSync(path);
  return path;
}

async function same(t: Test, source: string, options: SendTreeOptions = {}) {
  const destination = `${source} arrived`;
  const { ownership = false } = options;
  const { sent } = await transfer(source, destination, { secret, ...options }, { secret, ownership });
  t.same(compareTrees(source, destination), []);
  t.same(rsyncDifferences(source, destination), []);
  return { sent, destination };
}
type Test = { same: typeof t.same };

t.test('one sparse file of 3 GiB', async (t) => {
  const source = fresh();
  const fd = openSync(join(source, 'sparse'), 'w');
  const size = 3 * 2 ** 30;
  ftruncateSync(fd, size);
  const places = [0, 2 ** 31 - 4, 2 ** 31 + 9, size - 5];
  for (const place of places) writeSync(fd, 'data!', place);
  closeSync(fd);
  const destination = `${source} arrived`;
  const { sent } = await transfer(source, destination, { secret, connections: 4 }, { secret });
  t.match(sent, { files: 1, bytes: size });
  t.same(compareTrees(source, destination), []);
  rmSync(destination, { recursive: true });
});

t.test('nothing at all, and nothing but empty files and folders', async (t) => {
  const source = fresh();
  t.match((await same(t, source)).sent, { files: 0, directories: 0, bytes: 0 });
  const hollow = fresh();
  for (let index = 0; index < 300; index += 1) {
    mkdirSync(join(hollow, `d${index}`));
    writeFileSync(join(hollow, `d${index % 7}`, `f${index}`), '');
  }
  t.match((await same(t, hollow, { connections: 4 })).sent, { files: 300, directories: 300, bytes: 0 });
});

t.test('names of every byte, and of 255 bytes', async (t) => {
  const source = fresh();
  const top = Buffer.from(`${source}/`);
  for (let byte = 1; byte < 256; byte += 1) {
    if (byte === 0x2f) continue;
    for (const name of [Buffer.of(byte, 0x78), Buffer.alloc(255, byte)]) {
      if (name.toString() === '.x') continue;
      writeFileSync(Buffer.concat([top, name]), name);
    }
  }
  for (const name of ODD_NAMES) mkdirSync(Buffer.concat([top, Buffer.from('in '), name.subarray(0, 250)]));
  const { sent, destination } = await same(t, source);
  t.equal(sent.files, 507);
  t.equal(readdirSync(destination, 'buffer').length, 507 + ODD_NAMES.length);
});

t.test('200 levels of folders, with names of 255 bytes at the end', async (t) => {
  const source = fresh();
  const cwd = process.cwd();
  t.teardown(() => process.chdir(cwd));
  process.chdir(source);
  for (let depth = 0; depth < 200; depth += 1) {
    writeFileSync('file', `${depth}`);
    symlinkSync('../file', 'link');
    const name = depth < 190 ? 'd' : 'long'.padEnd(255, '-');
    mkdirSync(name);
    process.chdir(name);
  }
  process.chdir(cwd);
  const { sent } = await same(t, source, { connections: 4 });
  t.match(sent, { files: 200, directories: 200, symlinks: 200 });
});

t.test('sizes around every boundary', async (t) => {
  const source = fresh();
  const content = Buffer.alloc((1 << 20) + 70_000, 'the quick brown fox. ');
  for (const edge of [16_384, 65_536, 131_072, 262_144, 524_288, 655_360, 1 << 20]) {
    for (const size of [edge - 22, edge - 1, edge, edge + 1]) {
      writeFileSync(join(source, `${size}`), content.subarray(0, size));
    }
  }
  for (const blockThreshold of [4000, 16_384, 100_000]) {
    const { destination } = await same(t, source, { blockThreshold, connections: 3 });
    rmSync(destination, { recursive: true });
  }
});

t.test('modes and times of all kinds', async (t) => {
  const source = fresh();
  for (let mode = 0; mode <= 0o7777; mode += 0o111) {
    writeFileSync(join(source, `f${mode}`), 'x');
    chmodSync(join(source, `f${mode}`), mode);
  }
  const times = [-1, -0.5, 0, 1e-3, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 0.25, -(2 ** 31)];
  for (const time of times) {
    writeFileSync(join(source, `t${time}`), '');
    utimesSync(join(source, `t${time}`), time, time);
  }
  mkdirSync(join(source, 'closed'));
  writeFileSync(join(source, 'closed', 'file'), 'x');
  for (const [name, mode] of [
    ['closed', 0],
    ['', 0o500],
  ] as const) {
    chmodSync(join(source, name), mode);
  }
  utimesSync(source, 1, 2);
  // A receiver that is root keeps no set-ID bits without.
  const { destination } = await same(t, source, { ownership: true });
  t.equal(statSync(join(destination, 'closed')).mode & 0o7777, 0);
});
