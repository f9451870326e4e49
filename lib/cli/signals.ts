// SIGINT, SIGTERM and SIGHUP end what runs cleanly, and so does an output that nobody takes any more; a second SIGINT
// or SIGTERM ends it at once.
import { Stopped, type StopSignal, statusOfError, statusOfSignal } from './exit-status';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Ends what runs, if anything does. */
let stopRunning: ((reason: Error) => void) | undefined;

/** From here on, an output that fails is no exception that nobody catches. */
export function watchOutputs(): void {
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      // Node ignores the signal, which ends other programs then.
      const reason = error.code === 'EPIPE' ? new Stopped('SIGPIPE') : error;
      if (stopRunning !== undefined) return stopRunning(reason);
      if (reason === error) process.stderr.write(`ktls-transfer: ${error.message}\n`);
      process.exit(statusOfError(reason));
    });
  }
}

/**
 * Runs `work` with a signal that the first of `signals` aborts.
 *
 * @param announce - Told once, so that a user who waits for the clean end knows of the second way.
 */
export async function withStopSignals<T>(
  announce: (text: string) => void,
  work: (signal: AbortSignal) => Promise<T>,
  signals = SIGNALS,
): Promise<T> {
  const abort = new AbortController();
  const stop = (name: StopSignal) => {
    if (!abort.signal.aborted) {
      announce(`${name}: cleaning up${name === 'SIGHUP' ? '' : '; once more to quit at once'}`);
      abort.abort(new Stopped(name));
    } else if (name !== 'SIGHUP') {
      // A terminal that goes sends that to all, and a shell sends it once more.
      process.exit(statusOfSignal(name));
    }
  };
  for (const name of signals) process.on(name, stop);
  stopRunning = (reason) => abort.abort(reason);
  try {
    return await work(abort.signal);
  } finally {
    for (const name of signals) process.off(name, stop);
    stopRunning = undefined;
  }
}
