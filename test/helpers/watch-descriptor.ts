import { readlinkSync } from 'node:fs';

/** Returns what tells, from then on, whether the descriptor is still open, and of what it is now. */
export function watchDescriptor(fd: number): () => boolean {
  const link = () => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return undefined;
    }
  };
  const before = link();
  if (before === undefined) throw new Error(`${fd} is no open descriptor`);
  return () => link() === before;
}
