// A proxy whose TLS fails: strangers on either side, and ends that are none.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import t from 'tap';

import { certificates, closing, dial, echo, proxy, readAll, readBytes } from './support';

t.test('a client that is not TLS, and a server that is not trusted, end with their codes', async (t) => {
  const { server, maker } = await certificates(t);
  const stranger = maker.selfSigned('stranger');
  const { port: target } = await echo(t);
  const tls = { cert: server.cert, key: server.key };
  const front = await proxy(t, { target, tls });
  const refused = once(front.server, 'connectionError');
  const client = await dial(t, front.port);
  client.write('GET / HTTP/1.0\r\n\r\n');
  t.match(await refused, [{ code: 'ERR_KTLS_NOT_TLS' }]);
  await closing(client);

  for (const connectTls of [{ ca: stranger.cert }, true, { ca: maker.authority.cert, servername: 'other' }]) {
    const back = await proxy(t, { target: `localhost:${front.port}`, connectTls });
    const untrusted = once(back.server, 'connectionError');
    const plain = await dial(t, back.port);
    t.match(await untrusted, [{ code: 'ERR_KTLS_CERTIFICATE' }]);
    await closing(plain);
  }
});

t.test('clients must show a certificate when an authority for them is given', async (t) => {
  const { server, authority, maker } = await certificates(t);
  const member = maker.issue('member', 'DNS:member');
  const { port: target } = await echo(t);
  const tls = { cert: server.cert, key: server.key, ca: authority.cert };
  const far = await proxy(t, { target: `127.0.0.1:${target}`, tls });
  const failed = once(far.server, 'connectionError');
  const anonymous = await proxy(t, { target: `localhost:${far.port}`, connectTls: { ca: authority.cert } });
  await dial(t, anonymous.port);
  t.match(await failed, [{ code: 'ERR_KTLS_CERTIFICATE' }]);
  const connectTls = { ca: authority.cert, cert: member.cert, key: member.key };
  const known = await proxy(t, { target: `localhost:${far.port}`, connectTls });
  const client = await dial(t, known.port);
  client.end('hello');
  t.equal((await readAll(client)).toString(), 'hello');
});

t.test('a TLS server that hangs up without close_notify is a reset for the client', async (t) => {
  const { server, authority } = await certificates(t);
  const tlsServer = createTlsServer({ cert: server.cert, key: server.key }, (socket) => {
    // The second message is the client's word that it has read the first answer: libuv takes a reset for
    // an end when it comes together with data.
    socket.once('data', () => {
      socket.write('half of it');
      socket.once('data', () => socket.destroy());
    });
  }).listen(0, '127.0.0.1');
  await once(tlsServer, 'listening');
  t.teardown(() => tlsServer.close());
  const { port: target } = tlsServer.address() as AddressInfo;
  const { server: front, port } = await proxy(t, {
    target: `localhost:${target}`,
    connectTls: { ca: authority.cert, ALPNProtocols: ['x'] },
  });
  const failed = once(front, 'connectionError');
  const client = await dial(t, port);
  client.write('go');
  t.equal((await readBytes(client, 10)).toString(), 'half of it');
  client.write('on');
  t.match(await failed, [{ code: /^(ERR_KTLS_TRUNCATED|ECONNRESET)$/ }]);
  t.equal(await closing(client), 'ECONNRESET');
});
