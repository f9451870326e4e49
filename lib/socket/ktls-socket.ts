// A TLS connection as a stream: what a user of tls.TLSSocket expects, over a record layer that may be the
// kernel's. types/socket.d.ts documents each member for users; docs/sockets.md what differs.
import type { SendFileOptions, SocketOptions, Tls12CipherName, UpdateKeyOptions } from '../../types/index';
import { peerAddress } from '../address';
import { AbortError, KtlsError } from '../errors';
import { alertFailure } from '../handshake/failure';
import { type CipherName, type NativeSocket, native, type RecordReport } from '../native';
import { FileRequest, type FileSource } from './file-request';
import { IdleTimer } from './idle-timer';
import { KeyUpdate } from './key-update';
import { OpenRange } from './open-range';
import { idleTimeout } from './options';
import { type Session, SocketFacts, type SocketKeys } from './socket-facts';
import {
  type Callback,
  isPlace,
  lengthOf,
  placeOf,
  type Request,
  type Writer,
  writeInOrder,
} from './write-order';

/** As Node 22 and later have it; less costs throughput. */
const HIGH_WATER_MARK = 64 * 1024;

/**
 * A write of this many bytes is made by a thread, so that whoever encrypts it, the kernel or this package, does not
 * hold the event loop: one that is shorter holds it for half a millisecond at most, less than node:tls does.
 */
const THREADED_WRITE_BYTES = 1024 * 1024;

/** What precedes a file, and is shorter, may share its first record: the record's length (RFC 8446, 5.1). */
const SHARED_HEAD_BYTES = 16 * 1024;

/**
 * For the relay, which takes the connection out of what this returns and reads on where the socket stopped. The
 * socket is then to be destroyed, which leaves the connection alone.
 */
export let handOver: (socket: KtlsSocket) => NativeSocket;

export class KtlsSocket extends SocketFacts {
  static {
    handOver = (socket) => {
      socket.#handedOver = true;
      socket.native.readStop();
      return socket.native;
    };
  }

  readonly encrypted = true;
  readonly connecting = false;
  readonly pending = false;
  readonly authorized: boolean;
  readonly authorizationError: string | undefined;
  readonly record: RecordReport & { cipher: CipherName | Tls12CipherName };
  /** Milliseconds; undefined until setTimeout() was called, as a net.Socket has it. */
  timeout: number | undefined;

  protected readonly native: NativeSocket;
  /** Of fileChunk(), and perhaps not yet written. */
  readonly #unwritten: OpenRange[] = [];
  #reading = false;
  /** The peer's end without close_notify, while what came before it has not been read. */
  #truncated: Error | undefined;
  /** The write, or the end, that native code has not finished. */
  #waiting: Callback | undefined;
  /** Application data that was written and is done with, files not counted. */
  #completed = 0;
  /** Bytes of files, up to the one that is being sent. */
  #fileBytes = 0;
  /** native.bytesWritten where the file that is being sent begins. */
  #fileStart: number | undefined;
  readonly #idle = new IdleTimer(() => this.#onTimeout());
  /** Whether _write() is not done. */
  #writing = false;
  /** native.bytesWritten, when the write that goes on was last looked at. */
  #written = 0;
  #reset = false;
  #handedOver = false;

  constructor(keys: SocketKeys, session: Session | undefined, options: SocketOptions = {}) {
    const { kernel = 'auto', maxRecordsPerKey, allowHalfOpen = false, highWaterMark } = options;
    const { fd, role, cipher, version = 'TLSv1.3', tx, rx } = keys;
    super({ cipher, version }, session, {
      allowHalfOpen,
      emitClose: false,
      highWaterMark: highWaterMark ?? HIGH_WATER_MARK,
    });
    const limit = maxRecordsPerKey === undefined ? {} : { maxRecordsPerKey };
    this.native = new (native().Socket)(
      { fd, tls: { ...(role && { role }), cipher, version, tx, rx, kernel, ...limit } },
      (memory, start, end, lent) => this.#onRead(memory, start, end, lent),
      (error, alert) => this.#onEnd(error, alert),
      (error) => this.#onWritten(error),
      (message) => this.#onTicket(message),
    );
    // Of a suite of TLS 1.2 the record layer knows no more than how it encrypts.
    const suite = version === 'TLSv1.3' ? cipher : (this.getCipher().standardName as Tls12CipherName);
    this.record = { ...this.native.record, cipher: suite };
    this.authorized = session?.authorized ?? false;
    this.authorizationError = session?.authorizationError;
    // The record layer has turned Nagle's algorithm off, which costs bulk nothing and latency much.
    if (options.noDelay === false) this.setNoDelay(false);
    if (options.keepAlive) this.setKeepAlive(true, options.keepAliveInitialDelay);
    // Like a net.Socket: tickets, alerts and the end are met though nobody reads yet.
    setImmediate(() => {
      if (!this.destroyed) this.read(0);
    });
  }

  // --- Reading -------------------------------------------------------------------------------------

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    if (this.native.readStart()) setImmediate(() => this.native.pump());
  }

  override read(size?: number): Buffer | null {
    const chunk = super.read(size);
    if (this.#truncated !== undefined) this.#afterLast(chunk === null && size !== 0);
    return chunk;
  }

  /** In the next tick, as Node tells of an end: whoever has the last chunk may put some of it back. */
  #afterLast(wantsMore: boolean): void {
    process.nextTick(() => {
      if (wantsMore || this.readableLength === 0) this.destroy(this.#truncated);
    });
  }

  #onRead(memory: Buffer, start: number, end: number, lent: boolean): void {
    this.#idle.restart();
    let chunk: Buffer;
    if (lent) {
      chunk = Buffer.allocUnsafe(end - start);
      memory.copy(chunk, 0, start, end);
    } else chunk = memory.subarray(start, end);
    if (!this.push(chunk)) {
      this.#reading = false;
      this.native.readStop();
    }
  }

  #onEnd(error?: Error, alert = -1): void {
    this.#idle.restart();
    if (error === undefined) {
      this.push(null);
      // Emits 'end' also where nobody reads, when nothing is left to be read.
      this.read(0);
      return;
    }
    if ((error as KtlsError).code === 'ERR_KTLS_TRUNCATED' && this.readableLength > 0) {
      this.#truncated = error;
      // Whoever found too little before asks once more.
      this.emit('readable');
      return;
    }
    // What a client is told after its handshake is what the server thinks of it (RFC 8446, 4.4.2.4).
    const refused = alert >= 0 && this.session !== undefined && this.bytesRead === 0;
    this.destroy(
      refused ? alertFailure(alert, this.session.authentication, peerAddress(this) || undefined) : error,
    );
  }

  #onTicket(message: Buffer): void {
    // A server has no use for one.
    if (this.session?.feedTicket === undefined) return;
    this.session.feedTicket(message);
    const session = this.getSession();
    if (session !== undefined) this.emit('session', session);
  }

  // --- Writing -------------------------------------------------------------------------------------

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#writeAll([chunk], chunk.length, callback);
  }

  override _writev(items: { chunk: Buffer }[], callback: Callback): void {
    const chunks = items.map(({ chunk }) => chunk);
    this.#writeAll(chunks, lengthOf(chunks), callback);
  }

  #writeAll(chunks: Buffer[], length: number, callback: Callback): void {
    this.#idle.restart();
    this.#writing = true;
    const done: Callback = (error) => {
      this.#writing = false;
      this.#idle.restart();
      if (!error) this.#completed += length;
      callback(error);
    };
    if (chunks.some(isPlace)) this.#writeInOrder(chunks, done);
    else this.#send(chunks, done);
    if (this.#writing) this.#written = this.native.bytesWritten;
  }

  #writeInOrder(chunks: Buffer[], callback: Callback): void {
    const writer: Writer = {
      send: (some, done) => this.#send(some, done),
      serve: (request, head, done) => this.#serve(request, head, done),
    };
    writeInOrder(chunks, writer, callback);
  }

  #serve(request: Request, head: Buffer[], callback: Callback): void {
    if (request instanceof KeyUpdate) {
      this.#send(head, (error) => (error ? callback(error) : this.#updateKey(request, callback)));
    } else if (request instanceof OpenRange && lengthOf(head) < SHARED_HEAD_BYTES) {
      this.#transmit(request, head, callback);
    } else this.#send(head, (error) => (error ? callback(error) : this.#transmit(request, [], callback)));
  }

  #send(chunks: Buffer[], callback: Callback): void {
    const length = lengthOf(chunks);
    if (length === 0) {
      callback();
      return;
    }
    try {
      if (length >= THREADED_WRITE_BYTES) {
        this.native.writeOnThread(chunks).then(
          () => callback(),
          (error) => this.#failWrite(error, callback),
        );
      } else if (this.native.write(chunks)) callback();
      else this.#waiting = callback;
    } catch (error) {
      this.#failWrite(error as Error, callback);
    }
  }

  #transmit(request: FileRequest | OpenRange, head: Buffer[], callback: Callback): void {
    this.#fileStart = this.native.bytesWritten + lengthOf(head);
    const done = (fatal: Error | undefined): void => {
      this.#fileBytes += this.#sentOfFile();
      this.#fileStart = undefined;
      if (fatal) this.#failWrite(fatal, callback);
      else callback();
    };
    if (request instanceof FileRequest) {
      request.run(this.native, () => this.destroyed && (this.errored ?? true)).then(done);
      return;
    }
    this.#forget(request);
    const ran = request.run(this.native, head);
    if (ran instanceof Promise) ran.then(done);
    else done(ran);
  }

  #updateKey(update: KeyUpdate, callback: Callback): void {
    const done: Callback = (error) => {
      if (!error) update.succeed();
      callback(error);
    };
    try {
      if (this.native.updateKey(update.requestPeer)) done();
      else this.#waiting = done;
    } catch (error) {
      // Where it cannot be done, nothing was, and the connection goes on.
      if ((error as KtlsError).code !== 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED') {
        this.#failWrite(error as Error, callback);
        return;
      }
      update.fail(error as Error);
      callback();
    }
  }

  override _final(callback: Callback): void {
    try {
      if (this.native.shutDown()) callback();
      else this.#waiting = callback;
    } catch (error) {
      this.#failWrite(error as Error, callback);
    }
  }

  #onWritten(error?: Error): void {
    const callback = this.#waiting;
    this.#waiting = undefined;
    if (error && callback) this.#failWrite(error, callback);
    else callback?.();
  }

  /** A peer that takes nothing any more may have said why, or how it ended: that is told rather than EPIPE. */
  #failWrite(error: Error, callback: Callback): void {
    setImmediate(() => {
      if (!this.destroyed) this.native.pump();
      callback(this.#truncated ?? error);
    });
  }

  sendFile(source: FileSource, options: SendFileOptions = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      // Throws into the promise.
      this.#writeInPlace(new FileRequest(source, options, resolve, reject));
    });
  }

  updateKey({ requestPeer = false }: UpdateKeyOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writeInPlace(new KeyUpdate(requestPeer, resolve, reject));
    });
  }

  #writeInPlace(request: FileRequest | KeyUpdate): void {
    if (this.destroyed || this.writableEnded) {
      request.fail(new KtlsError('EPIPE', 'the socket was ended or destroyed: nothing can be sent any more'));
      return;
    }
    this.write(placeOf(request), (error) => {
      if (error) request.fail(this.errored ?? error);
    });
  }

  /**
   * For those who write through a stream of their own: the chunk whose place among the writes is the range's.
   * See OpenRange.
   */
  fileChunk(fd: number, start: number, count: number, done: (error?: Error) => void): Buffer {
    const range = new OpenRange(fd, start, count, done);
    if (this.destroyed) range.fail(this.errored ?? new AbortError());
    else this.#unwritten.push(range);
    return placeOf(range);
  }

  /** The one that is written is, as a rule, the one that was made first. */
  #forget(range: OpenRange): void {
    const at = this.#unwritten.indexOf(range);
    if (at !== -1) this.#unwritten.splice(at, 1);
  }

  // --- The end -------------------------------------------------------------------------------------

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#idle.stop();
    if (!this.#handedOver) this.native.close(this.#reset);
    this.session?.tls.destroy();
    // An error, with its stack, costs as much as the rest of this: most have nobody to tell.
    for (const range of this.#unwritten.splice(0)) range.fail(error ?? new AbortError());
    if (this.#waiting) this.#onWritten(error ?? new AbortError());
    callback(error);
    setImmediate(() => this.emit('close', error !== null));
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    this.#reset = true;
    return this.destroy();
  }

  // --- Like a net.Socket ---------------------------------------------------------------------------

  setTimeout(milliseconds: number, callback?: () => void): this {
    const runs = idleTimeout(milliseconds);
    this.timeout = milliseconds;
    if (!this.destroyed) this.#idle.set(runs);
    if (callback) {
      if (runs === 0) this.off('timeout', callback);
      else this.once('timeout', callback);
    }
    return this;
  }

  #onTimeout(): void {
    // A write that goes on in native code is not idle.
    const written = this.native.bytesWritten;
    if (!this.#writing || written === this.#written) {
      this.emit('timeout');
      return;
    }
    this.#written = written;
    this.#idle.restart();
  }

  setNoDelay(on = true): this {
    this.native.setNoDelay(on);
    return this;
  }

  setKeepAlive(on = false, initialDelay = 0): this {
    this.native.setKeepAlive(on, Math.floor(initialDelay / 1000));
    return this;
  }

  ref(): this {
    this.native.setReferenced(true);
    return this;
  }

  unref(): this {
    this.native.setReferenced(false);
    return this;
  }

  get bytesRead(): number {
    return this.native.bytesRead;
  }

  get bytesWritten(): number {
    return this.#completed + this.writableLength + this.#fileBytes + this.#sentOfFile();
  }

  #sentOfFile(): number {
    return this.#fileStart === undefined ? 0 : Math.max(0, this.native.bytesWritten - this.#fileStart);
  }

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }
}
