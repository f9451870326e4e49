// The body of a response out of a file: natively behind the head where the connection is ours, else by
// a stream.
import { type IncomingMessage, type OutgoingHttpHeaders, OutgoingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { KtlsSocket } from '../socket/ktls-socket';
import type { ServedFile } from './file';

/** Smaller ones share the record, and the system call, of the head; natively, too, where our own record layer does it. */
const SMALL_BYTES = 16 * 1024;

export interface Range {
  start: number;
  count: number;
}

export interface Body {
  file: ServedFile;
  range: Range;
  /** Still to be set, as no others are. */
  headers?: OutgoingHttpHeaders;
}

/**
 * For a response whose turn it is. Resolves when it has been handed over, or its connection has gone. Closes the
 * file.
 */
export async function sendBody(
  req: IncomingMessage,
  res: ServerResponse,
  { file, range, headers }: Body,
  signal: AbortSignal | undefined,
): Promise<void> {
  const abort = () => res.destroy();
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  try {
    if (hasGone(res)) return;
    if (headers !== undefined) res.writeHead(res.statusCode, headers);
    const socket: Duplex = req.socket;
    const small = range.count < SMALL_BYTES;
    const natively = takesFiles(socket, res) && (!small || (range.count > 0 && socket.record.tx === 'user'));
    if (natively && makeHead(res)) {
      await sendNatively(socket, res, file, range);
    } else if (small) await sendSmall(res, file, range);
    else await sendStream(res, file, range);
  } finally {
    signal?.removeEventListener('abort', abort);
    file.close();
  }
}

/** A response of HTTP/2 does not say so itself, and tells those only who listened before. */
function hasGone(res: ServerResponse & { stream?: Duplex }): boolean {
  return res.destroyed || res.stream?.destroyed === true;
}

/** Whether what is written to the response reaches a socket of ours as it is. */
function takesFiles(socket: Duplex, res: ServerResponse): socket is KtlsSocket {
  return (
    socket instanceof KtlsSocket &&
    res instanceof ServerResponse &&
    // Somebody between may compress, or count.
    res.write === OutgoingMessage.prototype.write &&
    res.end === OutgoingMessage.prototype.end &&
    !res.strictContentLength
  );
}

/** Whether what follows the head is the file as it is: who has set headers may have asked for chunks, or for nothing. */
function makeHead(res: ServerResponse): boolean {
  if (!res.headersSent) res.writeHead(res.statusCode);
  const { chunkedEncoding, _hasBody } = res as ServerResponse & { _hasBody?: boolean };
  return !chunkedEncoding && _hasBody !== false;
}

async function sendSmall(res: ServerResponse, file: ServedFile, { start, count }: Range): Promise<void> {
  const body = await file.read(start, count).catch(() => undefined);
  // The length has been promised.
  if (body?.length === count) res.end(body);
  else res.destroy();
}

async function sendNatively(
  socket: KtlsSocket,
  res: ServerResponse,
  file: ServedFile,
  { start, count }: Range,
): Promise<void> {
  // In its place among what is written, behind the head.
  const error = await new Promise<Error | undefined>((resolve) => {
    res.write(socket.fileChunk(file.release(), start, count, resolve));
  });
  // Not before: a server that closes takes what has been ended for idle. And not from within the write, of which
  // `res` may not have heard yet. Where it failed, the socket is destroyed: the length has been promised.
  if (error === undefined) res.end();
}

async function sendStream(res: ServerResponse, file: ServedFile, { start, count }: Range): Promise<void> {
  const source = file.stream(start, count);
  await new Promise<void>((resolve) => {
    // Also when it is destroyed by the other end.
    res.once('close', () => source.destroy());
    source.once('error', () => res.destroy());
    source.once('end', () => {
      if (source.bytesRead === count) res.end();
      else res.destroy();
    });
    source.once('close', resolve);
    source.pipe(res, { end: false });
  });
}
