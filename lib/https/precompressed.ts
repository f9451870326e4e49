// Files that lie there in compressed form, too: x.br and x.gz beside x.
import type { IncomingMessage, ServerResponse } from 'node:http';

import Negotiator = require('negotiator');

import { ServedFile } from './file';

const EXTENSIONS: Record<string, string> = { br: '.br', gzip: '.gz' };

/** What the client likes best of what is there, with the head that goes with it. Throws as ServedFile.open(). */
export async function openCompressed(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  root: string | undefined,
): Promise<ServedFile> {
  res.appendHeader('Vary', 'Accept-Encoding');
  for (const encoding of new Negotiator(req).encodings([...Object.keys(EXTENSIONS), 'identity'])) {
    const extension = EXTENSIONS[encoding];
    if (extension === undefined) break;
    const file = await ServedFile.open(`${path}${extension}`, root).catch(() => undefined);
    if (file?.isFile) {
      res.setHeader('Content-Encoding', encoding);
      return file;
    }
    file?.close();
  }
  return ServedFile.open(path, root);
}
