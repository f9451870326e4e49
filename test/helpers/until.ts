import { setTimeout as pause } from 'node:timers/promises';

/** Resolves as soon as `condition` holds; throws after four minutes. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 240_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`);
    await pause(5);
  }
}
