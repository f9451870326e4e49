// A range of a file that is open and known, in its place among a socket's writes: what a server sends for
// each request, so that nothing is done but sending.
import { type NativeSocket, native } from '../native';

export class OpenRange {
  #failed = false;

  /**
   * @param fd - A regular file's; it belongs to this object from now on.
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
  run(socket: NativeSocket, head: Buffer[]): Error | undefined | Promise<Error | undefined> {
    if (this.#failed) return undefined;
    try {
      const sent = socket.sendFile(this.fd, this.start, this.count, head, true);
      if (typeof sent !== 'number') {
        return sent.then(
          () => this.#tell(),
          (error) => this.#tell(error),
        );
      }
    } catch (error) {
      return this.#tell(error as Error);
    }
    return this.#tell();
  }

  /** Instead of run(), which then does nothing. */
  fail(error: Error): void {
    this.#failed = true;
    native().closeDescriptor(this.fd);
    this.#tell(error);
  }

  #tell(error?: Error): Error | undefined {
    this.done(error);
    return error;
  }
}
