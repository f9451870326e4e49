// What the tests of the relay share.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { createProxy, type ProxyOptions, type ProxyServer, type RelayMode } from '../../lib/relay';
import { CertificateMaker } from '../helpers/certificates';
import { listening } from '../helpers/listening';

/** What goes with TLS, too. */
export const TLS_MODES: RelayMode[] = ['auto', 'copy', 'splice'];
export const MODES: RelayMode[] = [...TLS_MODES, 'sockmap'];

/** An authority, and a server's certificate, in a folder of their own. */
export async function certificates(t: { testdir(): string }) {
  const folder = t.testdir();
  const maker = new CertificateMaker(folder);
  return {
    folder,
    maker,
    authority: maker.authority,
    server: maker.issue('server', 'DNS:localhost,IP:127.0.0.1'),
  };
}

export type Teardown = { teardown(handler: () => unknown): void };

export function hash(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

export function randomBytes(length: number): Buffer {
  return randomFillSync(Buffer.allocUnsafe(length));
}

/** Sockets live until the test's end at most. */
export async function serve(
  t: Teardown,
  onConnection: (socket: Socket) => void,
): Promise<{ server: Server; port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  return { server, port: await listening(t, server, sockets) };
}

export const echo = (t: Teardown) => serve(t, (socket) => socket.pipe(socket));

/** Connected, not reading yet. */
export async function dial(t: Teardown, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.pause();
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Two ends of one connection: `near` for the relay, `far` for the test. */
export async function pair(t: Teardown): Promise<{ near: Socket; far: Socket }> {
  const accepted: Socket[] = [];
  const { server, port } = await serve(t, (socket) => accepted.push(socket));
  const near = await dial(t, port);
  while (accepted.length === 0) await pause(1);
  server.close();
  return { near, far: accepted[0] as Socket };
}

/** Everything up to the end of the stream, which can still be written to. */
export function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('end', () => resolve(Buffer.concat(chunks)));
    socket.once('close', () => reject(socket.errored ?? new Error('closed before its end')));
    socket.resume();
  });
}

/** Exactly so much, the rest stays. */
export async function readBytes(socket: Socket, length: number): Promise<Buffer> {
  let all = Buffer.alloc(0);
  while (all.length < length) {
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) {
      all = Buffer.concat([all, chunk]);
      continue;
    }
    if (socket.readableEnded || socket.destroyed) throw new Error('the stream ended early');
    await new Promise<void>((resolve) => {
      const wake = () => {
        socket.off('readable', wake).off('close', wake);
        resolve();
      };
      socket.on('readable', wake).on('close', wake);
    });
  }
  if (all.length > length) socket.unshift(all.subarray(length));
  return all.subarray(0, length);
}

/** The code of the error, or 'end', with which a socket closes. */
export async function closing(socket: Socket): Promise<string> {
  socket.resume();
  if (socket.readableEnded) socket.destroy();
  else socket.once('end', () => socket.destroy());
  if (!socket.closed) await once(socket, 'close').catch(() => {});
  const error: NodeJS.ErrnoException | null = socket.errored;
  return error?.code ?? 'end';
}

/** Resolves when nobody listens there any more; what had come before is closed unheard. */
export async function refused(port: number): Promise<void> {
  while ((await closing(connect({ port, host: '127.0.0.1' }))) !== 'ECONNREFUSED');
}

export async function proxy(
  t: Teardown,
  options: ProxyOptions,
): Promise<{ server: ProxyServer; port: number }> {
  // A loaded machine may take its time: no test is about these.
  const patience = { connectTimeout: 120_000, handshakeTimeout: 120_000 };
  const server = createProxy({ listen: '127.0.0.1:0', ...patience, ...options });
  t.teardown(() => server.close({ abort: true }));
  const { port } = await server.listen();
  return { server, port };
}

/** A server program, stopped after the test; waits until its port takes connections. */
export async function program(
  t: Teardown,
  command: string,
  args: string[],
  port: number,
): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  t.teardown(async () => {
    if (ended()) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  while (!ended()) {
    const socket = connect({ port, host: '127.0.0.1' });
    const reached = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (reached) return child;
    await pause(25);
  }
  throw new Error(`${command} does not listen: ${output}`);
}

export interface Ran {
  status: number;
  stdout: Buffer;
  stderr: string;
}

export function run(command: string, args: string[], input?: string | Buffer): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { encoding: 'buffer', maxBuffer: 1 << 28, timeout: 240_000 },
      (error, stdout, stderr) =>
        resolve({
          status: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
          stdout,
          stderr: stderr.toString(),
        }),
    );
    if (input !== undefined) child.stdin?.end(input);
  });
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
