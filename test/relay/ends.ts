// Every kind of end that relay() takes, connected to a peer of Node's own.
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

import { createServer as createKtlsServer, type KtlsSocket } from '../../lib/index';
import { native } from '../../lib/native';
import type { RelaySocket } from '../../lib/relay';
import type { KernelPolicy } from '../../types/index';
import { pair, type Teardown } from './support';

export interface Ends {
  /** What relay() is given. */
  near: RelaySocket;
  /** The peer. */
  far: Socket;
  /** Makes the peer vanish, so that it cannot be taken for its end; null where there is no such thing. */
  vanish: (() => void) | null;
}

const withReset = ({ near, far }: { near: RelaySocket; far: Socket }): Ends => ({
  near,
  far,
  vanish: () => far.resetAndDestroy(),
});

export type MakeEnds = (t: Teardown) => Promise<Ends>;

/** A descriptor as another program would hand it over; its Node socket is gone. */
export function descriptorOf(socket: Socket): number {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const taken = native().duplicateDescriptor(fd);
  socket.destroy();
  return taken;
}

export const netSocket: MakeEnds = async (t) => withReset(await pair(t));

export const tcpDescriptor: MakeEnds = async (t) => {
  const { near, far } = await pair(t);
  return withReset({ near: descriptorOf(near), far });
};

export function unixDescriptor(folder: string): MakeEnds {
  let made = 0;
  return async (t) => {
    const path = join(folder, `socket-${made++}`);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(path);
    await once(server, 'listening');
    const far = connectTcp({ path, allowHalfOpen: true });
    const [near] = (await once(server, 'connection')) as [Socket];
    server.close();
    far.on('error', () => {});
    t.teardown(() => far.destroy());
    return { near: descriptorOf(near), far, vanish: null };
  };
}

export interface Identity {
  cert: Buffer;
  key: Buffer;
}

/** The server's end of a TLS connection whose client is node:tls. */
export function ktlsSocket(kernel: KernelPolicy, identity: Identity): MakeEnds {
  return async (t) => {
    const server = createKtlsServer({ ...identity, kernel, handshakeTimeout: 120_000 });
    server.on('tlsClientError', (error) => server.emit('error', error));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const arrived = once(server, 'secureConnection');
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
    const far = connectTls(options as ConnectionOptions);
    far.on('error', () => {});
    far.pause();
    t.teardown(() => far.destroy());
    const [near] = (await arrived) as [KtlsSocket];
    near.on('error', () => {});
    server.close();
    // Without close_notify.
    return { near, far, vanish: () => far.destroy() };
  };
}
