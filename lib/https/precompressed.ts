// Files that lie there in compressed form, too: x.br and x.gz beside x.
import type { IncomingMessage } from 'node:http';

import Negotiator = require('negotiator');

import { ServedFile } from './file';

/** The smaller first: it is what a client gets that likes both as much. */
const EXTENSIONS: Record<string, string> = { br: '.br', gzip: '.gz' };
const CODINGS = Object.keys(EXTENSIONS);

export interface Compressed {
  file: ServedFile;
  /** Of the file's content; undefined for the file itself. */
  encoding?: string;
}

/** What the client likes best of what is there. Throws as ServedFile.open(). */
export async function openCompressed(
  req: IncomingMessage,
  path: string,
  root: string | undefined,
): Promise<Compressed> {
  const namesFolder = path === '' || path.endsWith('/');
  // What lies in it as `.gz` is something else.
  if (namesFolder) return { file: await ServedFile.open(path, root) };
  for (const encoding of acceptable(req)) {
    const extension = EXTENSIONS[encoding];
    if (extension === undefined) break;
    const file = await ServedFile.open(`${path}${extension}`, root).catch(() => undefined);
    if (file?.isFile && !(await isFolder(path, root))) return { file, encoding };
    file?.close();
  }
  return { file: await ServedFile.open(path, root) };
}

/** `x.gz` beside it may well be an archive of it. */
async function isFolder(path: string, root: string | undefined): Promise<boolean> {
  const plain = await ServedFile.open(path, root).catch(() => undefined);
  plain?.close();
  return plain?.isDirectory === true;
}

/** Which of equals a client names first says nothing (RFC 9110, 12.5.3): browsers all begin with gzip. */
function acceptable(req: IncomingMessage): string[] {
  const negotiator: { encodings(available: string[], options: { preferred: string[] }): string[] } =
    new Negotiator(req);
  return negotiator.encodings([...CODINGS, 'identity'], { preferred: CODINGS });
}
