// What sendTree and the others return: a running transfer to await, to iterate, to cancel.
import type { Progress, TransferHandle, TransferResult } from '../types/index';
import { AbortError } from './errors';
import { ProgressFeed } from './progress-feed';

/**
 * An abort is answered this fast, even where the core still removes temporary files: a promise is 100 ms.
 * Asynchronous disposal waits for the real end.
 */
const ABORT_ANSWER_MS = 80;

/** What the work is given. */
export interface TransferContext {
  /** Aborted by the caller's signal, by cancel(), by disposal. Its reason is the AbortError to fail with. */
  readonly signal: AbortSignal;
  /** From here on there is progress to show. */
  running(progress: () => Progress): void;
}

export type TransferWork = (context: TransferContext) => Promise<TransferResult>;

export class Transfer implements TransferHandle {
  readonly #abort = new AbortController();
  readonly #feed = new ProgressFeed(() => this.progress());
  readonly #outcome: Promise<TransferResult>;
  /** Resolves when nothing of the work is left. */
  readonly #quiet: Promise<void>;
  #poll: (() => Progress) | undefined;
  #ended = false;

  /** Starts `work` at once. It must end soon after its signal is aborted, leaving nothing behind. */
  constructor(work: TransferWork, given?: AbortSignal) {
    // What is no AbortSignal is for the work to refuse, as it does every other wrong option.
    const signal = given instanceof AbortSignal ? given : undefined;
    const follow = () => this.cancel(signal?.reason);
    if (signal?.aborted === true) follow();
    else signal?.addEventListener('abort', follow, { once: true });

    const ended = this.#run(work);
    this.#quiet = ended.then(
      () => {},
      () => {},
    );
    const answered = Promise.race([ended, this.#abortAnswer()]);
    const end = (failure?: { error: unknown }) => {
      signal?.removeEventListener('abort', follow);
      const last = this.progress();
      if (last !== null) this.#poll = () => last;
      this.#ended = true;
      this.#feed.end(last, failure);
    };
    answered.then(
      () => end(),
      (error: unknown) => end({ error }),
    );
    // A promise of its own: whether its failure is unhandled depends on the user's calls alone.
    this.#outcome = answered.then((result) => result);
  }

  async #run(work: TransferWork): Promise<TransferResult> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    try {
      return await work({
        signal,
        running: (progress) => {
          this.#poll = progress;
        },
      });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** Rejects some time after an abort, unless the work has ended by then. */
  #abortAnswer(): Promise<never> {
    const { signal } = this.#abort;
    return new Promise((_, reject) => {
      const answer = () => {
        const timer = setTimeout(() => reject(signal.reason), ABORT_ANSWER_MS);
        this.#quiet.then(() => clearTimeout(timer));
      };
      if (signal.aborted) answer();
      else signal.addEventListener('abort', answer, { once: true });
    });
  }

  /** From here on a failure counts as heard of. */
  markHandled(): void {
    this.#outcome.catch(() => {});
  }

  cancel(reason?: unknown): void {
    if (this.#ended) return;
    this.#abort.abort(new AbortError(reason === undefined ? undefined : { cause: reason }));
  }

  progress(): Progress | null {
    return this.#poll?.() ?? null;
  }

  // biome-ignore lint/suspicious/noThenProperty: the handle is awaitable by design
  then<T = TransferResult, E = never>(
    onfulfilled?: ((result: TransferResult) => T | PromiseLike<T>) | null,
    onrejected?: ((error: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    return this.#outcome.then(onfulfilled, onrejected);
  }

  catch<E = never>(
    onrejected?: ((error: unknown) => E | PromiseLike<E>) | null,
  ): Promise<TransferResult | E> {
    return this.#outcome.catch(onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<TransferResult> {
    return this.#outcome.finally(onfinally);
  }

  [Symbol.asyncIterator](): AsyncIterator<Progress, void, undefined> {
    this.markHandled();
    return this.#feed.iterate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.markHandled();
    this.cancel();
    await this.#quiet;
  }
}
