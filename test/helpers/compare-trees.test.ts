// The comparison that other tests rely on finds every kind of difference, and rsync agrees with it.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { compareTrees, type Difference } from './compare-trees';
import { makeDataset } from './dataset';
import { rsyncDifferences } from './rsync';
import { temporaryFolder } from './temporary-folder';

const root = temporaryFolder(t);
const left = join(root, 'left');
const options = { files: 120, bytes: 1_000_000 };

function copy(name: string): string {
  const path = join(root, name);
  spawnSync('cp', ['-a', left, path], { stdio: 'inherit' });
  return path;
}

/** Changes something, and gives the times back that this changed by the way. */
function quietly(paths: string[], change: () => void): void {
  const times = paths.map((path) => lstatSync(path));
  change();
  paths.forEach((path, index) => {
    const { atime, mtime } = times[index] as { atime: Date; mtime: Date };
    lutimesSync(path, atime, mtime);
  });
}

t.test('a data set is the same again for the same seed, and not for another', async (t) => {
  const made = makeDataset(left, options);
  t.match(made, { files: 120, bytes: 1_000_000 });
  makeDataset(join(root, 'again'), options);
  t.same(compareTrees(left, join(root, 'again')), []);
  makeDataset(join(root, 'other'), { ...options, seed: 'other' });
  t.ok(compareTrees(left, join(root, 'other')).length > 10);
});

t.test('a copy has no difference', async (t) => {
  const right = copy('copy');
  t.same(compareTrees(left, right), []);
  t.same(rsyncDifferences(left, right), []);
});

const changes: [string, Difference['aspect'], string, (right: string) => void][] = [
  ['a file is missing', 'missing', 'd0/f30.bin', (right) => rmSync(join(right, 'd0/f30.bin'))],
  [
    'an empty folder is missing',
    'missing',
    'empty',
    (right) => rmSync(join(right, 'empty'), { recursive: true }),
  ],
  ['a file too many', 'unexpected', 'd0/new', (right) => writeFileSync(join(right, 'd0/new'), '')],
  ['a temporary name is left', 'unexpected', '.x.tmp', (right) => mkdirSync(join(right, '.x.tmp'))],
  ['a mode', 'mode', 'd0/f31.bin', (right) => chmodSync(join(right, 'd0/f31.bin'), 0o777)],
  ['a mode of a folder', 'mode', 'd0', (right) => chmodSync(join(right, 'd0'), 0o711)],
  ['a mode of the root', 'mode', '', (right) => chmodSync(right, 0o711)],
  ['a time', 'mtime', 'd0/f32.bin', (right) => utimesSync(join(right, 'd0/f32.bin'), 1, 1.5)],
  ['a time of a folder', 'mtime', 'empty', (right) => utimesSync(join(right, 'empty'), 1, 1.5)],
  ['a time of a link', 'mtime', 'symlink 1', (right) => lutimesSync(join(right, 'symlink 1'), 1, 1.5)],
  ['a size', 'size', 'd0/f33.bin', (right) => appendFileSync(join(right, 'd0/f33.bin'), 'x')],
  [
    'a byte',
    'content',
    'd0/f34.bin',
    (right) => {
      const path = join(right, 'd0/f34.bin');
      quietly([path], () => writeFileSync(path, Buffer.alloc(lstatSync(path).size)));
    },
  ],
  [
    'a target of a link',
    'target',
    'symlink 1',
    (right) => {
      const path = join(right, 'symlink 1');
      const { atime, mtime } = lstatSync(path);
      rmSync(path);
      symlinkSync('d1', path);
      lutimesSync(path, atime, mtime);
    },
  ],
  [
    'a link followed',
    'type',
    'symlink 0',
    (right) => {
      const path = join(right, 'symlink 0');
      const target = readlinkSync(path);
      rmSync(path);
      copyFileSync(join(right, target), path);
    },
  ],
  [
    'a hard link broken',
    'links',
    'odd \n\u00ff/with space',
    (right) => {
      const path = join(right, 'hard link 0');
      spawnSync('cp', ['-a', path, `${path}.new`]);
      renameSync(`${path}.new`, path);
    },
  ],
  [
    'a hard link too many',
    'links',
    'd0/f36.bin',
    (right) => {
      rmSync(join(right, 'd0/f36.bin'));
      linkSync(join(right, 'd0/f35.bin'), join(right, 'd0/f36.bin'));
    },
  ],
];

for (const [what, aspect, path, change] of changes) {
  t.test(what, async (t) => {
    const right = copy('changed');
    change(right);
    const found = compareTrees(left, right);
    t.ok(
      found.some((difference) => difference.aspect === aspect && difference.path === path),
      `${aspect} of '${path}'`,
      { found },
    );
    t.not(rsyncDifferences(left, right).length, 0, 'rsync sees it too');
    rmSync(right, { recursive: true });
  });
}
