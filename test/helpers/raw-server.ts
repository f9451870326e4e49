// A TCP server that does to each connection what a test says.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}
