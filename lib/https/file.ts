// A file that is about to be served: opened, and known by its attributes.
import { constants, createReadStream, fstatSync, type ReadStream, read, type Stats } from 'node:fs';
import { promisify } from 'node:util';

import { native } from '../native';

const readAsync = promisify(read);

/** What a stream does with a descriptor of the addon's. */
const STREAMED = {
  read,
  close(fd: number, done: () => void) {
    native().closeDescriptor(fd);
    done();
  },
};

/** What openCachedFile() says of a file. */
const facts = new Float64Array(3);

export class ServedFile {
  #open = true;
  #stats: Stats | undefined;

  /** @param fd - It belongs to this object from now on. */
  private constructor(
    readonly fd: number,
    private readonly mode: number,
    /** Bytes. */
    readonly size: number,
    readonly mtimeMs: number,
  ) {}

  /**
   * Opens for reading; confined below `root` where that is given, and `path` is then relative to it.
   *
   * @throws with the errno name; EXDEV for a path that leads out of `root`.
   */
  static async open(path: string, root?: string): Promise<ServedFile> {
    const cached = ServedFile.openCached(path, root);
    if (cached !== undefined) return cached;
    const fd = await native().openFile(path, root);
    const { mode, size, mtimeMs } = fstatSync(fd);
    return new ServedFile(fd, mode, size, mtimeMs);
  }

  /** What the kernel has in memory is not worth a thread. Undefined where it has not; throws as open(). */
  static openCached(path: string, root?: string): ServedFile | undefined {
    const fd = native().openCachedFile(path, root, facts);
    if (fd === undefined) return undefined;
    const [mode = 0, size = 0, mtimeMs = 0] = facts;
    return new ServedFile(fd, mode, size, mtimeMs);
  }

  get isFile(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFREG;
  }

  get isDirectory(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFDIR;
  }

  /** For those who want all of it. */
  get stats(): Stats {
    this.#stats ??= fstatSync(this.fd);
    return this.#stats;
  }

  /** The bytes, or fewer where the file ends. */
  async read(offset: number, count: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(count);
    const cached = native().readCached(this.fd, offset, buffer);
    if (cached === count) return buffer;
    const { bytesRead } = await readAsync(this.fd, buffer, 0, count, offset);
    return buffer.subarray(0, bytesRead);
  }

  /** The descriptor, which is the caller's from now on. */
  release(): number {
    this.#open = false;
    return this.fd;
  }

  /** Closes itself. */
  stream(start: number, count: number): ReadStream {
    return createReadStream('', { fd: this.release(), start, end: start + count - 1, fs: STREAMED });
  }

  close(): void {
    if (this.#open) native().closeDescriptor(this.fd);
    this.#open = false;
  }
}
