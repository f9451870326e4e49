// Files that change while they are sent: each arrives as it was or as it is, or is named in `skipped`; the transfer
// succeeds. A proxy holds the connection while the files change under the sender.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { createReceiver, generateSecret, sendTree } from '../../lib/index';
import { HoldingProxy } from '../helpers/holding-proxy';
import { namesBelow, temporaryNames } from '../helpers/names-below';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const secret = generateSecret();
const host = '127.0.0.1';
const FILES = ['a', 'b', 'c', 'd'];
const SIZE = 16 << 20;
/** What passes before the proxy holds: with all that the sockets on the way hold, less than one file. */
const HELD_AFTER = 8 << 20;

const OLD = Buffer.alloc(SIZE, 'old');
const NEW = Buffer.alloc(SIZE, 'new');

interface Change {
  what: string;
  change(path: string): void;
  /** What a file that had been opened before may be skipped with, and one that is opened afterwards. */
  codes: string[];
  /** Content a file may have that is opened afterwards; null when it can have none. */
  now: Buffer | null;
  /** Whether a file that was open when it changed must be skipped. */
  seen: boolean;
}

const CHANGED = 'ERR_KTLS_FILE_CHANGED';
const changes: Change[] = [
  {
    what: 'shrinks',
    change: (path) => truncateSync(path, SIZE / 2),
    codes: [CHANGED],
    now: OLD.subarray(0, SIZE / 2),
    seen: true,
  },
  {
    what: 'is emptied',
    change: (path) => truncateSync(path, 0),
    codes: [CHANGED],
    now: Buffer.alloc(0),
    seen: true,
  },
  {
    what: 'grows',
    change: (path) => appendFileSync(path, 'more'),
    codes: [CHANGED],
    now: Buffer.concat([OLD, Buffer.from('more')]),
    seen: true,
  },
  {
    what: 'is written anew',
    change: (path) => writeFileSync(path, NEW),
    codes: [CHANGED],
    now: NEW,
    seen: true,
  },
  { what: 'vanishes', change: (path) => rmSync(path), codes: ['ENOENT'], now: null, seen: false },
  {
    what: 'is replaced by another',
    change: (path) => {
      writeFileSync(`${path}.new`, NEW);
      renameSync(`${path}.new`, path);
    },
    codes: [CHANGED],
    now: NEW,
    seen: false,
  },
  {
    what: 'is replaced by a FIFO',
    change: (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    codes: [CHANGED],
    now: null,
    seen: false,
  },
  {
    what: 'is replaced by a symlink',
    change: (path) => {
      rmSync(path);
      symlinkSync('/etc/passwd', path);
    },
    codes: ['ELOOP', CHANGED],
    now: null,
    seen: false,
  },
  {
    what: 'is replaced by a folder',
    change: (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    codes: [CHANGED],
    now: null,
    seen: false,
  },
];

for (const [way, options] of [
  ['whole', { connections: 1 }],
  ['in blocks', { connections: 2, blockThreshold: 1 << 20 }],
] as const) {
  for (const { what, change, codes, now, seen } of changes) {
    t.test(`sent ${way}, a file ${what}`, async (t) => {
      const source = join(folder, 'source');
      const root = join(folder, 'root');
      mkdirSync(source);
      for (const name of FILES) writeFileSync(join(source, name), OLD);
      const receiver = createReceiver({ root, secret });
      const proxy = await HoldingProxy.open(t, (await receiver.listen({ port: 0, host })).port, HELD_AFTER);
      const sending = sendTree(source, `${host}:${proxy.port}/in`, { secret, ...options });
      await proxy.held;
      for (const name of FILES) change(join(source, name));
      proxy.letGo();
      const result = await sending;
      await receiver.close();

      const skipped = new Map(result.skipped.map(({ path, code }) => [path, code]));
      if (seen) t.ok(skipped.size > 0, 'what was open is given up');
      for (const [path, code] of skipped) t.ok(codes.includes(code), `${path}: ${code}`);
      for (const name of FILES) {
        const there = join(root, 'in', name);
        t.equal(existsSync(there), !skipped.has(name), `${name} is there, or in skipped`);
        if (!existsSync(there)) continue;
        const content = readFileSync(there);
        t.ok(content.equals(OLD) || (now !== null && content.equals(now)), `${name} has no mixed content`);
      }
      t.equal(result.files, FILES.length - skipped.size);
      t.ok(namesBelow(join(root, 'in')).length <= FILES.length);
      t.same(temporaryNames(root), []);
      for (const path of [source, root]) rmSync(path, { recursive: true });
    });
  }
}
