// HTTPS serving, `ktls-transfer/https`: createServer(), HttpsServer. lib/https implements exactly these.
/// <reference types="node" />

import type { RequestListener } from 'node:http';
import { Server, type ServerOptions } from 'node:https';

import type { KtlsSocket, SocketOptions, TicketKeySource } from './index.js';

export * from './https-metrics.js';

/**
 * A server as `https.createServer()` makes it, whose connections are {@link KtlsSocket}s: `req.socket` is one.
 *
 * It takes the options of `https.createServer()` and has its events and methods; docs/https.md lists what differs.
 * It speaks TLS 1.3 and HTTP/1.1 only: a client that also offers HTTP/2 is answered with HTTP/1.1.
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

/** An `https.Server`. Made by {@link createServer}. */
export class HttpsServer extends Server {
  private constructor();
}

export type { KtlsSocket };
