// A tree of files that is the same for the same options on every machine: for the tests and the demo.
import { createCipheriv, createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';

export interface DatasetOptions {
  /** Regular files, those with odd names included, further hard links to them not. */
  files: number;
  /** Content of all files together. */
  bytes: number;
  /** Another seed gives other content, sizes, modes and times. */
  seed?: string;
}

export interface Dataset {
  files: number;
  /** The root not counted. */
  directories: number;
  symlinks: number;
  /** Further names of files. */
  hardLinks: number;
  bytes: number;
}

const FILES_PER_DIRECTORY = 50;
const SUBDIRECTORIES = 5;
const HARD_LINKS = 5;
const CHUNK = Buffer.alloc(1 << 20);

/** Names that careless code trips over. */
export const ODD_NAMES: readonly Buffer[] = [
  'with space',
  ' leading and trailing ',
  'line\nfeed\r',
  'tab\t and escape \u001b[31m',
  '-leading-dash',
  '--',
  '...',
  '.hidden',
  '~',
  '$(id) `id` %s%n',
  '*?[a-z]{x,y}',
  'quotes \' " and \\ backslash',
  'ünïcödé 文件 🗂',
  'n'.repeat(255),
]
  .map((name) => Buffer.from(name))
  .concat(Buffer.from([0x66, 0xff, 0xfe, 0x80]), Buffer.from([0xc3, 0x28]));

/** Fills the folder `root`, which it makes. About 25,000 small files a second. */
export function makeDataset(root: string, { files, bytes, seed = 'ktls' }: DatasetOptions): Dataset {
  const random = new Random(seed);
  const sizes = shares(files, bytes, random);
  const top = Buffer.from(root);
  const odd = join(top, Buffer.from('odd \n\xff', 'latin1'));
  const directories = [top, odd];
  const count = Math.ceil(files / FILES_PER_DIRECTORY);
  for (let index = 0; index < count; index += 1) {
    const parent = index === 0 ? top : directories[2 + Math.floor((index - 1) / SUBDIRECTORIES)];
    directories.push(join(parent as Buffer, Buffer.from(`d${index}`)));
  }
  directories.push(join(top, Buffer.from('empty')), join(odd, Buffer.from('-empty')));
  for (const path of directories) mkdirSync(path);

  const paths = sizes.map((size, index) => {
    const name = ODD_NAMES[index];
    const folder = directories[2 + Math.floor(index / FILES_PER_DIRECTORY)] as Buffer;
    const path = name === undefined ? join(folder, Buffer.from(`f${index}.bin`)) : join(odd, name);
    writeFile(path, size, random);
    return path;
  });
  const hardLinks = paths.slice(0, HARD_LINKS);
  hardLinks.forEach((path, index) => {
    linkSync(path, join(top, Buffer.from(`hard link ${index}`)));
  });
  const targets = ['hard link 0', 'd0', '../..', '/nonexistent/target', 'x'.repeat(4000)].map((x) =>
    Buffer.from(x),
  );
  const symlinks = [...targets, ...ODD_NAMES];
  symlinks.forEach((target, index) => {
    const path = join(top, Buffer.from(`symlink ${index}`));
    symlinkSync(target, path);
    const time = random.time();
    lutimesSync(path, time, time);
  });

  // Last, and the deepest first, for what is made in a folder changes its time.
  for (const path of directories.reverse()) {
    chmodSync(path, random.pick([0o755, 0o750, 0o700, 0o2755, 0o1777]));
    const time = random.time();
    utimesSync(path, time, time);
  }
  return {
    files,
    directories: directories.length - 1,
    symlinks: symlinks.length,
    hardLinks: hardLinks.length,
    bytes,
  };
}

function writeFile(path: Buffer, size: number, random: Random): void {
  const fd = openSync(path, 'wx');
  for (let left = size; left > 0; ) left -= writeSync(fd, random.bytes(Math.min(left, CHUNK.length)));
  fchmodSync(fd, random.pick([0o644, 0o600, 0o755, 0o444, 0o1711]));
  const time = random.time();
  futimesSync(fd, time, time);
  closeSync(fd);
}

/** `total` in `count` parts: a few large, many small, some of nothing. */
function shares(count: number, total: number, random: Random): number[] {
  const weights = Array.from({ length: count }, () => Math.max(0, random.fraction() - 0.05) ** 3);
  const sum = weights.reduce((left, right) => left + right, 0);
  const parts = weights.map((weight) => Math.floor((weight / sum) * total));
  const rest = total - parts.reduce((left, right) => left + right, 0);
  return parts.map((part, index) => (index === parts.length - 1 ? part + rest : part));
}

function join(parent: Buffer, name: Buffer): Buffer {
  return Buffer.concat([parent, Buffer.from('/'), name]);
}

/** The key stream of AES-CTR: fast, and no compressor makes it smaller. */
class Random {
  readonly #stream;

  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest();
    this.#stream = createCipheriv('aes-128-ctr', digest.subarray(0, 16), digest.subarray(16));
  }

  /** At most CHUNK.length. */
  bytes(count: number): Buffer {
    return this.#stream.update(CHUNK.subarray(0, count));
  }

  fraction(): number {
    return this.bytes(4).readUInt32LE() / 2 ** 32;
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.fraction() * values.length)] as T;
  }

  /** Seconds, within thirty years, with a fraction. */
  time(): number {
    return 700_000_000 + this.fraction() * 1_000_000_000 + this.fraction();
  }
}
