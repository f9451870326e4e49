// A destination that cannot take what comes: a full disk, no permission; and a source that cannot be read. Both ends
// name the file, the call's error and its number.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { createReceiver, generateSecret, sendTree } from '../../lib/index';
import type { SendTreeOptions, TransferResult } from '../../types/index';
import { asNobody, copying, NOBODY } from '../helpers/as-nobody';
import { compareTrees } from '../helpers/compare-trees';
import { temporaryNames } from '../helpers/names-below';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const secret = generateSecret();
const host = '127.0.0.1';

function mount(t: { teardown(handler: () => void): void }, path: string): void {
  mkdirSync(path);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', path], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a tmpfs is needed: ${stderr}`);
  t.teardown(() => spawnSync('umount', ['-l', path]));
}

async function both(source: string, root: string, options: SendTreeOptions) {
  const receiver = createReceiver({ root, secret });
  const received = new Promise<unknown>((resolve) =>
    receiver.once('transfer', (incoming) => incoming.then(resolve, resolve)),
  );
  const { port } = await receiver.listen({ port: 0, host });
  const sent: unknown = await sendTree(source, `${host}:${port}/in`, { secret, ...options }).catch(
    (error) => error,
  );
  const outcome = { sent, received: await received };
  await receiver.close({ abort: true });
  return outcome;
}

for (const [way, blockThreshold] of [
  ['whole', 1 << 30],
  ['in blocks', 100_000],
] as const) {
  t.test(`a full disk, files ${way}`, async (t) => {
    const disk = join(folder, `disk ${way}`);
    mount(t, disk);
    const source = join(folder, `source ${way}`);
    mkdirSync(source);
    writeFileSync(join(source, 'large'), Buffer.alloc(9 << 20));
    for (let index = 0; index < 20; index += 1) writeFileSync(join(source, `small ${index}`), 'content');

    // In turn: beside the large one, a small one might be the first that finds no space.
    const stopped = await both(source, disk, { blockThreshold, connections: 1 });
    const full = { code: 'ENOSPC', errno: 28, path: 'large' };
    t.match(stopped, { sent: full, received: full });
    t.same(temporaryNames(disk), []);

    const went = await both(source, disk, { blockThreshold, onError: 'continue' });
    for (const end of [went.sent, went.received]) {
      // While the large one fills the disk, others may find no space either.
      const { files, skipped } = end as TransferResult;
      t.equal(files + skipped.length, 21);
      t.ok(skipped.some(({ path }) => path === 'large'));
      for (const { path, code } of skipped) t.equal(code, 'ENOSPC', path);
    }
    t.same(temporaryNames(disk), []);
  });
}

t.test(
  'what may not be read is skipped and named; where nothing may be written, that is the error',
  async (t) => {
    chmodSync(folder, 0o755);
    const source = join(folder, 'guarded');
    mkdirSync(join(source, 'closed'), { recursive: true });
    for (const name of ['open', 'private', 'closed/inside']) writeFileSync(join(source, name), 'content');
    chmodSync(join(source, 'private'), 0o600);
    chmodSync(join(source, 'closed'), 0o700);
    const root = join(folder, 'of nobody');
    mkdirSync(root);
    chownSync(root, NOBODY, NOBODY);
    const result = asNobody(copying(source, root, secret, "onError: 'continue'"));
    t.equal(result.files, 1);
    t.same(result.skipped.map(({ path, code }: { path: string; code: string }) => `${path} ${code}`).sort(), [
      'closed EACCES',
      'private EACCES',
    ]);
    t.equal(statSync(join(root, 'in', 'open')).uid, NOBODY);

    const closed = join(folder, 'of root');
    mkdirSync(closed);
    t.match(asNobody(copying(source, closed, secret)), { code: 'EACCES', errno: 13 });
    t.same(temporaryNames(folder), []);
  },
);

t.test('a folder of somebody else costs no file: it is named, at the end', async (t) => {
  chmodSync(folder, 0o755);
  const source = join(folder, 'shared');
  const names = Array.from({ length: 8 }, (_, index) => `d${index}`);
  for (const name of names) {
    mkdirSync(join(source, name), { recursive: true });
    writeFileSync(join(source, name, 'file'), 'content');
  }
  const root = join(folder, 'shared with nobody');
  for (const [onError, outcome] of [
    ['continue', { files: 8, directories: 8, skipped: [{ path: 'd3', code: 'EPERM' }] }],
    ['stop', { code: 'EPERM', errno: 1, path: 'd3' }],
  ] as const) {
    mkdirSync(join(root, 'in', 'd3'), { recursive: true });
    chownSync(join(root, 'in'), NOBODY, NOBODY);
    chmodSync(join(root, 'in', 'd3'), 0o1777);
    t.match(asNobody(copying(source, root, secret, `onError: '${onError}'`)), outcome);
    for (const name of names) t.same(readdirSync(join(root, 'in', name)), ['file']);
    t.same(temporaryNames(root), []);
    rmSync(root, { recursive: true });
  }
});

t.test('a tree with read-only folders is taken twice', async (t) => {
  chmodSync(folder, 0o755);
  const source = join(folder, 'read-only');
  mkdirSync(join(source, 'closed'), { recursive: true });
  writeFileSync(join(source, 'closed', 'file'), 'content');
  for (const path of [join(source, 'closed'), source]) chmodSync(path, 0o555);
  const root = join(folder, 'twice');
  mkdirSync(root);
  chownSync(root, NOBODY, NOBODY);
  for (const _ of ['first', 'second']) {
    t.match(asNobody(copying(source, root, secret)), { files: 1, skipped: [] });
    t.same(compareTrees(source, join(root, 'in'), ['owner']), []);
  }
});

t.test('what is below a folder that cannot be made is named by its whole path', async (t) => {
  const source = join(folder, 'deep');
  mkdirSync(join(source, 'x', 'y', 'z'), { recursive: true });
  for (const name of ['x/g', 'x/y/f', 'x/y/z/large'])
    writeFileSync(join(source, name), Buffer.alloc(200_000));
  symlinkSync('target', join(source, 'x', 'y', 'l'));
  linkSync(join(source, 'x', 'g'), join(source, 'x', 'y', 'h'));
  writeFileSync(join(source, 'x', 'y', 'small'), 'content');
  for (const options of [{}, { blockThreshold: 100_000 }]) {
    const root = join(folder, 'in the way');
    mkdirSync(join(root, 'in'), { recursive: true });
    writeFileSync(join(root, 'in', 'x'), 'content');
    const went = await both(source, root, { onError: 'continue', connections: 1, ...options });
    for (const end of [went.sent, went.received]) {
      const paths = (end as TransferResult).skipped.map(({ path }) => path);
      t.same(paths.sort(), [
        'x',
        'x/g',
        'x/y',
        'x/y/f',
        'x/y/h',
        'x/y/l',
        'x/y/small',
        'x/y/z',
        'x/y/z/large',
      ]);
    }
    rmSync(root, { recursive: true });
  }
});
