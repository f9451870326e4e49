// A foreign server for the length of a test.
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

interface Peer {
  destroy(): unknown;
}

/**
 * Listens on a free port of 127.0.0.1, which it returns. After the test `peers`, to whom the server adds those that
 * connect, are destroyed and it is closed.
 */
export async function listening(
  t: { teardown(handler: () => unknown): void },
  server: Server,
  peers: ReadonlySet<Peer>,
): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
