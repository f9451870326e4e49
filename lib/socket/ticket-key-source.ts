// Where a server's ticket keys come from, when they change: a file, or a function of the program.
import { readFile } from 'node:fs/promises';

import type { TicketKeySource } from '../../types/index';
import { invalid } from './options';
import { TicketKeyRing } from './ticket-keys';

export const TICKET_KEYS_INTERVAL_MS = 60_000;

export interface TicketKeyFeedOptions {
  source: TicketKeySource | undefined;
  /** Milliseconds; 60,000 by default. */
  interval: number | undefined;
  /** The source failed after it had succeeded once: the keys stay as they are. */
  onError(error: Error): void;
}

/** A ring of keys, kept as its source has them. */
export class TicketKeyFeed {
  readonly ring: TicketKeyRing;
  #ask: (() => Promise<Buffer>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** From start() to stop(); another one each time. */
  #run: object | undefined;
  #asked = 0;
  #answered = 0;

  /** @throws ERR_KTLS_INVALID_OPTION */
  constructor(private readonly options: TicketKeyFeedOptions) {
    const { source } = options;
    this.#ask = asking(source);
    this.ring = new TicketKeyRing(this.#ask === undefined ? (source as Buffer | undefined) : undefined);
  }

  /** Asks for the first time, and from then on again and again, until stop(), after which this never throws. */
  async start(): Promise<void> {
    if (this.#ask === undefined) return;
    const run = {};
    this.#run = run;
    await this.#refresh().catch((error) => {
      if (this.#run === run) throw error;
    });
    if (this.#run !== run) return;
    const { interval = TICKET_KEYS_INTERVAL_MS, onError } = this.options;
    this.#timer = setInterval(() => this.#refresh().catch(onError), interval).unref();
  }

  stop(): void {
    this.#run = undefined;
    clearInterval(this.#timer);
  }

  /** From now on these, whatever the source says. @throws ERR_KTLS_INVALID_OPTION */
  replace(keys: Buffer): void {
    this.ring.replace(keys);
    this.#ask = undefined;
    this.stop();
  }

  async #refresh(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const keys = await this.#ask?.();
    // replace() may have come first, or the answer to a later question.
    if (keys === undefined || this.#ask === undefined || asked < this.#answered) return;
    this.#answered = asked;
    this.ring.replace(keys);
  }
}

/** @throws ERR_KTLS_INVALID_OPTION */
function asking(source: TicketKeySource | undefined): (() => Promise<Buffer>) | undefined {
  if (source === undefined || Buffer.isBuffer(source)) return undefined;
  if (typeof source === 'function') return async () => source();
  if (typeof source === 'string' || source instanceof URL) return () => readFile(source);
  throw invalid('ticketKeys', 'must be a Buffer, the path of a file, or a function that gives a Buffer');
}
