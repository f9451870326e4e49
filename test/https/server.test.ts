// createServer() is https.createServer() over connections of ours.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, createServer as createNodeServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import t from 'tap';

import { createServer } from '../../lib/https';
import type { KtlsSocket } from '../../lib/index';
import type { HttpsServerOptions } from '../../types/https';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, client, maker, server: identity } = credentials(t);

async function get(port: number, options = {}): Promise<{ response: IncomingMessage; body: string }> {
  const sent = request({ host: '127.0.0.1', port, ca, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { response, body: await text(response) };
}

t.test('a request is answered', async (t) => {
  const { port } = await serve(t, identity, (req, res) => res.end(`${req.method} ${req.url}`));
  const { response, body } = await get(port, { path: '/x?y' });
  t.equal(response.statusCode, 200);
  t.equal(body, 'GET /x?y');
});

t.test('close() waits for the connections, and getConnections() counts them', async (t) => {
  const { port, server } = await serve(t, identity, (req, res) => {
    res.write('a');
    req.resume().on('end', () => res.end('b'));
  });
  const count = promisify(server.getConnections.bind(server));
  const sent = request({ host: '127.0.0.1', port, ca, method: 'POST' });
  sent.write('x');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  t.equal(await count(), 1);
  let closed = false;
  const closing = once(server, 'close').then(() => {
    closed = true;
  });
  server.close();
  t.notOk(closed);
  sent.end();
  t.equal(await text(response), 'ab');
  await closing;
  t.equal(await count(), 0);
});

t.test('Expect: 100-continue, and trailers in both directions', async (t) => {
  const { port } = await serve(t, identity, async (req, res) => {
    const body = await text(req);
    res.writeHead(200, { Trailer: 'X-Sum' });
    res.write(body);
    res.addTrailers({ 'X-Sum': `${req.trailers['x-sum']}!` });
    res.end();
  });
  const headers = { Expect: '100-continue', Trailer: 'X-Sum', 'Transfer-Encoding': 'chunked' };
  const sent = request({ host: '127.0.0.1', port, ca, method: 'POST', headers });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.write('body');
  sent.addTrailers({ 'X-Sum': '7' });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  t.equal(await text(response), 'body');
  t.match(response.trailers, { 'x-sum': '7!' });
});

t.test('client certificates: asked for, judged, and shown by req.socket', async (t) => {
  const { port, server } = await serve(t, { ...identity, ca, requestCert: true }, (req, res) => {
    const socket = req.socket as TLSSocket;
    res.end(`${socket.authorized} ${socket.encrypted} ${socket.getPeerCertificate().subject.CN}`);
  });
  t.equal((await get(port, { cert: client.cert, key: client.key, agent: false })).body, 'true true client');
  const refused = once(server, 'tlsClientError');
  await t.rejects(get(port, { agent: false }));
  t.match(await refused, [{ code: 'ERR_KTLS_CERTIFICATE' }, { destroyed: true }]);
});

t.test('a callback of the handshake may end it', async (t) => {
  const ALPNCallback = () => {
    server.closeAllConnections();
    return 'http/1.1';
  };
  const { port, server } = await serve(t, { ...identity, ALPNCallback });
  const ended = once(server, 'tlsClientError');
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['http/1.1'] });
  await t.rejects(once(socket, 'secureConnect'));
  t.match(await ended, [{ name: 'AbortError' }]);
});

t.test('by server name: addContext() and SNICallback choose the certificate', async (t) => {
  const other = maker.issue('other', 'DNS:other.example');
  const certificateFor = async (port: number, servername: string) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername });
    await once(socket, 'secureConnect');
    const { subjectaltname } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };
  const { port, server } = await serve(t, identity);
  server.addContext('*.example', other);
  t.equal(await certificateFor(port, 'other.example'), 'DNS:other.example');
  t.match(await certificateFor(port, 'localhost'), /DNS:localhost/);
  const chosen = await serve(t, {
    ...identity,
    SNICallback: (name, done) =>
      done(null, name === 'other.example' ? createSecureContext(other) : undefined),
  });
  t.equal(await certificateFor(chosen.port, 'other.example'), 'DNS:other.example');
});

t.test('setSecureContext() changes the certificate of connections to come, and ends none', async (t) => {
  const { port, server } = await serve(t, identity, (_req, res) => res.end('here'));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  let connections = 0;
  server.on('secureConnection', () => {
    connections += 1;
  });
  await get(port, { agent });
  server.setSecureContext(maker.issue('renewed', 'DNS:localhost,IP:127.0.0.1'));
  t.equal((await get(port, { agent })).body, 'here');
  t.equal(connections, 1);
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
  await once(socket, 'secureConnect');
  t.equal(socket.getPeerCertificate().subject.CN, 'renewed');
  socket.destroy();
});

t.test('a client that knows no more is served in TLS 1.2', async (t) => {
  const { port } = await serve(t, identity, (req, res) => {
    const socket = req.socket as unknown as KtlsSocket;
    res.end(`${socket.record.tx} ${socket.getProtocol()}`);
  });
  t.match((await get(port, { maxVersion: 'TLSv1.2', agent: false })).body, /^(user|kernel) TLSv1.2$/);
  t.match((await get(port, { agent: false })).body, /^(user|kernel) TLSv1.3$/);
});

t.test('a client below minVersion is refused, told so, and the server hears of it', async (t) => {
  const { port, server } = await serve(t, { ...identity, minVersion: 'TLSv1.3' });
  const heard = once(server, 'tlsClientError');
  const socket = connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2' });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.match(error.code, /ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION|ECONNRESET/);
  const [refusal, tcp] = await heard;
  t.match(refusal.code, /^ERR_KTLS_/);
  t.equal(tcp.remoteAddress, '127.0.0.1');
});

t.test('maxConnections, and every form of listen() that net.Server has', async (t) => {
  const { port, server } = await serve(t, identity, (_req, res) => res.end());
  server.maxConnections = 1;
  const first = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
  await once(first, 'secureConnect');
  await t.rejects(get(port, { agent: false }));
  first.destroy();
  const forms: unknown[][] = [[0], [0, '127.0.0.1'], [0, '127.0.0.1', 10], [{ port: 0, host: '127.0.0.1' }]];
  for (const form of forms) {
    const { server } = await serve(t, identity);
    await new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => (server.listen as (...given: unknown[]) => void)(...form, resolve));
    t.ok(server.listening);
  }
});

t.test('OCSPRequest is about the certificate that the client sees, as in node:https', async (t) => {
  const other = maker.issue('other', 'DNS:other.example');
  const chosen = createSecureContext(other);
  const asked = async (create: typeof createServer, options: HttpsServerOptions) => {
    const server = create({ ...identity, ...options }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    if (options.SNICallback === undefined) server.addContext('other.example', other);
    const subjects: string[] = [];
    server.on('OCSPRequest', (certificate: Buffer, _issuer, done) => {
      subjects.push(new X509Certificate(certificate).subject);
      done(null, Buffer.from('x'));
    });
    for (const servername of ['localhost', 'other.example']) {
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: '127.0.0.1', port, ca, servername, ...{ requestOCSP: true } });
      await once(socket, 'secureConnect');
      socket.destroy();
    }
    return subjects;
  };
  const SNICallback: HttpsServerOptions['SNICallback'] = (name, done) =>
    done(null, name === 'other.example' ? chosen : undefined);
  for (const options of [{}, { SNICallback }]) {
    const subjects = await asked(createServer, options);
    t.same(subjects, ['CN=server', 'CN=other']);
    t.same(subjects, await asked(createNodeServer as never, options));
  }
});

t.test('OCSPRequest listeners staple an answer', async (t) => {
  const { port, server } = await serve(t, identity, (_req, res) => res.end());
  const stapled = Buffer.from('what a responder said');
  server.on('OCSPRequest', (certificate: Buffer, issuer: Buffer | null, callback) => {
    t.ok(certificate.length > 0);
    t.ok(issuer === null || issuer.length > 0);
    callback(null, stapled);
  });
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...{ requestOCSP: true } });
  t.teardown(() => socket.destroy());
  const [received] = (await once(socket, 'OCSPResponse')) as [Buffer];
  t.ok(received.equals(stapled));
});
