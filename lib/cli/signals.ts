// SIGINT and SIGTERM end what runs cleanly; a second one ends it at once.
import { Stopped, type StopSignal, statusOfSignal } from './exit-status';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/**
 * Runs `work` with a signal that the first SIGINT or SIGTERM aborts.
 *
 * @param announce - Told once, so that a user who waits for the clean end knows of the second way.
 */
export async function withStopSignals<T>(
  announce: (text: string) => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const stop = (name: StopSignal) => {
    if (abort.signal.aborted) process.exit(statusOfSignal(name));
    announce(`${name}: cleaning up; once more to quit at once`);
    abort.abort(new Stopped(name));
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await work(abort.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
