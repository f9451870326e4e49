// What the tests of sockets share.
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Socket as TcpSocket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';

import { connect, createServer, type KtlsServer, type KtlsSocket } from '../../lib/index';
import type { ConnectOptions, ServerOptions } from '../../types/index';
import { CertificateMaker } from '../helpers/certificates';
import { listening } from '../helpers/listening';
import { temporaryFolder } from '../helpers/temporary-folder';

/** The ciphers that the record layers know, and how each version of TLS names what has them. */
export const CIPHERS = [
  suites('AES_128_GCM', 'TLS_AES_128_GCM_SHA256', 'AES128-GCM-SHA256'),
  suites('AES_256_GCM', 'TLS_AES_256_GCM_SHA384', 'AES256-GCM-SHA384'),
  suites('CHACHA20_POLY1305', 'TLS_CHACHA20_POLY1305_SHA256', 'CHACHA20-POLY1305'),
];
export const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const;

function suites(cipher: string, tls13: string, tls12: string) {
  return { cipher, 'TLSv1.3': tls13, 'TLSv1.2': `ECDHE-ECDSA-${tls12}:ECDHE-RSA-${tls12}` };
}

/** Where each direction is to be encrypted under a policy, where that is followed. */
export const place = (policy: string) => (policy === 'require' ? 'kernel' : 'user');

type Teardown = { teardown(handler: () => unknown): void };

export interface Credentials {
  folder: string;
  maker: CertificateMaker;
  ca: Buffer;
  /** For localhost and 127.0.0.1. */
  server: { cert: Buffer; key: Buffer; certFile: string; keyFile: string };
  client: { cert: Buffer; key: Buffer; certFile: string; keyFile: string };
}

export function credentials(t: Teardown): Credentials {
  const folder = temporaryFolder(t as never);
  const maker = new CertificateMaker(folder);
  return {
    folder,
    maker,
    ca: maker.authority.cert,
    server: maker.issue('server', 'DNS:localhost,IP:127.0.0.1'),
    client: maker.issue('client', 'DNS:client'),
  };
}

export interface Listening {
  server: KtlsServer;
  port: number;
  next(): Promise<KtlsSocket>;
}

/** For handshakes: a loaded machine may take its time, and few tests are about that. */
export const PATIENCE_MS = 120_000;

/** A server of ours on a free port; it and its connections are closed after the test. */
export async function listen(
  t: Teardown,
  options: ServerOptions,
  onSocket?: (socket: KtlsSocket) => void,
): Promise<Listening> {
  const arrived: KtlsSocket[] = [];
  const waiting: ((socket: KtlsSocket) => void)[] = [];
  const server = createServer({ handshakeTimeout: PATIENCE_MS, ...options }, (given) => {
    const socket = given as KtlsSocket;
    // Tests that care look at socket.errored.
    socket.on('error', () => {});
    if (onSocket) onSocket(socket);
    else if (waiting.length > 0) waiting.shift()?.(socket);
    else arrived.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server[Symbol.asyncDispose]());
  const next = async () => arrived.shift() ?? new Promise<KtlsSocket>((resolve) => waiting.push(resolve));
  return { server, port: (server.address() as AddressInfo).port, next };
}

/** Two sockets of ours, connected with each other. */
export async function pair(
  t: Teardown,
  { ca, server }: Credentials,
  clientOptions: Partial<ConnectOptions> = {},
  serverOptions: Partial<ServerOptions> = {},
): Promise<{ client: KtlsSocket; server: KtlsSocket; listening: Listening }> {
  const listening = await listen(t, { cert: server.cert, key: server.key, ...serverOptions });
  const patient = { handshakeTimeout: PATIENCE_MS, ...clientOptions };
  const client = await connect({ host: 'localhost', port: listening.port, ca, ...patient });
  t.teardown(() => client.destroy());
  return { client, server: await listening.next(), listening };
}

/** node:tls, as the foreign server. */
export async function nodeServer(
  t: Teardown,
  options: TlsOptions,
  onSocket: (socket: TLSSocket) => void,
): Promise<number> {
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer(options, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  return listening(t, server, sockets);
}

export interface Proxy {
  port: number;
  /** The two sides of each connection, in order. */
  pairs: { near: TcpSocket; far: TcpSocket }[];
}

/** Between two ends; `relay` says what becomes of a chunk on its way. */
export async function proxy(
  t: Teardown,
  target: number,
  relay: (chunk: Buffer, from: 'client' | 'server', to: TcpSocket) => void,
): Promise<Proxy> {
  const pairs: Proxy['pairs'] = [];
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = new (near.constructor as typeof TcpSocket)({ allowHalfOpen: true });
    far.connect(target, '127.0.0.1');
    far.setNoDelay();
    pairs.push({ near, far });
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('data', (chunk) => relay(chunk, 'client', far));
    far.on('data', (chunk) => relay(chunk, 'server', near));
    // Behind what relay() may have held back for a moment.
    near.on('end', () => setTimeout(() => far.end(), 20));
    far.on('end', () => setTimeout(() => near.end(), 20));
    // Not where both have ended well: what goes the other way may still be under way.
    near.on('close', (failed) => failed && far.destroy());
    far.on('close', (failed) => failed && near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, pairs };
}

/** Everything until the end, which is not the end of the other direction; rejects with the stream's error. */
export function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('closed before its end')));
  });
}

/** Exactly so many bytes; the rest stays. */
export async function take(stream: Duplex, count: number): Promise<Buffer> {
  for (;;) {
    const got = stream.read(count);
    if (got !== null) return got;
    await once(stream, 'readable');
    // A listener is told at once of what was there before it: without this, nothing else would get its turn.
    await new Promise(setImmediate);
  }
}

/** The error that ended a socket; undefined when there was none. */
export async function failure(socket: Duplex): Promise<(Error & { code?: string }) | undefined> {
  socket.on('error', () => {});
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return socket.errored ?? undefined;
}
