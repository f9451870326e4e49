// Timeouts that elapse when a test says so: no real one is longer than every pause of a slow machine.

export interface HeldTimeout {
  elapse: () => void;
  ms: number;
  refreshed: number;
}

/** Runs `body`; the timeouts that it, and only it, sets are given back. */
export function holdTimeouts(body: () => void): HeldTimeout[] {
  const held: HeldTimeout[] = [];
  const { setTimeout: real } = globalThis;
  Object.assign(globalThis, {
    setTimeout: (elapse: () => void, ms: number) => {
      const timeout = { elapse, ms, refreshed: 0 };
      held.push(timeout);
      return { unref: () => ({ refresh: () => timeout.refreshed++ }) };
    },
  });
  try {
    body();
  } finally {
    Object.assign(globalThis, { setTimeout: real });
  }
  return held;
}
