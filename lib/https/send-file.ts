// A file as the answer to a request. What the answer is (status, validators, ranges, types) `send` decides, as
// it does for express; how the bytes go out is ours.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import send = require('send');

import type { SendFileOptions } from '../../types/https';
import { type Range, sendBody } from './body';
import { ServedFile } from './file';
import { headKey, recall, remember } from './heads';
import { checkPart } from './part';
import { type Compressed, openCompressed } from './precompressed';
import { correctRange, type RangeSender } from './range';
import { redirectToDirectory } from './redirect';
import { pathOf } from './target';
import { hasTurn, turn } from './turn';

/** What `send` has, and its types leave out. */
interface Sender extends send.SendStream, RangeSender {
  res: ServerResponse;
  send(path: string, stats: ServedFile['stats']): void;
  sendFile(path: string): void;
  stream(path: string, range: { start: number; end: number }): void;
  error(status: number, error?: Error): void;
}

/** As HTTP says it, by errno name: the rest is 500. */
const STATUS: Record<string, number> = {
  ENOENT: 404,
  ENOTDIR: 404,
  ENAMETOOLONG: 404,
  ELOOP: 404,
  // It leads out of the root: what is there is nobody's business.
  EXDEV: 404,
  ENXIO: 404,
  EACCES: 403,
  EPERM: 403,
};

const OURS = new Set(['root', 'index', 'headers', 'precompressed', 'signal']);
const NO_OPTIONS = Object.freeze({});

/** What types/https.d.ts describes. */
export function sendFile(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  options: SendFileOptions = {},
): Promise<void> {
  return answerWithFile(req, res, path, options);
}

/** Answers for a directory whose path ends with a slash, and that has no index file. */
type DirectoryAnswer = (directory: ServedFile) => Promise<void>;

/** Resolves when the response has been handed over, or its connection has gone. */
export async function answerWithFile(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  options: SendFileOptions,
  onDirectory?: DirectoryAnswer,
): Promise<void> {
  const { root, index = 'index.html', headers, precompressed = false, signal } = options;
  checkPart(options);
  mustBeUnanswered(res);
  if (headers !== undefined) setHeaders(res, headers);
  // The length is known, and a message has one or the other (RFC 9112, 6.2).
  if (res.hasHeader('Transfer-Encoding')) res.removeHeader('Transfer-Encoding');
  if (!hasTurn(res)) {
    if (!(await turn(req, res, signal))) return;
    mustBeUnanswered(res);
  }
  const others = optionsOfSend(options);
  const asked = root === undefined ? path : pathOf(path);
  // What is compressed depends on more than the file.
  const key = precompressed ? undefined : headKey(req, res, { path: asked, root, index }, others);
  const known = key === undefined ? undefined : recall(key, root);
  if (known !== undefined) {
    await sendBody(req, res, known, signal);
    return;
  }
  // The root that `send` sees is not that of the file system: ServedFile confines.
  const sender = send(req, asked, { ...others, root: '/', index: false }) as Sender;
  const named = root === undefined ? path : pathBelowRoot(sender, res);
  if (named === undefined) return;
  sender.res = res;
  const isDirectory = root !== undefined && index !== false && (named === '' || named.endsWith('/'));
  const wanted = isDirectory ? `${named}${index}` : named;
  if (precompressed) res.appendHeader('Vary', 'Accept-Encoding');
  let opened: Compressed;
  try {
    opened = precompressed
      ? await openCompressed(req, wanted, root)
      : { file: await ServedFile.open(wanted, root) };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const hasNoIndex = isDirectory && code === 'ENOENT';
    if (hasNoIndex && onDirectory && (await listed(named, root, onDirectory))) return;
    sender.error(STATUS[code] ?? 500, error as Error);
    return;
  }
  const { file } = opened;
  let range: Range | undefined;
  try {
    // Who waits no longer may have answered meanwhile.
    mustBeUnanswered(res);
    range = decide(sender, wanted, opened);
  } catch (error) {
    file.close();
    throw error;
  }
  if (range !== undefined) {
    if (key !== undefined) remember(key, wanted, file, res, range);
    await sendBody(req, res, { file, range }, signal);
    return;
  }
  file.close();
  if (res.headersSent || res.writableEnded) return;
  const missesSlash = root !== undefined && index !== false && file.isDirectory;
  if (!missesSlash || !redirectToDirectory(req, res)) sender.error(404);
}

function mustBeUnanswered(res: ServerResponse): void {
  if (!res.headersSent && !res.writableEnded) return;
  const message = 'Cannot send a file: the head of the response has been sent';
  throw Object.assign(new Error(message), { code: 'ERR_HTTP_HEADERS_SENT' });
}

function setHeaders(res: ServerResponse, headers: OutgoingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) res.setHeader(name, value);
  }
}

/** Those that are not ours, as a rule none: for what a rest pattern would do, it takes its time. */
function optionsOfSend(options: SendFileOptions): send.SendOptions {
  let others: send.SendOptions = NO_OPTIONS;
  for (const name in options) {
    if (!OURS.has(name)) others = { ...others, [name]: options[name as keyof SendFileOptions] };
  }
  return others;
}

/** What a percent-encoded path means; undefined where it was refused, and the response has been given. */
function pathBelowRoot(sender: Sender, res: ServerResponse): string | undefined {
  let path: string | undefined;
  sender.sendFile = (resolved) => {
    path = resolved.slice(1);
  };
  sender.pipe(res);
  return path;
}

/** False where there is no such directory. */
async function listed(path: string, root: string, onDirectory: DirectoryAnswer): Promise<boolean> {
  const directory = await ServedFile.open(path, root).catch(() => undefined);
  try {
    if (!directory?.isDirectory) return false;
    await onDirectory(directory);
    return true;
  } finally {
    directory?.close();
  }
}

/** Sets status and head; what is to be sent, or undefined where the response has been given, or this is no file. */
function decide(sender: Sender, path: string, { file, encoding }: Compressed): Range | undefined {
  if (!file.isFile) return undefined;
  if (encoding !== undefined) sender.res.setHeader('Content-Encoding', encoding);
  let range: Range | undefined;
  sender.stream = (_path, { start }) => {
    // What `send` says in `end` is never less than `start`, even where there is nothing.
    range = { start, count: Number(sender.res.getHeader('Content-Length')) };
  };
  correctRange(sender, file.size);
  sender.send(path, file.stats);
  return range;
}
