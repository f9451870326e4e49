// Tells every difference between two trees, byte for byte; names are bytes, not text.
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';

export type Aspect =
  | 'missing'
  | 'unexpected'
  | 'type'
  | 'mode'
  | 'mtime'
  | 'owner'
  | 'size'
  | 'content'
  | 'target'
  | 'links';

export interface Difference {
  /** Relative to the roots, as latin1, so that no byte is lost; '' is the root itself. */
  path: string;
  aspect: Aspect;
  left: string;
  right: string;
}

const CHUNK = 1 << 20;

/**
 * Compares what two folders hold, and the folders themselves: names, types, modes, mtimes (ns), owners, sizes,
 * content, targets of symbolic links, and which names are hard links of one file. Ends after 100 differences.
 *
 * @param ignore aspects that may differ
 */
export function compareTrees(left: string, right: string, ignore: readonly Aspect[] = []): Difference[] {
  return new Comparison(ignore).compare(Buffer.from(left), Buffer.from(right));
}

class Comparison {
  readonly #ignore: ReadonlySet<Aspect>;
  readonly #differences: Difference[] = [];
  readonly #firstNames = [new Map<string, string>(), new Map<string, string>()] as const;
  readonly #buffers = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const;

  constructor(ignore: readonly Aspect[]) {
    this.#ignore = new Set(ignore);
  }

  compare(left: Buffer, right: Buffer): Difference[] {
    this.#entry('', left, right);
    return this.#differences;
  }

  #entry(path: string, left: Buffer, right: Buffer): void {
    const a = lstatSync(left, { bigint: true });
    const b = lstatSync(right, { bigint: true });
    if (!this.#same(path, 'type', type(a), type(b))) return;
    this.#same(path, 'mtime', a.mtimeNs, b.mtimeNs);
    this.#same(path, 'owner', `${a.uid}:${a.gid}`, `${b.uid}:${b.gid}`);
    if (a.isSymbolicLink()) {
      const targets = [left, right].map((link) =>
        readlinkSync(link, { encoding: 'buffer' }).toString('latin1'),
      );
      this.#same(path, 'target', targets[0], targets[1]);
      return;
    }
    this.#same(path, 'mode', (a.mode & 0o7777n).toString(8), (b.mode & 0o7777n).toString(8));
    if (a.isDirectory()) this.#folder(path, left, right);
    if (!a.isFile()) return;
    this.#same(path, 'links', this.#firstName(0, a, path), this.#firstName(1, b, path));
    if (this.#same(path, 'size', a.size, b.size)) this.#content(path, left, right);
  }

  #folder(path: string, left: Buffer, right: Buffer): void {
    const names = new Set(list(left));
    const others = new Set(list(right));
    for (const name of [...new Set([...names, ...others])].sort()) {
      if (this.#differences.length >= 100) return;
      const below = path === '' ? name : `${path}/${name}`;
      if (!others.has(name)) this.#differ(below, 'missing', 'there', 'missing');
      else if (!names.has(name)) this.#differ(below, 'unexpected', 'missing', 'there');
      else this.#entry(below, child(left, name), child(right, name));
    }
  }

  #content(path: string, left: Buffer, right: Buffer): void {
    const fds = [openSync(left, 'r'), openSync(right, 'r')] as const;
    const [a, b] = this.#buffers;
    for (let offset = 0, count = 1; count > 0; offset += count) {
      count = readSync(fds[0], a, 0, CHUNK, offset);
      const other = readSync(fds[1], b, 0, CHUNK, offset);
      if (count === other && a.compare(b, 0, count, 0, count) === 0) continue;
      const at = offset + a.subarray(0, count).findIndex((byte, index) => byte !== b[index]);
      this.#differ(path, 'content', `from byte ${at} on`, 'otherwise');
      break;
    }
    for (const fd of fds) closeSync(fd);
  }

  /** The first name, in the order of the walk, under which the file was seen. */
  #firstName(side: 0 | 1, stats: BigIntStats, path: string): string {
    if (stats.nlink === 1n) return path;
    const id = `${stats.dev}:${stats.ino}`;
    const first = this.#firstNames[side].get(id) ?? path;
    this.#firstNames[side].set(id, first);
    return first;
  }

  #same(path: string, aspect: Aspect, left: unknown, right: unknown): boolean {
    if (left === right) return true;
    this.#differ(path, aspect, String(left), String(right));
    return false;
  }

  #differ(path: string, aspect: Aspect, left: string, right: string): void {
    if (!this.#ignore.has(aspect)) this.#differences.push({ path, aspect, left, right });
  }
}

function list(folder: Buffer): string[] {
  return readdirSync(folder, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
}

function child(folder: Buffer, name: string): Buffer {
  return Buffer.concat([folder, Buffer.from(`/${name}`, 'latin1')]);
}

function type(stats: BigIntStats): string {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symbolic link' : 'other';
}
