// A range of a file that is open and known, in its place among a socket's writes: what a server sends for
// each request, so that nothing is done but sending.
import type { NativeSocket } from '../native';

export class OpenRange {
  #settled = false;

  /**
   * @param fd - A regular file's; it stays the caller's, who may close it from `done` on.
   * @param done - Called once, perhaps from within the write: with an error where not everything was sent.
   */
  constructor(
    private readonly fd: number,
    private readonly start: number,
    private readonly count: number,
    private readonly done: (error?: Error) => void,
  ) {}

  /**
   * Sends the head, then the range: at once where it is short, in memory, and the network takes it. Never rejects;
   * an error means that nothing more can be sent on this connection.
   */
  run(native: NativeSocket, head: Buffer[]): Error | undefined | Promise<Error | undefined> {
    if (this.#settled) return undefined;
    try {
      const sent = native.sendFile(this.fd, this.start, this.count, head);
      if (typeof sent !== 'number') {
        return sent.then(
          () => this.#settle(),
          (error) => this.#settle(error),
        );
      }
    } catch (error) {
      return this.#settle(error as Error);
    }
    return this.#settle();
  }

  fail(error: Error): void {
    this.#settle(error);
  }

  #settle(error?: Error): Error | undefined {
    if (!this.#settled) {
      this.#settled = true;
      this.done(error);
    }
    return error;
  }
}
