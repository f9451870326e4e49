// When a server listens, and when it ends: as net.Server and tls.Server do.
import { once } from 'node:events';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import t from 'tap';

import { connect, createServer, type KtlsServer, type KtlsSocket } from '../../lib/index';
import { credentials, failure, listen, pair, take } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;

t.test('a server is as a net.Server is', async (t) => {
  const server = createServer({ cert, key });
  t.equal(server.listening, false);
  t.equal(server.address(), null);
  server.close((error) => t.match(error, { code: 'ERR_SERVER_NOT_RUNNING' }));
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  t.equal(server.listening, true);
  t.throws(() => server.listen(0), { code: 'ERR_SERVER_ALREADY_LISTEN' });
  const { port } = server.address() as { port: number };
  const busy = createServer({ cert, key });
  busy.listen(port, '127.0.0.1');
  const [error] = await once(busy, 'error');
  t.equal(error.code, 'EADDRINUSE');
  const connected = once(server, 'secureConnection');
  const client = await connect({ host: 'localhost', port, ca });
  const [end] = (await connected) as [KtlsSocket];
  let closed = false;
  const close = new Promise<void>((resolve) =>
    server.close(() => {
      closed = true;
      resolve();
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(closed, false, 'an open connection holds it');
  end.write('still served');
  t.equal(String(await take(client, 12)), 'still served');
  client.end();
  end.resume();
  client.resume();
  await close;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await server[Symbol.asyncDispose]();
  t.equal(server.listening, false);
});

/** What keeps a server from listening at once, beside look-ups of names. */
const SLOW_KEYS = () => new Promise<Buffer>((resolve) => setTimeout(resolve, 20, Buffer.alloc(48)));

for (const [name, ticketKeys] of [
  ['', undefined],
  [', while it waits for its ticket keys', SLOW_KEYS],
] as const) {
  t.test(`a server that was told to end when it was to listen does, as tls.Server${name}`, async (t) => {
    const events = async (server: KtlsServer | TlsServer, end: () => unknown) => {
      const seen: string[] = [];
      for (const event of ['listening', 'close', 'error'])
        server.on(event as 'close', () => seen.push(event));
      const closed = once(server, 'close');
      await end();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 200))]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      t.equal(server.listening, false);
      t.equal(server.address(), null);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.equal(server.listening, true, 'it may listen again');
      await new Promise((resolve) => server.close(resolve));
      return seen;
    };
    const ends: [string, (server: KtlsServer | TlsServer) => unknown][] = [
      ['close()', (server) => server.listen(0, '127.0.0.1').close()],
      ['close(callback)', (server) => new Promise((resolve) => server.listen(0).close(resolve))],
      ['asyncDispose', (server) => server.listen(0)[Symbol.asyncDispose]()],
      [
        'a signal',
        (server) => {
          const controller = new AbortController();
          server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal });
          controller.abort();
        },
      ],
      ['a signal of before', (server) => server.listen({ port: 0, signal: AbortSignal.abort() })],
    ];
    for (const [end, run] of ends) {
      const ours = createServer({ cert, key, ticketKeys });
      const seen = await events(ours, () => run(ours));
      t.same(seen.slice(0, 1), ['close'], end);
      if (end === 'a signal of before') continue;
      const theirs = createTlsServer({ cert, key });
      t.same(seen, await events(theirs, () => run(theirs)), end);
    }
  });
}

t.test('a port that is none is thrown, as by tls.Server, which may listen then', async (t) => {
  for (const server of [createServer({ cert, key }), createTlsServer({ cert, key })]) {
    for (const port of [70_000, -1, 1.5, 'x1' as never]) {
      t.throws(() => server.listen({ port }), { code: 'ERR_SOCKET_BAD_PORT' });
    }
    t.throws(() => server.listen(70_000), { code: 'ERR_SOCKET_BAD_PORT' });
    await new Promise<void>((resolve) => server.listen('0' as never, resolve));
    await new Promise((resolve) => server.close(resolve));
  }
});

t.test('an aborted signal closes a server that listens, which may listen again', async (t) => {
  const server = createServer({ cert, key });
  const first = new AbortController();
  const listenUntil = ({ signal }: AbortController) =>
    new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', signal }, resolve));
  await listenUntil(first);
  const closed = once(server, 'close');
  first.abort();
  await closed;
  t.equal(server.listening, false);
  const second = new AbortController();
  await listenUntil(second);
  const { port } = server.address() as { port: number };
  (await connect({ host: 'localhost', port, ca })).destroy();
  await server[Symbol.asyncDispose]();
  await listenUntil(new AbortController());
  second.abort();
  await new Promise(setImmediate);
  t.equal(server.listening, true, "the signal of a time that is over is nobody's");
  await server[Symbol.asyncDispose]();
});

t.test('maxConnections and maxUnauthenticated close what is too much', async (t) => {
  const { port, server } = await listen(t, { cert, key }, (socket) => socket.resume());
  server.maxConnections = 1;
  const first = await connect({ host: 'localhost', port, ca });
  const second = await connect({ host: 'localhost', port, ca });
  t.match((await failure(second))?.code, /ERR_KTLS_TRUNCATED|ECONNRESET/);
  first.destroy();
  const { client, server: end } = await pair(t, trust, {}, { maxUnauthenticated: 1 });
  client.write('x');
  t.equal(String(await take(end, 1)), 'x');
});
