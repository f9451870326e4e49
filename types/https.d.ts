// HTTPS serving, `ktls-transfer/https`: createServer(), HttpsServer, sendFile(). lib/https implements exactly these.
/// <reference types="node" />

import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http';
import { Server, type ServerOptions } from 'node:https';

import type { KtlsSocket, SocketOptions, TicketKeySource } from './index.js';

export * from './https-metrics.js';

/**
 * A server as `https.createServer()` makes it, whose connections are {@link KtlsSocket}s: `req.socket` is one.
 *
 * It takes the options of `https.createServer()` and has its events and methods; docs/https.md lists what differs.
 * It speaks TLS 1.3 and 1.2 (ECDHE with AES-GCM or ChaCha20-Poly1305), and HTTP/1.1 only: a client that also offers HTTP/2 is answered with HTTP/1.1.
 *
 * @throws {KtlsError} ERR_KTLS_INVALID_OPTION for an option that cannot be followed; what `https.createServer()`
 *   throws.
 *
 * @example
 * createServer({ key, cert }, (req, res) => res.end('hello')).listen(8443);
 */
export function createServer(options: HttpsServerOptions, listener?: RequestListener): HttpsServer;
export function createServer(listener?: RequestListener): HttpsServer;

export interface HttpsServerOptions
  extends Omit<ServerOptions, keyof SocketOptions | 'ticketKeys'>,
    SocketOptions {
  /**
   * Give all servers of a name the same, and each resumes the sessions of the others. Default: random. A file or
   * function that fails at first ends listening with an `error` event; later it leads to `ticketKeysError`.
   */
  ticketKeys?: TicketKeySource | undefined;
  /** Milliseconds between two looks at a file or function. Default 60,000. */
  ticketKeysInterval?: number | undefined;
}

/**
 * Answers a request with a file: with ranges, validators and types as `send` has them for express, and the bytes
 * sent natively behind the head where `req.socket` is a {@link KtlsSocket}. Any other `res` gets them by a stream:
 * of `node:http`, `node:https`, `node:http2`'s compatibility layer, and one whose `write` somebody has replaced.
 *
 * One range is answered with 206, as are several that touch or overlap; several others, with the whole file. What
 * cannot be sent is answered with 403, 404, 412, 416 or 500. A file that shrinks while it is sent ends the connection.
 * Every method but HEAD is answered as GET is, but for ranges, which only GET has.
 *
 * @param path - With `root`, a path as a request has it (`req.url`): percent-encoded, below `root`; a query is
 *   left out. Without, a path of the file system, which whoever calls has chosen.
 * @returns When the response has been handed over, or its connection has gone.
 * @throws ERR_KTLS_INVALID_OPTION for a `start` or `end` that no file can have, before anything is sent;
 *   ERR_HTTP_HEADERS_SENT; what `res.setHeader()` throws for `headers`.
 *
 * @example
 * createServer({ key, cert }, (req, res) => sendFile(req, res, req.url, { root: '/srv' })).listen(8443);
 */
export function sendFile(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  options?: SendFileOptions,
): Promise<void>;

export interface SendFileOptions {
  /**
   * The directory that `path` is below, and never leaves: not by `..`, and not by a symlink, whoever puts it there
   * and when. Symlinks that stay below it are followed (Linux 5.6; before, none is).
   */
  root?: string | undefined;
  /** With `root`: the file for a path that ends with a slash; false: 404. Default `'index.html'`. */
  index?: string | false | undefined;
  /** For the response. ETag, Last-Modified, Cache-Control and Content-Type are kept where they are given. */
  headers?: OutgoingHttpHeaders | undefined;
  /** The first byte of what is served as the whole, which is empty where the file ends before. Default 0. */
  start?: number | undefined;
  /** The last one, `start - 1` for none. Default: the last of the file. */
  end?: number | undefined;
  /** Destroys the response, and with it the connection, also where it waits for others of that. */
  signal?: AbortSignal | undefined;
  /** With `root`, names that begin with a dot: `'ignore'` answers 404, `'deny'` 403. Default `'ignore'`. */
  dotfiles?: 'allow' | 'deny' | 'ignore' | undefined;
  /**
   * Sends `path.br` or `path.gz` where it exists and the client takes it, whichever the client prefers. Whoever makes
   * these files keeps them as new as the others. Default false.
   */
  precompressed?: boolean | undefined;
  /** Milliseconds for Cache-Control. Default 0. */
  maxAge?: number | undefined;
  /** In Cache-Control. Default false. */
  immutable?: boolean | undefined;
  /** Default true. */
  cacheControl?: boolean | undefined;
  /** Default true. */
  etag?: boolean | undefined;
  /** Default true. */
  lastModified?: boolean | undefined;
  /** Default true. */
  acceptRanges?: boolean | undefined;
}

/** An `https.Server`. Made by {@link createServer}. */
export class HttpsServer extends Server {
  private constructor();
}

export type { KtlsSocket };
