// What the tests of HTTPS serving share.
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createServer, type HttpsServer } from '../../lib/https';
import type { HttpsServerOptions } from '../../types/https';

type Teardown = { teardown(handler: () => unknown): void };

/**
 * A server of ours on a free port of 127.0.0.1; it and its connections are closed after the test. Unless `options` say
 * otherwise, it keeps a connection however long the machine takes between two requests.
 */
export async function serve(
  t: Teardown,
  options: HttpsServerOptions,
  listener?: RequestListener,
): Promise<{ server: HttpsServer; port: number }> {
  const server = createServer({ keepAliveTimeout: 0, ...options }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return { server, port: (server.address() as AddressInfo).port };
}
