import { readdirSync, readlinkSync } from 'node:fs';

/** How often this process has the file open. */
export function timesOpen(file: string): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return undefined; // of the folder itself, which has been read
    }
  });
  return targets.filter((target) => target === file).length;
}
