// Exit statuses, as docs/cli.md lists them.
import type { TransferResult } from '../../types/index';
import { AbortError, KtlsError } from '../errors';

export const EXIT = { whole: 0, failure: 1, usage: 2, partial: 3 } as const;

const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;
export type StopSignal = keyof typeof SIGNAL_STATUS;

/** Why a transfer was cancelled: the reason that the command aborts with. */
export class Stopped extends Error {
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

export function statusOfSignal(signal: StopSignal): number {
  return SIGNAL_STATUS[signal];
}

export function statusOfResult(result: TransferResult): number {
  return result.skippedTotal === 0 ? EXIT.whole : EXIT.partial;
}

export function statusOfError(error: unknown): number {
  const reason = error instanceof AbortError ? error.cause : error;
  if (reason instanceof Stopped) return SIGNAL_STATUS[reason.signal];
  if (error instanceof KtlsError && error.code === 'ERR_KTLS_INVALID_OPTION') return EXIT.usage;
  return EXIT.failure;
}
