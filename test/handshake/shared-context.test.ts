// Secure contexts that node:tls uses at the same time: its callbacks are the context's, and are called for our
// handshakes, too.
import { executionAsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { connect, createSecureContext, createServer, type SecureContext, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';

import { clientContext } from '../../lib/credentials';
import type { ServerHandshakeOptions } from '../../lib/handshake/accept';
import { tlsContext } from '../../lib/handshake/tls-context';
import { CertificateMaker } from '../helpers/certificates';
import { collectGarbage } from '../helpers/memory';
import { temporaryFolder } from '../helpers/temporary-folder';
import { dial, listen, openContext } from '../helpers/tls-pair';
import { until } from '../helpers/until';

const maker = new CertificateMaker(temporaryFolder(t));
const ca = maker.authority.cert;
const { cert, key } = maker.issue('server', 'DNS:localhost,IP:127.0.0.1');
const context = () => createSecureContext({ cert, key, ca });

const ourServer = (t: Test, secureContext: SecureContext, options: ServerHandshakeOptions) =>
  listen(
    t,
    openContext(() => secureContext, options),
  );

async function ourClient(ALPNProtocols: string[], secureContext = context()) {
  return { ...(await clientContext({ ca })), options: { secureContext, ALPNProtocols } };
}

async function theirClient(t: Test, port: number, servername = 'localhost') {
  const socket = connect({ host: '127.0.0.1', port, ca, servername, ALPNProtocols: ['ours', 'theirs'] });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

t.test('each server answers ALPN for itself', async (t) => {
  const shared = context();
  const accepted = createTcpServer((socket) => {
    const tls = new TLSSocket(socket, { isServer: true, secureContext: shared, ALPNProtocols: ['theirs'] });
    tls.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(accepted, 'listening');
  t.teardown(() => accepted.close());
  const { port: theirPort } = accepted.address() as { port: number };
  const first = await ourServer(t, shared, { ALPNProtocols: ['ours'] });
  const seen: unknown[] = [];
  const second = await ourServer(t, shared, {
    ALPNCallback: ({ servername, protocols }) => {
      seen.push(servername, protocols);
      return 'theirs';
    },
  });
  const third = await ourServer(t, shared, {});
  for (let round = 0; round < 2; round++) {
    t.equal((await theirClient(t, theirPort)).alpnProtocol, 'theirs');
    for (const [server, protocol] of [
      [first, 'ours'],
      [second, 'theirs'],
      [third, false],
    ] as const) {
      const socket = await theirClient(t, server.port);
      const { tls } = await server.next();
      t.equal(socket.alpnProtocol, protocol);
      t.equal(tls.alpnProtocol, protocol);
      tls.destroy();
    }
  }
  t.same(seen, ['localhost', ['ours', 'theirs'], 'localhost', ['ours', 'theirs']]);
});

t.test('an ALPNCallback hears the name of its own connection, or that there is none', async (t) => {
  const names: unknown[] = [];
  const server = await ourServer(t, context(), {
    ALPNCallback: ({ servername, protocols }) => {
      names.push(servername);
      return protocols[0];
    },
  });
  for (const servername of ['localhost', '', 'LocalHost']) {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca, servername, ALPNProtocols: ['x'] });
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    (await server.next()).tls.destroy();
  }
  t.same(names, ['localhost', false, 'LocalHost']);
});

/** What becomes of a client that offers this: the protocol that was chosen, or how it failed. */
async function offer(t: Test, port: number, protocol: string): Promise<unknown> {
  const options = { host: '127.0.0.1', port, ca, servername: 'localhost', ALPNProtocols: [protocol] };
  const socket = connect(options);
  t.teardown(() => socket.destroy());
  const failed = once(socket, 'error').then(() => 'failed');
  failed.catch(() => {});
  return Promise.race([failed, once(socket, 'secureConnect').then(() => socket.alpnProtocol)]);
}

const INVALID_RESULT = 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT';

for (const [name, misbehave, told] of [
  [
    'throws',
    () => {
      throw new Error('boom');
    },
    /boom/,
  ],
  [
    'throws what is no error',
    () => {
      throw null;
    },
    /null/,
  ],
  ['names what was not offered', () => 'other', /offer/],
  ['names nothing that could be', () => null as never, /offer/],
] as [string, () => string, RegExp][]) {
  t.test(
    `an ALPNCallback that ${name} fails that connection, as in node:tls, and serves the next`,
    async (t) => {
      const ALPNCallback = ({ protocols }: { protocols: string[] }) =>
        protocols[0] === 'evil' ? misbehave() : protocols[0];
      const offers = ['a', 'evil', 'a', 'evil', 'evil', 'a'];
      const outcomes = async (port: number, garbage = false) => {
        const seen: unknown[] = [];
        for (const protocol of offers) {
          seen.push(await offer(t, port, protocol));
          // What nobody holds is not there for the next.
          if (garbage) for (let time = 0; time < 3; time++) await collectInTurn();
        }
        return seen;
      };
      const theirs = createServer({ cert, key, ALPNCallback }).listen(0, '127.0.0.1');
      await once(theirs, 'listening');
      t.teardown(() => theirs.close());
      const theirErrors: (Error & { code?: string })[] = [];
      theirs.on('tlsClientError', (error) => theirErrors.push(error));
      const expected = await outcomes((theirs.address() as { port: number }).port);
      t.same(expected, ['a', 'failed', 'a', 'failed', 'failed', 'a']);

      const ours = await ourServer(t, context(), { ALPNCallback });
      t.same(await outcomes(ours.port, true), expected);
      t.equal(ours.errors.length, 3);
      for (const [index, error] of ours.errors.entries()) {
        t.match(error, { code: 'ERR_KTLS_HANDSHAKE', message: told });
        const { code } = theirErrors[index] ?? {};
        if (code === INVALID_RESULT) t.match(error.cause, { name: 'TypeError', code });
      }
    },
  );
}

t.test('what the program destroys of a context is used no more', async (t) => {
  const server = await ourServer(t, context(), {
    ALPNCallback: ({ protocols: [protocol] }) => {
      if (protocol === 'evil') lenderOfNow().destroy();
      return protocol;
    },
  });
  t.equal(await offer(t, server.port, 'a'), 'a');
  // Its handshake has begun when the others have theirs.
  const early = connectTcp(server.port, '127.0.0.1');
  t.teardown(() => early.destroy());
  await once(early, 'connect');
  await offer(t, server.port, 'evil');
  for (let time = 0; time < 3; time++) await collectInTurn();
  t.equal(await offer(t, server.port, 'a'), 'a');
  const late = connect({ socket: early, ca, servername: 'localhost', ALPNProtocols: ['a'] });
  await t.rejects(once(late, 'secureConnect'));
  t.match(server.errors.at(-1), { code: 'ERR_KTLS_HANDSHAKE', message: /destroyed/ });
});

/** Node's own socket, which a callback is called for. */
function lenderOfNow(): TLSSocket {
  const handle = executionAsyncResource() as Record<symbol, unknown>;
  const known = Object.getOwnPropertySymbols(handle).map((symbol) => handle[symbol]);
  return known.find((value) => value instanceof TLSSocket) as TLSSocket;
}

async function collectInTurn(): Promise<void> {
  collectGarbage();
  await new Promise(setImmediate);
}

t.test('their servers hear of no session, name or staple of ours', async (t) => {
  const shared = context();
  const heard: string[] = [];
  const theirs = createServer({ SNICallback: (_name, done) => done(null, shared) }).listen(0, '127.0.0.1');
  await once(theirs, 'listening');
  t.teardown(() => theirs.close());
  for (const event of ['newSession', 'resumeSession', 'OCSPRequest', 'keylog']) {
    theirs.on(event, (...given: unknown[]) => {
      heard.push(event);
      const done = given.at(-1);
      if (typeof done === 'function') done(null, null);
    });
  }
  const { port: theirPort } = theirs.address() as { port: number };
  const ours = await ourServer(t, shared, { staple: (done) => done(null, Buffer.from('ours')) });
  const askOurs = async () => {
    const options = { host: '127.0.0.1', port: ours.port, ca, servername: 'localhost', requestOCSP: true };
    const socket = connect(options);
    t.teardown(() => socket.destroy());
    const [[staple]] = await Promise.all([once(socket, 'OCSPResponse'), once(socket, 'secureConnect')]);
    t.equal(String(staple), 'ours');
    (await ours.next()).tls.destroy();
  };
  await askOurs();
  t.same(heard, []);
  const socket = connect({
    host: '127.0.0.1',
    port: theirPort,
    ca,
    servername: 'localhost',
    maxVersion: 'TLSv1.2',
  });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  t.ok(heard.includes('keylog'), 'theirs still hears of its own');
  heard.length = 0;
  await askOurs();
  t.same(heard, []);
});

t.test('a context that a name leads to answers ALPN, too, and asks for a staple', async (t) => {
  const other = maker.issue('other', 'DNS:other');
  const second = createSecureContext({ cert: other.cert, key: other.key });
  const server = await ourServer(t, context(), {
    ALPNProtocols: ['ours'],
    SNICallback: (name, done) => setImmediate(done, null, name === 'other' ? second : undefined),
    staple: (done) => setImmediate(done, null, Buffer.from('staple')),
  });
  for (const name of ['other', 'localhost']) {
    const options = { host: '127.0.0.1', port: server.port, ca, servername: name, requestOCSP: true };
    const socket = connect({ ...options, ALPNProtocols: ['ours'] });
    t.teardown(() => socket.destroy());
    const [[staple]] = await Promise.all([once(socket, 'OCSPResponse'), once(socket, 'secureConnect')]);
    t.equal(String(staple), 'staple');
    t.equal(socket.alpnProtocol, 'ours');
    t.equal(socket.getPeerCertificate().subject.CN, name === 'other' ? 'other' : 'server');
    (await server.next()).tls.destroy();
  }
});

t.test('a client and a server of one context', async (t) => {
  const shared = context();
  const server = await ourServer(t, shared, { ALPNProtocols: ['b'] });
  const dialled = await dial(server.port, await ourClient(['a', 'b'], shared));
  const accepted = await server.next();
  t.equal(dialled.tls.alpnProtocol, 'b');
  t.equal(accepted.tls.servername, 'localhost');
  t.same(
    dialled.tls.exportKeyingMaterial(16, 'x', Buffer.alloc(0)),
    accepted.tls.exportKeyingMaterial(16, 'x', Buffer.alloc(0)),
  );
  for (const { tls } of [dialled, accepted]) tls.destroy();
});

t.test('contexts that nobody holds any more are collected, and what was made of them goes on', async (t) => {
  const references: WeakRef<object>[] = [];
  const make = (): SecureContext => {
    const made = context();
    references.push(new WeakRef((made as { context: object }).context));
    return made;
  };
  const server = await ourServer(t, context(), { SNICallback: (_name, done) => done(null, make()) });
  const dialled = await dial(server.port, await ourClient(['a'], make()));
  const accepted = await server.next();
  (() => {
    const secureContext = make();
    tlsContext(secureContext, { ALPNCallback: () => String(secureContext) });
    tlsContext(secureContext, { ALPNProtocols: ['a'] });
  })();
  await until(() => {
    collectGarbage();
    return references.filter((reference) => reference.deref() !== undefined).length <= 1;
  }, 'the contexts are collected');
  t.equal(accepted.tls.getProtocol(), 'TLSv1.3');
  t.equal(dialled.tls.getPeerCertificate().subject.CN, 'server');
  for (const { tls } of [dialled, accepted]) tls.destroy();
});
