// Lines for people and logs: progress at most once a second, on the standard error; the result on the
// standard output.
import type { AddressInfo } from 'node:net';

import type { Progress, TransferResult } from '../../types/index';
import type { RelayResult } from '../../types/relay';
import { formatAddress } from '../address';
import { escapeText } from '../errors';
import { formatBytes, formatCount, formatDuration, formatRate } from './format';
import type { Output, ProxyTotals, ServeTotals, TransferLabel } from './output';

const LINE_INTERVAL_MS = 1000;
const SKIPPED_SHOWN = 20;

export class PlainOutput implements Output {
  readonly #quiet: boolean;
  #lastLineAt = 0;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  listening({ address, port }: AddressInfo): void {
    if (!this.#quiet) note(`listening on ${formatAddress(address, port)}`);
  }

  started({ transfer, kind, peer, path }: TransferLabel): void {
    const what = kind === 'push' ? 'from' : 'to';
    if (!this.#quiet) note(`transfer ${transfer}: ${what} ${peer}${path === '' ? '' : `, ${path}`}`);
  }

  connectionError(error: Error, peer: string): void {
    if (!this.#quiet) note(`connection from ${peer} failed: ${escapeText(error.message)}`);
  }

  warning(text: string): void {
    note(`warning: ${escapeText(text)}`);
  }

  progress(progress: Progress, label?: TransferLabel): void {
    if (this.#quiet || label !== undefined || Date.now() - this.#lastLineAt < LINE_INTERVAL_MS) return;
    this.#lastLineAt = Date.now();
    const more = progress.totalsFinal ? '' : '+';
    note(
      `${progress.files}/${progress.filesTotal}${more} files, ` +
        `${formatBytes(progress.bytes)}/${formatBytes(progress.bytesTotal)}${more}`,
    );
  }

  result(result: TransferResult, label?: TransferLabel): void {
    for (const { path, reason } of result.skipped.slice(0, SKIPPED_SHOWN))
      note(`skipped '${path}': ${reason}`);
    const unseen = result.skippedTotal - Math.min(result.skipped.length, SKIPPED_SHOWN);
    if (unseen > 0) note(`skipped: ${unseen} more`);
    if (!this.#quiet) process.stdout.write(`${prefix(label)}${summarize(result)}\n`);
  }

  failure(error: unknown, label?: TransferLabel): void {
    note(`${prefix(label)}${explain(error)}`);
  }

  /** Its end tells enough. */
  relayStarted(): void {}

  relayEnded({ bytesAtoB, bytesBtoA, durationMs, mode }: RelayResult, peer: string): void {
    const bytes = `${formatBytes(bytesAtoB)} sent, ${formatBytes(bytesBtoA)} received`;
    if (!this.#quiet) note(`connection from ${peer}: ${bytes} in ${formatDuration(durationMs)} (${mode})`);
  }

  proxyEnded({ connections, failed, turnedAway, bytesToTarget, bytesFromTarget }: ProxyTotals): void {
    if (this.#quiet) return;
    const what = [
      formatCount(connections, 'connection'),
      `${failed} failed`,
      `${turnedAway} turned away`,
      `${formatBytes(bytesToTarget)} to the target`,
      `${formatBytes(bytesFromTarget)} from it`,
    ];
    process.stdout.write(`${what.join(', ')}\n`);
  }

  serveEnded({ connections, failed, requests }: ServeTotals): void {
    if (this.#quiet) return;
    const what = [
      formatCount(requests, 'request'),
      formatCount(connections, 'connection'),
      `${failed} failed`,
    ];
    process.stdout.write(`${what.join(', ')}\n`);
  }
}

function prefix(label?: TransferLabel): string {
  return label === undefined ? '' : `transfer ${label.transfer}: `;
}

function note(text: string): void {
  process.stderr.write(`ktls-transfer: ${text}\n`);
}

function summarize(result: TransferResult): string {
  const links = result.symlinks + result.hardLinks;
  const what = [
    formatCount(result.files, 'file'),
    formatCount(result.directories, 'folder'),
    ...(links > 0 ? [formatCount(links, 'link')] : []),
    ...(result.skippedTotal > 0 ? [`${result.skippedTotal} SKIPPED`] : []),
    formatBytes(result.bytes),
  ].join(', ');
  const rate = formatRate(result.bytes, result.durationMs);
  const { tx, rx, reason } = result.record;
  const words = { kernel: 'the kernel', user: 'user space', none: 'nobody' };
  const encrypted =
    result.cipher === null
      ? 'not encrypted'
      : `${result.cipher}; sent records by ${words[tx]}, received ones by ${words[rx]}` +
        (reason === '' ? '' : ` (${escapeText(reason)})`);
  return [
    `${what} in ${formatDuration(result.durationMs)} (${rate})`,
    [
      formatCount(result.connections, 'connection'),
      ...(result.mode === null ? [] : [result.mode]),
      result.verified ? 'content verified' : 'content not verified',
    ].join(', '),
    encrypted,
  ].join('\n  ');
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return escapeText(String(error));
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ABORT_ERR') return error.cause instanceof Error ? error.cause.message : error.message;
  const message = escapeText(error.message);
  return code === undefined || message.startsWith(code) ? message : `${message} (${code})`;
}
