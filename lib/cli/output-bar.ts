// A progress bar on a terminal: files, bytes, rate, time left.
import { Presets, SingleBar } from 'cli-progress';

import type { Progress, TransferResult } from '../../types/index';
import { formatBytes, formatDuration, formatRate } from './format';
import { PlainOutput } from './output-plain';

const FORMAT = '{bar} {share} | {counts} files | {amount} | {rate} | {left}';
/** Of the newest interval in the shown rate: quick enough to follow, slow enough to read. */
const RATE_WEIGHT = 0.2;

export class BarOutput extends PlainOutput {
  #bar: SingleBar | undefined;
  #rate = 0; // bytes per millisecond, smoothed
  #before = { at: 0, bytes: 0 };

  constructor() {
    super(false);
  }

  override progress(progress: Progress): void {
    const payload = this.#payload(progress);
    const total = Math.max(progress.bytesTotal, 1);
    if (this.#bar === undefined) {
      const options = {
        format: FORMAT,
        hideCursor: true,
        clearOnComplete: true,
        barsize: 24,
        linewrap: false,
      };
      this.#bar = new SingleBar({ ...options, stream: process.stderr }, Presets.shades_classic);
      this.#bar.start(total, progress.bytes, payload);
    } else {
      this.#bar.setTotal(total);
      this.#bar.update(progress.bytes, payload);
    }
  }

  override result(result: TransferResult): void {
    this.#clear();
    super.result(result);
  }

  override failure(error: unknown): void {
    this.#clear();
    super.failure(error);
  }

  override warning(text: string): void {
    this.#clear();
    super.warning(text);
  }

  override connectionError(error: Error, peer: string): void {
    this.#clear();
    super.connectionError(error, peer);
  }

  // The next progress draws a new one, below what was said meanwhile.
  #clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #payload({ files, filesTotal, bytes, bytesTotal, totalsFinal }: Progress): object {
    const now = performance.now();
    const elapsed = now - this.#before.at;
    if (this.#before.at > 0 && elapsed > 0) {
      const current = (bytes - this.#before.bytes) / elapsed;
      this.#rate = this.#rate === 0 ? current : this.#rate + RATE_WEIGHT * (current - this.#rate);
    }
    this.#before = { at: now, bytes };
    const more = totalsFinal ? '' : '+';
    const known = totalsFinal && this.#rate > 0;
    return {
      share: totalsFinal ? `${Math.floor((bytes / Math.max(bytesTotal, 1)) * 100)} %` : '…',
      counts: `${files}/${filesTotal}${more}`,
      amount: `${formatBytes(bytes)}/${formatBytes(bytesTotal)}${more}`,
      rate: formatRate(this.#rate, 1),
      left: known ? `${formatDuration((bytesTotal - bytes) / this.#rate)} left` : '…',
    };
  }
}
