// A file that is about to be served: opened, and known by its attributes.
import { closeSync, createReadStream, fstatSync, type ReadStream, read, type Stats } from 'node:fs';
import { promisify } from 'node:util';

import { native } from '../native';

const readAsync = promisify(read);

export class ServedFile {
  #open = true;

  /** @param fd - It belongs to this object from now on. */
  private constructor(
    readonly fd: number,
    readonly stats: Stats,
  ) {}

  /**
   * Opens for reading; confined below `root` where that is given, and `path` is then relative to it.
   *
   * @throws with the errno name; EXDEV for a path that leads out of `root`.
   */
  static async open(path: string, root?: string): Promise<ServedFile> {
    return ServedFile.openCached(path, root) ?? ServedFile.#of(await native().openFile(path, root));
  }

  /** What the kernel has in memory is not worth a thread. Undefined where it has not; throws as open(). */
  static openCached(path: string, root?: string): ServedFile | undefined {
    const fd = native().openCachedFile(path, root);
    return fd === undefined ? undefined : ServedFile.#of(fd);
  }

  static #of(fd: number): ServedFile {
    return new ServedFile(fd, fstatSync(fd));
  }

  /** The bytes, or fewer where the file ends. */
  async read(offset: number, count: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(count);
    const cached = native().readCached(this.fd, offset, buffer);
    if (cached === count) return buffer;
    const { bytesRead } = await readAsync(this.fd, buffer, 0, count, offset);
    return buffer.subarray(0, bytesRead);
  }

  /** Closes itself. */
  stream(start: number, count: number): ReadStream {
    this.#open = false;
    return createReadStream('', { fd: this.fd, start, end: start + count - 1 });
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}
