// The options of net.connect().
import { ADDRCONFIG } from 'node:dns';
import { once } from 'node:events';
import {
  createServer as createTcpServer,
  getDefaultAutoSelectFamilyAttemptTimeout,
  type LookupFunction,
  setDefaultAutoSelectFamilyAttemptTimeout,
} from 'node:net';
import t from 'tap';

import { connect, createServer, type KtlsSocket } from '../../lib/index';
import type { ConnectOptions } from '../../types/index';
import { deafHost } from '../helpers/deaf-host';
import { credentials, listen } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;

t.test('family, hints and lookup are followed', async (t) => {
  const { port } = await listen(t, { cert, key });
  const asked: unknown[] = [];
  const lookup: LookupFunction = (name, { family, hints, all }, callback) => {
    asked.push([name, family, hints]);
    if (all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
  const looked = await connect({ host: 'localhost', port, ca, lookup, family: 4, hints: ADDRCONFIG });
  t.same(asked, [['localhost', 4, ADDRCONFIG]]);
  looked.destroy();
  const failing: LookupFunction = (_name, _options, callback) => {
    callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '', 4);
  };
  await t.rejects(connect({ host: 'x', port, ca, lookup: failing }), { code: 'ENOTFOUND' });
});

t.test('localAddress and localPort are followed', async (t) => {
  const { port, next } = await listen(t, { cert, key });
  // Of an address that nothing else here uses.
  const localAddress = '127.0.0.5';
  const free = createTcpServer().listen(0, localAddress);
  await once(free, 'listening');
  const { port: localPort } = free.address() as { port: number };
  free.close();
  await once(free, 'close');
  const bound = await connect({ host: '127.0.0.1', port, ca, localAddress, localPort });
  t.match(bound, { localAddress, localPort });
  t.match(await next(), { remoteAddress: localAddress, remotePort: localPort });
  bound.destroy();
});

t.test('autoSelectFamily tries every address, or the first alone', async (t) => {
  const { port } = await listen(t, { cert, key });
  // Nothing listens at the first.
  const addresses = [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ];
  const lookup: LookupFunction = (_name, { all }, callback) => {
    if (all) callback(null, addresses);
    else callback(null, '::1', 6);
  };
  const options = { host: 'localhost', port, ca, lookup };
  const socket = await connect({ ...options, autoSelectFamily: true });
  t.equal(socket.remoteAddress, '127.0.0.1');
  socket.destroy();
  await t.rejects(connect({ ...options, autoSelectFamily: false }), { code: 'ECONNREFUSED' });
});

t.test('autoSelectFamilyAttemptTimeout bounds the wait for an address that does not answer', async (t) => {
  const { port } = await listen(t, { cert, key });
  // Of an address that nothing else here uses.
  const silent = '127.0.0.9';
  await deafHost(t, silent, port);
  // Without the option, the first attempt outlasts connectTimeout.
  const usual = getDefaultAutoSelectFamilyAttemptTimeout();
  setDefaultAutoSelectFamilyAttemptTimeout(2 ** 31 - 1);
  t.teardown(() => setDefaultAutoSelectFamilyAttemptTimeout(usual));
  const lookup: LookupFunction = (_name, _options, callback) => {
    callback(null, [
      { address: silent, family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
  };
  const options = { host: 'localhost', port, ca, lookup, autoSelectFamily: true };
  const socket = await connect({ ...options, autoSelectFamilyAttemptTimeout: 10 });
  t.equal(socket.remoteAddress, '127.0.0.1');
  socket.destroy();
});

t.test('what net.connect() does not take is an error', async (t) => {
  const { port } = await listen(t, { cert, key });
  const wrong = [
    { localAddress: 'no address' },
    { localPort: 'x' },
    { hints: 1 << 20 },
    { lookup: 'x' },
    { autoSelectFamily: 'x' },
    { autoSelectFamilyAttemptTimeout: 0 },
  ];
  for (const each of wrong) {
    const options = { host: 'localhost', port, ca, ...each } as ConnectOptions;
    await t.rejects(connect(options), { code: 'ERR_KTLS_INVALID_OPTION' }, JSON.stringify(each));
  }
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
