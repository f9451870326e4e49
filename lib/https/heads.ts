// What `send` decided for a file, remembered for as long as the file stays as it is: most requests ask for
// the same few files, and for all of each.
import type { Stats } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import type { Range } from './body';

/** Those that `send` sets, where nobody has before. */
const NAMES = ['Accept-Ranges', 'Cache-Control', 'Last-Modified', 'ETag', 'Content-Type', 'Content-Length'];
/** Of files; what was remembered first is forgotten first. */
const MOST = 4096;

interface Head extends Range {
  headers: OutgoingHttpHeaders;
  /** Of the file that it was decided for. */
  size: number;
  mtimeMs: number;
}

const remembered = new Map<string, Head>();

/** Names the answers to requests that want all of what is at `path`; undefined for any other request. */
export function headKey(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  options: object,
): string | undefined {
  const { headers } = req;
  const isPlain =
    req.method === 'GET' &&
    headers.range === undefined &&
    headers['if-none-match'] === undefined &&
    headers['if-modified-since'] === undefined &&
    headers['if-match'] === undefined &&
    headers['if-unmodified-since'] === undefined;
  if (!isPlain || NAMES.some((name) => res.hasHeader(name))) return undefined;
  for (const _ in options) return `${path}\0${JSON.stringify(options)}`;
  return path;
}

/** The head for a file with these attributes. */
export function recall(key: string, { size, mtimeMs }: Stats): Head | undefined {
  const head = remembered.get(key);
  return head !== undefined && head.size === size && head.mtimeMs === mtimeMs ? head : undefined;
}

/** Takes note of what `send` has set, and of the bytes that it wants. */
export function remember(key: string, { size, mtimeMs }: Stats, res: ServerResponse, range: Range): void {
  const headers: OutgoingHttpHeaders = {};
  for (const name of NAMES) {
    const value = res.getHeader(name);
    if (value !== undefined) headers[name] = value;
  }
  remembered.delete(key);
  if (remembered.size >= MOST) remembered.delete(remembered.keys().next().value as string);
  remembered.set(key, { ...range, size, mtimeMs, headers });
}
