// Progress for any number of iterators, each at its own pace.
import type { Progress } from '../types/index';

const INTERVAL_MS = 100;

/**
 * Holds one snapshot for each iterator, the newest: a slow consumer misses some, memory never grows. The
 * clock runs only while somebody iterates.
 */
export class ProgressFeed {
  readonly #poll: () => Progress | null;
  readonly #cursors = new Set<Cursor>();
  #timer: NodeJS.Timeout | undefined;
  #end: { last: Progress | null; error?: unknown } | undefined;

  /** `poll` gives how far it is, null before it runs. */
  constructor(poll: () => Progress | null) {
    this.#poll = poll;
  }

  /** Delivers `last` to every iterator, then ends it, or fails it where `failure` is given. */
  end(last: Progress | null, failure?: { error: unknown }): void {
    this.#end = { last, ...failure };
    clearInterval(this.#timer);
    for (const cursor of this.#cursors) cursor.end(this.#end);
    this.#cursors.clear();
  }

  iterate(): AsyncIterator<Progress, void, undefined> {
    const cursor = new Cursor(() => this.#drop(cursor));
    if (this.#end !== undefined) {
      cursor.end(this.#end);
      return cursor;
    }
    this.#cursors.add(cursor);
    this.#timer ??= setInterval(() => this.#tick(), INTERVAL_MS);
    return cursor;
  }

  #tick(): void {
    const progress = this.#poll();
    if (progress === null) return;
    for (const cursor of this.#cursors) cursor.offer(progress);
  }

  #drop(cursor: Cursor): void {
    this.#cursors.delete(cursor);
    if (this.#cursors.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

interface Waiter {
  resolve(result: IteratorResult<Progress, void>): void;
  reject(error: unknown): void;
}

class Cursor implements AsyncIterator<Progress, void, undefined> {
  readonly #leave: () => void;
  #newest: Progress | null = null;
  readonly #waiters: Waiter[] = [];
  #ended: { error?: unknown } | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  offer(progress: Progress): void {
    this.#newest = progress;
    this.#serve();
  }

  end({ last, ...outcome }: { last: Progress | null; error?: unknown }): void {
    this.#newest = last ?? this.#newest;
    this.#ended = outcome;
    this.#serve();
  }

  next(): Promise<IteratorResult<Progress, void>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#serve();
    });
  }

  /** Leaving a loop early ends the watching, not the transfer. */
  return(): Promise<IteratorResult<Progress, void>> {
    this.#newest = null;
    this.#ended = {};
    this.#leave();
    this.#serve();
    return Promise.resolve({ value: undefined, done: true });
  }

  #serve(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      if (this.#newest !== null) {
        waiter.resolve({ value: this.#newest, done: false });
        this.#newest = null;
      } else if (this.#ended === undefined) {
        return;
      } else if ('error' in this.#ended) {
        waiter.reject(this.#ended.error);
        this.#ended = {}; // an iterator fails once, then it is done
      } else {
        waiter.resolve({ value: undefined, done: true });
      }
      this.#waiters.shift();
    }
  }
}
