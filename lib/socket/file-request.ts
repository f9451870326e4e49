// A range of a file that waits for its turn among a socket's writes.
import { constants, fstatSync, type PathLike } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

import type { SendFileOptions } from '../../types/index';
import { AbortError, KtlsError } from '../errors';
import type { NativeSocket } from '../native';
import { invalid } from './options';

/** A path, a FileHandle or a descriptor; the last two stay open, and stay the caller's. */
export type FileSource = PathLike | FileHandle | number;

interface Range {
  fd: number;
  offset: number;
  count: number;
}

const isPath = (source: unknown): source is PathLike =>
  typeof source === 'string' || Buffer.isBuffer(source) || source instanceof URL;

export class FileRequest {
  #settled = false;
  #stop: (() => void) | undefined;

  /** @throws ERR_KTLS_INVALID_OPTION, AbortError */
  constructor(
    private readonly source: FileSource,
    private readonly options: SendFileOptions,
    private readonly resolve: (bytes: number) => void,
    private readonly reject: (error: Error) => void,
  ) {
    const { start = 0, end = start, signal } = options;
    const isHandle = typeof source === 'object' && source !== null && 'fd' in source;
    if (!isPath(source) && !isHandle && !(Number.isInteger(source) && (source as number) >= 0)) {
      throw invalid('source', 'must be a path, a FileHandle or a descriptor');
    }
    if (!Number.isSafeInteger(start) || start < 0) throw invalid('start', 'must be an integer, 0 or more');
    if (!Number.isSafeInteger(end) || end < start - 1) {
      throw invalid('end', 'must be an integer, not before start: it is the last byte sent');
    }
    if (signal?.aborted) throw new AbortError({ cause: signal.reason });
    signal?.addEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    // What is on its way is stopped first, so that the caller knows how far it went.
    if (this.#stop) this.#stop();
    else this.fail(this.#aborted());
  };

  #aborted(): AbortError {
    return new AbortError({ cause: this.options.signal?.reason });
  }

  /**
   * Never rejects; resolves with an error where nothing more can be sent on this connection. `destroyed` tells
   * whether the socket is, and why.
   */
  async run(native: NativeSocket, destroyed: () => Error | boolean): Promise<Error | undefined> {
    if (this.#settled) return undefined;
    let handle: FileHandle | undefined;
    let sending = false;
    try {
      const { source } = this;
      // A FIFO without a writer would otherwise hold one of the few threads that files have.
      if (isPath(source)) handle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK);
      const range = this.#range(typeof source === 'number' ? source : (handle ?? (source as FileHandle)).fd);
      if (this.#settled || destroyed()) throw this.#aborted();
      this.#stop = () => native.cancelJob();
      const sent = native.sendFile(range.fd, range.offset, range.count, [], false);
      sending = true;
      this.#succeed(await sent);
    } catch (caught) {
      return this.#judge(caught as KtlsError, sending, destroyed());
    } finally {
      this.#stop = undefined;
      handle?.close().catch(() => {});
    }
    return undefined;
  }

  #judge(error: KtlsError, sending: boolean, destroyed: Error | boolean): Error | undefined {
    if (destroyed) {
      this.fail(destroyed instanceof Error ? destroyed : new AbortError());
      return undefined;
    }
    this.fail(error.code === 'ABORT_ERR' ? this.#aborted() : error);
    // Before native code had it, and where the file is to blame, nothing is wrong with the connection.
    const ofFile = ['ABORT_ERR', 'ERR_KTLS_FILE_CHANGED'].includes(error.code) || error.syscall === 'pread';
    return sending && !ofFile ? error : undefined;
  }

  #range(fd: number): Range {
    const { start = 0, end } = this.options;
    // Of an open file: nothing is looked up.
    const stats = fstatSync(fd);
    if (!stats.isFile()) {
      throw new KtlsError('ERR_KTLS_FILE_TYPE', 'sendFile() sends regular files only: pipe anything else');
    }
    if (start > stats.size)
      throw invalid('start', `is behind the end of the file, which has ${stats.size} bytes`);
    return { fd, offset: start, count: (end === undefined ? stats.size : end + 1) - start };
  }

  #succeed(bytes: number): void {
    if (this.#finish()) this.resolve(bytes);
  }

  fail(error: Error): void {
    if (this.#finish()) this.reject(error);
  }

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
