import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of everything below a folder, relative to it, as latin1. Links are not followed, unlike by readdir's own recursion. */
export function namesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(Buffer.from(folder, 'latin1'), { encoding: 'buffer', withFileTypes: true }).flatMap(
    (entry) => {
      const name = (entry.name as unknown as Buffer).toString('latin1');
      if (!entry.isDirectory()) return [name];
      return [name, ...namesBelow(join(folder, name)).map((below) => join(name, below))];
    },
  );
}

/** Those of them that the package made for what is not finished yet. */
export const temporaryNames = (folder: string) =>
  namesBelow(folder).filter((path) => path.includes('.ktls-transfer-'));
