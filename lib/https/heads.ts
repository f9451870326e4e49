// What `send` decided for a file, remembered for as long as the file stays as it is: most requests ask for
// the same few files, and for all of each.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import type { Range } from './body';
import { ServedFile } from './file';

/** Those that `send` sets, where nobody has before. */
const NAMES = ['Accept-Ranges', 'Cache-Control', 'Last-Modified', 'ETag', 'Content-Type', 'Content-Length'];
/** As a response names them. */
const KEYS = new Set(NAMES.map((name) => name.toLowerCase()));
/** Of files; what was remembered first is forgotten first. */
const MOST = 4096;

interface Head {
  /** What the request leads to, below the same root. */
  path: string;
  headers: OutgoingHttpHeaders;
  range: Range;
  /** Of the file that it was decided for. */
  size: number;
  mtimeMs: number;
}

/** A file as it was when its head was decided. */
interface Known {
  file: ServedFile;
  headers: OutgoingHttpHeaders;
  range: Range;
}

const heads = new Map<string, Head>();

/** Names the answers to requests that want all of what is at a place; undefined for any other request. */
export function headKey(
  req: IncomingMessage,
  res: ServerResponse,
  place: { path: string; root: string | undefined; index: string | false },
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
  if (!isPlain || res.getHeaderNames().some((name) => KEYS.has(name))) return undefined;
  const { path, root, index } = place;
  // Below a root by what no path begins with.
  const key = root === undefined ? `/${path}` : `\0${root}\0${index}\0${path}`;
  for (const _ in options) return `${key}\0${JSON.stringify(options)}`;
  return key;
}

/** The file of a head that still holds; undefined for anything else, what cannot be opened included. */
export function recall(key: string, root: string | undefined): Known | undefined {
  const head = heads.get(key);
  if (head === undefined) return undefined;
  const file = openAgain(head.path, root);
  if (file?.isFile && file.size === head.size && file.mtimeMs === head.mtimeMs) {
    const { headers, range } = head;
    return { file, headers, range };
  }
  file?.close();
  return undefined;
}

function openAgain(path: string, root: string | undefined): ServedFile | undefined {
  try {
    return ServedFile.openCached(path, root);
  } catch {
    // Why, whoever opens it next will learn.
    return undefined;
  }
}

/** Takes note of what `send` has set for the file at `path`, and of the bytes that it wants. */
export function remember(
  key: string,
  path: string,
  { size, mtimeMs }: ServedFile,
  res: ServerResponse,
  range: Range,
): void {
  const headers: OutgoingHttpHeaders = {};
  for (const name of NAMES) {
    const value = res.getHeader(name);
    if (value !== undefined) headers[name] = value;
  }
  heads.delete(key);
  if (heads.size >= MOST) heads.delete(heads.keys().next().value as string);
  heads.set(key, { path, headers, range, size, mtimeMs });
}
