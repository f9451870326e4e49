// One relay: two sockets whose bytes the core moves from each to the other.

import type { RelayDirection, RelayOptions, RelayProgress, RelayResult } from '../../types/relay';
import { aborted } from '../handshake/failure';
import { type NativeRelay, type NativeRelayDirection, type NativeRelayEnd, native } from '../native';
import { checkSocket, type RelaySocket, takeEnds } from './end';
import { invalid, relayOptions } from './options';

const NOTHING: NativeRelayDirection = {
  bytes: 0,
  copied: 0,
  spliced: 0,
  mapped: 0,
  mode: 'copy',
  changes: 0,
  reason: 'not started yet',
  fallback: '',
};

const NOT_STARTED = { aToB: NOTHING, bToA: NOTHING, recordA: null, recordB: null };

/** What relay() returns: a promise of the result, and the counters on the way to it. */
export class Relay implements Promise<RelayResult> {
  readonly [Symbol.toStringTag] = 'Relay';
  failedSide: 'a' | 'b' | undefined;

  private readonly started = performance.now();
  private ended: number | undefined;
  private native: NativeRelay | undefined;
  private readonly result: Promise<RelayResult>;
  private readonly abortion = new AbortController();

  /** `take` gives both ends away, as soon as it can when it is aborted; what it rejects with, the relay does. */
  constructor(
    take: (abort: AbortSignal) => Promise<[NativeRelayEnd, NativeRelayEnd]>,
    options: RelayOptions,
  ) {
    const checked = relayOptions(options);
    const { signal } = options;
    const onAbort = () => this.abortion.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);

    const run = async () => {
      try {
        const ends = await take(this.abortion.signal);
        await new Promise<void>((resolve, reject) => {
          this.native = new (native().Relay)(...ends, checked, (error, side) => {
            this.failedSide = side;
            if (error === undefined) resolve();
            else reject(error);
          });
          this.abortion.signal.addEventListener('abort', () => this.native?.cancel());
          if (this.abortion.signal.aborted) this.native.cancel();
        });
      } catch (error) {
        const wasAborted = (error as { code?: string }).code === 'ABORT_ERR';
        throw wasAborted ? aborted(this.abortion.signal) : error;
      } finally {
        this.ended = performance.now();
        signal?.removeEventListener('abort', onAbort);
      }
      return this.progress();
    };
    this.result = run();
  }

  get bytesAtoB(): number {
    return this.progress().bytesAtoB;
  }

  get bytesBtoA(): number {
    return this.progress().bytesBtoA;
  }

  get mode(): RelayProgress['mode'] {
    return this.progress().mode;
  }

  get reason(): string {
    return this.progress().reason;
  }

  progress(): RelayProgress {
    const { aToB, bToA, recordA, recordB } = this.native?.progress() ?? NOT_STARTED;
    const there = direction(aToB);
    const back = direction(bToA);
    return {
      bytesAtoB: there.bytes,
      bytesBtoA: back.bytes,
      mode: prevailing(there, back),
      reason: there.reason === back.reason ? there.reason : `a to b: ${there.reason}; b to a: ${back.reason}`,
      aToB: there,
      bToA: back,
      recordA,
      recordB,
      durationMs: (this.ended ?? performance.now()) - this.started,
    };
  }

  abort(): void {
    this.abortion.abort();
  }

  // biome-ignore lint/suspicious/noThenProperty: it is awaited like the promise it stands for
  then<T = RelayResult, E = never>(
    onFulfilled?: ((result: RelayResult) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    return this.result.then(onFulfilled, onRejected);
  }

  catch<E = never>(onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null): Promise<RelayResult | E> {
    return this.result.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<RelayResult> {
    return this.result.finally(onFinally);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
    await this.result.then(
      () => {},
      () => {},
    );
  }
}

export function relay(a: RelaySocket, b: RelaySocket, options: RelayOptions = {}): Relay {
  checkSocket(a, 'a');
  checkSocket(b, 'b');
  // Closed twice, a descriptor would be a stranger's the second time.
  if (a === b) throw invalid('b', 'is the same connection as a');
  return new Relay((abort) => takeEnds(a, b, abort), options);
}

function direction(gauge: NativeRelayDirection): RelayDirection {
  const { changes, fallback, reason, ...rest } = gauge;
  return { ...rest, modeChanges: changes, reason: fallback === '' ? reason : `${fallback}; ${reason}` };
}

/** The mode that moved most bytes; that of the first direction while there are none. */
function prevailing(there: RelayDirection, back: RelayDirection): RelayProgress['mode'] {
  const bytes = {
    copy: there.copied + back.copied,
    splice: there.spliced + back.spliced,
    sockmap: there.mapped + back.mapped,
  };
  let best = there.mode;
  for (const mode of ['copy', 'splice', 'sockmap'] as const) if (bytes[mode] > bytes[best]) best = mode;
  return best;
}
