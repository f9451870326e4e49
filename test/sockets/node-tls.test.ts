// Certificates, ALPN, SNI, sessions and secrets, with node:tls at the other end.
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import {
  connect as connectTls,
  createSecureContext,
  createServer as createTlsServer,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import t from 'tap';

import { createServer as createHttpsServer } from '../../lib/https';
import {
  connect,
  createServer,
  generateSecret,
  type KtlsServer,
  type KtlsSocket,
  probe,
} from '../../lib/index';
import { collect, credentials, failure, listen, nodeServer } from './support';

const trust = credentials(t);
const { ca, maker } = trust;
const { cert, key } = trust.server;

t.test('it tells what the handshake told, as node:tls does at the other end', async (t) => {
  const ends: TLSSocket[] = [];
  const port = await nodeServer(
    t,
    { cert, key, ca, requestCert: true, ALPNProtocols: ['h2', 'x'] },
    (socket) => ends.push(socket),
  );
  const { cert: clientCert, key: clientKey } = trust.client;
  const socket = await connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    ca,
    cert: clientCert,
    key: clientKey,
    ALPNProtocols: ['x', 'y'],
  });
  t.teardown(() => socket.destroy());
  socket.write('.');
  while (ends.length === 0) await new Promise(setImmediate);
  const [end] = ends as [TLSSocket];
  t.equal(socket.alpnProtocol, 'x');
  t.equal(end.alpnProtocol, 'x');
  t.equal(end.authorized, true);
  t.equal(socket.authorized, true);
  t.equal(socket.authorizationError ?? null, null);
  t.equal((end as { servername?: string }).servername, 'localhost');
  t.equal(socket.getPeerCertificate().subject.CN, 'server');
  t.equal(socket.getPeerX509Certificate()?.subject, 'CN=server');
  t.equal(end.getPeerCertificate().subject.CN, 'client');
  t.equal((socket.getCertificate() as { subject: { CN: string } }).subject.CN, 'client');
  t.same(socket.getCipher().name, end.getCipher().name);
  const exported = (of: TLSSocket | KtlsSocket) => of.exportKeyingMaterial(32, 'label', Buffer.from('x'));
  t.ok(exported(socket).equals(exported(end)));
  t.ok(socket.getFinished()?.equals(end.getPeerFinished() as Buffer));
  t.equal(socket.isSessionReused(), false);
});

t.test('a server asks for certificates and tells who came', async (t) => {
  const { port, next, server } = await listen(t, {
    cert,
    key,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  void server;
  const { cert: clientCert, key: clientKey } = trust.client;
  for (const [options, authorized, name] of [
    [{ cert: clientCert, key: clientKey }, true, 'client'],
    [{}, false, undefined],
  ] as const) {
    const socket = connectTls({ host: 'localhost', servername: 'localhost', port, ca, ...options });
    t.teardown(() => socket.destroy());
    const end = await next();
    t.equal(end.authorized, authorized);
    t.equal(end.authorizationError === undefined, authorized);
    t.equal(end.getPeerCertificate().subject?.CN, name);
    t.equal(end.servername, 'localhost');
  }
});

t.test('authorizationError is what it is in node:tls, at either end', async (t) => {
  const stranger = maker.selfSigned('stranger');
  const asking = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
  const ours = await listen(t, asking);
  const theirs: TLSSocket[] = [];
  const theirPort = await nodeServer(t, asking, (socket) => theirs.push(socket));
  for (const identity of [{}, { cert: stranger.cert, key: stranger.key }]) {
    for (const servername of ['localhost', 'elsewhere']) {
      for (const trusted of [{}, { ca }]) {
        const options = { host: '127.0.0.1', servername, rejectUnauthorized: false, ...identity, ...trusted };
        const client = await connect({ ...options, port: theirPort });
        const [told] = await once(client.resume(), 'session');
        t.ok(told);
        const node = connectTls({ ...options, port: ours.port });
        await once(node, 'secureConnect');
        const server = await ours.next();
        t.equal(client.authorizationError ?? null, node.authorizationError);
        t.equal(server.authorizationError, theirs.pop()?.authorizationError);
        for (const socket of [client, node, server]) socket.destroy();
      }
    }
  }
});

t.test('a client without the certificate that is asked for is refused, and learns why', async (t) => {
  const { port, server } = await listen(t, { cert, key, ca, requestCert: true });
  const refused = once(server, 'tlsClientError');
  const client = await connect({ host: 'localhost', port, ca });
  t.match(await failure(client), { code: 'ERR_KTLS_CERTIFICATE', message: /demands a certificate/ });
  const [error, address] = await refused;
  t.equal(error.code, 'ERR_KTLS_CERTIFICATE');
  t.match(address, /^127\.0\.0\.1:\d+$/);
  const port2 = await nodeServer(t, { cert, key, ca, requestCert: true }, () => {});
  const second = await connect({ host: 'localhost', port: port2, ca });
  t.match((await failure(second))?.code, /^ERR_KTLS_(CERTIFICATE|TRUNCATED)$/);
});

t.test('a server that is not trusted is refused, unless rejectUnauthorized is false', async (t) => {
  const port = await nodeServer(t, { cert, key }, (socket) => socket.end());
  await t.rejects(connect({ host: 'localhost', port }), { code: 'ERR_KTLS_CERTIFICATE' });
  await t.rejects(connect({ host: 'localhost', servername: 'elsewhere', port, ca }), {
    code: 'ERR_KTLS_CERTIFICATE',
    message: /elsewhere/,
  });
  const socket = await connect({ host: 'localhost', port, rejectUnauthorized: false });
  t.equal(socket.authorized, false);
  t.equal(socket.authorizationError, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  socket.destroy();
  let asked = '';
  const judged = await connect({
    host: 'localhost',
    port,
    ca,
    checkServerIdentity: (name) => {
      asked = name;
      return undefined;
    },
  });
  t.equal(asked, 'localhost');
  judged.destroy();
});

t.test('checkServerIdentity may abort the handshake', async (t) => {
  const { port } = await listen(t, { cert, key });
  const aborting = new AbortController();
  const { signal } = aborting;
  const checkServerIdentity = () => void aborting.abort();
  await t.rejects(connect({ host: 'localhost', port, ca, signal, checkServerIdentity }), {
    name: 'AbortError',
  });
});

t.test('SNICallback and ALPNCallback choose', async (t) => {
  const other = maker.issue('other', 'DNS:other');
  const { port } = await listen(
    t,
    {
      cert,
      key,
      SNICallback: (name, done) =>
        done(null, name === 'other' ? createSecureContext({ cert: other.cert, key: other.key }) : undefined),
      ALPNCallback: ({ protocols }) => protocols.at(-1),
    },
    (socket) => socket.end(),
  );
  for (const [servername, subject] of [
    ['other', 'CN=other'],
    ['localhost', 'CN=server'],
  ] as const) {
    const socket = connectTls({ host: '127.0.0.1', servername, port, ca, ALPNProtocols: ['a', 'b'] });
    await once(socket, 'secureConnect');
    t.equal(socket.getPeerX509Certificate()?.subject, subject);
    t.equal(socket.alpnProtocol, 'b');
    socket.destroy();
  }
});

t.test('ALPNProtocols as names and as they travel; what is neither is said', async (t) => {
  const port = await nodeServer(t, { cert, key, ALPNProtocols: ['a', 'b'] }, () => {});
  const dialling = { host: 'localhost', port, ca };
  for (const ALPNProtocols of [['x', 'b'], [Buffer.from('b')] as never, Buffer.from('\x01x\x01b')]) {
    const socket = await connect({ ...dialling, ALPNProtocols });
    t.equal(socket.alpnProtocol, 'b');
    socket.destroy();
  }
  for (const ALPNProtocols of [[''], ['x'.repeat(256)], ['x'.repeat(257), 'x'], Buffer.from('\x02x')]) {
    await t.rejects(connect({ ...dialling, ALPNProtocols }), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
});

t.test('an SNICallback may answer later, and refuse', async (t) => {
  const other = maker.issue('other', 'DNS:other');
  const { port, server } = await listen(
    t,
    {
      cert,
      key,
      SNICallback: (name, done) =>
        setImmediate(() =>
          name === 'other'
            ? done(null, createSecureContext({ cert: other.cert, key: other.key }))
            : done(new Error('no such name')),
        ),
    },
    (socket) => socket.end('after all'),
  );
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version };
    const socket = connectTls({ host: '127.0.0.1', servername: 'other', port, ca, ...versions });
    t.equal(await text(socket), 'after all');
    socket.destroy();
    const refused = once(server, 'tlsClientError');
    const stranger = connectTls({ host: '127.0.0.1', servername: 'localhost', port, ca, ...versions });
    const [error] = await Promise.all([once(stranger, 'error'), refused]);
    t.ok(error);
    t.match((await refused)[0], { code: 'ERR_KTLS_HANDSHAKE', message: /no such name/ });
  }
});

t.test('no protocol in common is refused on both sides', async (t) => {
  const { port, server } = await listen(t, { cert, key, ALPNProtocols: ['a'] });
  const refused = once(server, 'tlsClientError');
  await t.rejects(connect({ host: 'localhost', port, ca, ALPNProtocols: ['b'] }), {
    code: 'ERR_KTLS_HANDSHAKE',
    message: /no_application_protocol/,
  });
  t.equal((await refused)[0].code, 'ERR_KTLS_HANDSHAKE');
});

t.test('a ticket that comes after the hand-over resumes, at each kind of server', async (t) => {
  const ours = await listen(t, { cert, key }, (socket) => socket.resume());
  const nodes = await nodeServer(t, { cert, key }, (socket) => socket.resume());
  for (const port of [ours.port, nodes]) {
    const first = await connect({ host: 'localhost', port, ca });
    const [session] = await once(first, 'session');
    t.ok(first.getSession());
    first.destroy();
    const second = await connect({ host: 'localhost', port, ca, session });
    t.equal(second.isSessionReused(), true);
    t.equal(second.authorized, true);
    second.end('works');
    t.equal(await failure(second), undefined);
  }
});

t.test('servers that share ticketKeys resume for one another, also for node:tls', async (t) => {
  const first = await listen(t, { cert, key }, (socket) => socket.end('x'));
  const ticketKeys = first.server.getTicketKeys();
  const second = await listen(t, { cert, key, ticketKeys }, (socket) => socket.end('x'));
  const third = await listen(t, { cert, key }, (socket) => socket.end('x'));
  const reused = async (port: number, session?: Buffer) => {
    const socket = connectTls({ host: 'localhost', port, ca, ...(session ? { session } : {}) });
    const ticket = once(socket, 'session');
    socket.resume();
    await once(socket, 'secureConnect');
    const [received] = session ? [] : await ticket;
    const result = { reused: socket.isSessionReused(), session: received };
    socket.destroy();
    return result;
  };
  const { session } = await reused(first.port);
  t.equal((await reused(second.port, session)).reused, true);
  t.equal((await reused(third.port, session)).reused, false);
  third.server.setTicketKeys(ticketKeys);
  await new Promise(setImmediate);
  t.equal((await reused(third.port, session)).reused, true);
});

t.test('setSecureContext() changes the certificate of connections to come', async (t) => {
  const other = maker.issue('later', 'DNS:localhost');
  const { port, server } = await listen(t, { cert, key }, (socket) => socket.end());
  const subject = async () => {
    const socket = await connect({ host: 'localhost', port, ca });
    const name = socket.getPeerCertificate().subject.CN;
    socket.destroy();
    return name;
  };
  t.equal(await subject(), 'server');
  server.setSecureContext({ cert: other.cert, key: other.key });
  await new Promise(setImmediate);
  t.equal(await subject(), 'later');
});

t.test('setSecureContext() throws what cannot be used, and everything stays, as in tls.Server', async (t) => {
  const later = maker.issue('after', 'DNS:localhost');
  const wrong = [
    { key: 'x', cert: 'y' },
    { ca: 'garbage', crl: 'bad' },
  ];
  const outcome = async (server: KtlsServer | TlsServer, port: number) => {
    const subject = async () => {
      const socket = connectTls({ host: 'localhost', port, ca });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    const seen: unknown[] = [];
    for (const options of wrong) {
      t.throws(() => server.setSecureContext(options));
      seen.push(await subject());
    }
    server.setSecureContext({ cert: later.cert, key: later.key });
    return [...seen, await subject()];
  };
  const { server, port } = await listen(t, { cert, key });
  // Of which tls.Server recovers no more.
  t.throws(() => server.setSecureContext({ ...later, ticketKeys: Buffer.alloc(1) }));
  const seen = await outcome(server, port);
  t.same(seen, ['server', 'server', 'after']);
  const theirs = createTlsServer({ cert, key }, (socket) => socket.on('error', () => {})).listen(
    0,
    '127.0.0.1',
  );
  await once(theirs, 'listening');
  t.teardown(() => theirs.close());
  t.same(seen, await outcome(theirs, (theirs.address() as { port: number }).port));
  const early = createServer({ cert, key }, (socket) => socket.end());
  early.setSecureContext({ cert: later.cert, key: later.key });
  await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve));
  t.teardown(() => early[Symbol.asyncDispose]());
  const client = await connect({ host: 'localhost', port: (early.address() as { port: number }).port, ca });
  t.equal(client.getPeerCertificate().subject.CN, 'after');
  client.destroy();
});

t.test('a secret stands in for certificates', async (t) => {
  const secret = generateSecret();
  const { port } = await listen(t, { secret, ALPNProtocols: ['x'] }, (socket) => {
    t.equal(socket.authorized, true);
    socket.end('inside');
  });
  const socket = await connect({ host: 'localhost', port, secret, ALPNProtocols: ['x'] });
  t.equal(socket.authorized, true);
  t.equal(socket.alpnProtocol, 'x');
  t.equal(String(await collect(socket)), 'inside');
  await t.rejects(connect({ host: 'localhost', port, secret: generateSecret() }), {
    code: 'ERR_KTLS_WRONG_SECRET',
  });
});

t.test('a handshakeTimeout of 0 is the default, as in node:tls', async (t) => {
  const { port } = await listen(t, { cert, key, handshakeTimeout: 0 });
  (await connect({ host: 'localhost', port, ca })).destroy();
  const https = createHttpsServer({ cert, key, handshakeTimeout: 0 }).listen(0, '127.0.0.1');
  await once(https, 'listening');
  t.teardown(() => https.close());
  const { port: httpsPort } = https.address() as { port: number };
  (await connect({ host: 'localhost', port: httpsPort, ca })).destroy();
});

t.test('of CCM, too, nothing is agreed on, in either version', async (t) => {
  const ccm = 'TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256';
  for (const ciphers of [
    `${ccm}:TLS_AES_128_GCM_SHA256`,
    `${ccm}:ECDHE-ECDSA-AES128-CCM:ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256`,
  ]) {
    const { port } = await listen(t, { cert, key, ciphers });
    const socket = connectTls({ host: 'localhost', port, ca, ciphers });
    await once(socket, 'secureConnect');
    t.equal(socket.getCipher().name, 'TLS_AES_128_GCM_SHA256');
    socket.destroy();
    const theirs = await nodeServer(t, { cert, key, ciphers }, () => {});
    const client = await connect({ host: 'localhost', port: theirs, ca, ciphers });
    t.equal(client.getCipher().name, 'TLS_AES_128_GCM_SHA256');
    client.destroy();
  }
  t.throws(() => createServer({ cert, key, ciphers: ccm }), { code: 'ERR_KTLS_INVALID_OPTION' });
});

t.test('TLS 1.1 is refused cleanly at either end', async (t) => {
  const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  const port = await nodeServer(t, { cert, key, ...old }, () => {});
  await t.rejects(connect({ host: 'localhost', port, ca }), { code: 'ERR_KTLS_NOT_TLS' });
  const { server, port: ours } = await listen(t, { cert, key });
  const refused = once(server, 'tlsClientError');
  const socket = connectTls({ host: 'localhost', port: ours, ca, ...old });
  const [error] = await once(socket, 'error');
  t.match(error.code, /PROTOCOL_VERSION/);
  t.equal((await refused)[0].code, 'ERR_KTLS_NOT_TLS');
});

t.test('a context of the user that agrees on what the record layers do not know is an error', async (t) => {
  const port = await nodeServer(t, { cert, key, maxVersion: 'TLSv1.2' }, () => {});
  const secureContext = createSecureContext({ ca, ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA' });
  await t.rejects(connect({ host: 'localhost', port, secureContext }), { code: 'ERR_KTLS_HANDSHAKE' });
});

t.test('options that make no sense are told at once', async (t) => {
  for (const options of [null, { kernel: 'yes' }, { maxRecordsPerKey: 1 }, { secureProtocol: 'x' }]) {
    t.throws(() => createServer(options as never), { code: 'ERR_KTLS_INVALID_OPTION' });
    await t.rejects(connect(options as never), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
  for (const options of [{}, { cert }, { cert: 'x', key }, { cert, key, ticketKeys: Buffer.alloc(3) }]) {
    t.throws(() => createServer(options as never), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
  await t.rejects(connect({ port: 0 }), { code: 'ERR_KTLS_INVALID_OPTION' });
});

t.test("kernel: 'require' fails at either end where the kernel has no TLS", async (t) => {
  const { port, server } = await listen(t, { cert, key, kernel: 'off' });
  void server;
  t.equal(probe().ulp, false, 'this test is for machines without the module');
  await t.rejects(connect({ host: 'localhost', port, ca, kernel: 'require' }), {
    code: 'ERR_KTLS_KERNEL_REQUIRED',
  });
  const strict = await listen(t, { cert, key, kernel: 'require' });
  const refused = once(strict.server, 'tlsClientError');
  const socket = await connect({ host: 'localhost', port: strict.port, ca });
  t.equal((await refused)[0].code, 'ERR_KTLS_KERNEL_REQUIRED');
  t.ok(await failure(socket));
});

t.test('a signal ends connecting; nothing listening is ECONNREFUSED', async (t) => {
  const { port, server } = await listen(t, { cert, key });
  await t.rejects(connect({ host: 'localhost', port, ca, signal: AbortSignal.abort() }), {
    code: 'ABORT_ERR',
  });
  const closed = once(server, 'close');
  server.close();
  await closed;
  await t.rejects(connect({ host: 'localhost', port, ca }), { code: 'ECONNREFUSED' });
});
