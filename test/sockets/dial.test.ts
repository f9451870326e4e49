// The options of net.connect(), and what is set on the TCP socket itself, as the kernel tells it.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import t from 'tap';

import { connect, createServer, type KtlsSocket } from '../../lib/index';
import { credentials, listen, pair } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;

t.test('family, lookup, localAddress and localPort are followed', async (t) => {
  const { port, next } = await listen(t, { cert, key });
  const asked: unknown[] = [];
  const lookup: LookupFunction = (name, options, callback) => {
    asked.push([name, options.family]);
    if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
  const looked = await connect({ host: 'localhost', port, ca, lookup, family: 4 });
  t.same(asked, [['localhost', 4]]);
  looked.destroy();
  await next();
  const bound = await connect({ host: '127.0.0.1', port, ca, localAddress: '127.0.0.5' });
  t.equal(bound.localAddress, '127.0.0.5');
  t.equal((await next()).remoteAddress, '127.0.0.5');
  bound.destroy();
  const failing: LookupFunction = (_name, _options, callback) => {
    callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '', 4);
  };
  await t.rejects(connect({ host: 'x', port, ca, lookup: failing }), { code: 'ENOTFOUND' });
  await t.rejects(connect({ host: 'localhost', port, ca, localAddress: 'no address' }), {
    code: 'ERR_KTLS_INVALID_OPTION',
  });
});

t.test('family 6 goes by IPv6', async (t) => {
  const server = createServer({ cert, key }, (socket) => (socket as KtlsSocket).resume());
  server.listen(0, '::1');
  await once(server, 'listening');
  t.teardown(() => server[Symbol.asyncDispose]());
  const { port } = server.address() as { port: number };
  // Not every machine has localhost in IPv6.
  const lookup: LookupFunction = (_name, { family, all }, callback) => {
    const address = family === 6 ? '::1' : '127.0.0.1';
    const found = family === 6 ? 6 : 4;
    if (all) callback(null, [{ address, family: found }]);
    else callback(null, address, found);
  };
  const socket = await connect({ host: 'localhost', port, ca, lookup, family: 6 });
  t.match(socket, { remoteAddress: '::1', remoteFamily: 'IPv6' });
  await t.rejects(connect({ host: 'localhost', port, ca, lookup, family: 4 }), { code: 'ECONNREFUSED' });
  socket.destroy();
});

t.test('timeout: the socket tells, and stays', async (t) => {
  const { port } = await listen(t, { cert, key });
  const socket = await connect({ host: 'localhost', port, ca, timeout: 30 });
  t.equal(socket.timeout, 30);
  await once(socket, 'timeout');
  t.equal(socket.destroyed, false);
  socket.destroy();
});

/** What ss(8) says of the connection that has this port at this end. */
function told(socket: KtlsSocket): string {
  return execFileSync('ss', ['-tnoie', `sport = :${socket.localPort}`], { encoding: 'utf8' });
}

t.test('setKeepAlive() reaches the kernel', async (t) => {
  const { client } = await pair(t, trust);
  t.notMatch(told(client), /timer:\(keepalive/);
  client.setKeepAlive(true, 600_000);
  // ss counts down from it.
  t.match(told(client), /timer:\(keepalive,(9min|10min)/);
  client.setKeepAlive(false);
  t.notMatch(told(client), /timer:\(keepalive/);
  const { client: asked } = await pair(t, trust, { keepAlive: true, keepAliveInitialDelay: 600_000 });
  t.match(told(asked), /timer:\(keepalive,(9min|10min)/);
});
