// A TCP server that does to each connection what a test says.
import { createServer, type Socket } from 'node:net';

import { listening } from './listening';

/** Returns its port. It is closed with its connections after the test. */
export async function rawServer(
  t: { teardown(handler: () => unknown): void },
  onConnection: (socket: Socket) => void,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  return listening(t, server, sockets);
}
