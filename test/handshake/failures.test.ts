// A handshake that fails says why, on both ends, by a code that tells the cases apart.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTlsSocket, createServer as createTlsServer } from 'node:tls';
import t, { type Test } from 'tap';

import {
  type Credentials,
  certificateFingerprint,
  clientContext,
  serverContext,
} from '../../lib/credentials';
import { dialSocket } from '../../lib/handshake/connect';
import { alertFailure } from '../../lib/handshake/failure';
import { generateSecret, preSharedKey } from '../../lib/secret';
import { CertificateMaker } from '../helpers/certificates';
import { deafHost } from '../helpers/deaf-host';
import { rawServer } from '../helpers/raw-server';
import { ALERT, RecordSocket } from '../helpers/record';
import { temporaryFolder } from '../helpers/temporary-folder';
import { dial, listen } from '../helpers/tls-pair';

const folder = temporaryFolder(t);
const maker = new CertificateMaker(folder);
const ca = maker.authority.cert;
const { cert, key } = maker.issue('server', 'DNS:localhost');
const client = maker.issue('client', 'DNS:client');
const expired = maker.issue('expired', 'DNS:localhost', -1);
const stranger = maker.selfSigned('stranger');
const secret = generateSecret();
const server = { cert, key, ca };
const pin = certificateFingerprint(cert);

/** tap takes a string for a part of the whole, and there is ERR_KTLS_HANDSHAKE_TIMEOUT. */
const HANDSHAKE_FAILED = /^ERR_KTLS_HANDSHAKE$/;

type ErrorPattern = { code: string | RegExp; message?: RegExp };

interface Case {
  name: string;
  client: Credentials;
  server: Credentials;
  host?: string;
  /** What dial() rejects with. */
  clientError: ErrorPattern;
  /** What the server reports. */
  serverError: ErrorPattern;
}

const refusedByClient: Case[] = [
  {
    name: 'another secret',
    client: { secret: generateSecret() },
    server: { secret },
    clientError: { code: 'ERR_KTLS_WRONG_SECRET', message: /same/ },
    serverError: { code: 'ERR_KTLS_WRONG_SECRET', message: /same/ },
  },
  {
    name: 'a secret meets certificates',
    client: { secret },
    server,
    clientError: { code: 'ERR_KTLS_WRONG_SECRET' },
    serverError: { code: 'ERR_KTLS_CERTIFICATE', message: /secret/ },
  },
  {
    name: 'certificates meet a secret',
    client: { cert: client.cert, key: client.key, ca },
    server: { secret },
    clientError: { code: HANDSHAKE_FAILED, message: /secret/ },
    serverError: { code: 'ERR_KTLS_WRONG_SECRET', message: /does not offer/ },
  },
  {
    name: 'no cipher in common',
    client: { cert: client.cert, key: client.key, ca, cipher: 'TLS_AES_256_GCM_SHA384' },
    server: { ...server, cipher: 'TLS_AES_128_GCM_SHA256' },
    clientError: { code: HANDSHAKE_FAILED, message: /cipher/ },
    serverError: { code: HANDSHAKE_FAILED, message: /cipher/ },
  },
  {
    name: 'no cipher in common, with a secret',
    client: { secret, cipher: 'TLS_CHACHA20_POLY1305_SHA256' },
    server: { secret, cipher: 'TLS_AES_128_GCM_SHA256' },
    clientError: { code: HANDSHAKE_FAILED, message: /cipher/ },
    serverError: { code: HANDSHAKE_FAILED, message: /cipher/ },
  },
  {
    name: 'a server of another authority',
    client: { cert: client.cert, key: client.key, ca: stranger.cert },
    server,
    clientError: { code: 'ERR_KTLS_CERTIFICATE', message: /not trusted.*fingerprint/ },
    serverError: { code: 'ERR_KTLS_CERTIFICATE', message: /unknown_ca/ },
  },
  {
    name: 'a server with an expired certificate',
    client: { cert: client.cert, key: client.key, ca },
    server: { cert: expired.cert, key: expired.key, ca },
    clientError: { code: 'ERR_KTLS_CERTIFICATE', message: /expired/ },
    serverError: { code: 'ERR_KTLS_CERTIFICATE', message: /certificate_expired/ },
  },
  {
    name: 'a server of another name',
    client: { cert: client.cert, key: client.key, ca },
    server,
    host: 'example.org',
    clientError: { code: 'ERR_KTLS_CERTIFICATE', message: /not for example\.org/ },
    serverError: { code: 'ERR_KTLS_CERTIFICATE', message: /bad_certificate/ },
  },
  {
    name: 'a server by an address that its certificate does not bear',
    client: { cert: client.cert, key: client.key, ca },
    server,
    host: '127.0.0.1',
    clientError: { code: 'ERR_KTLS_CERTIFICATE', message: /not for 127\.0\.0\.1/ },
    serverError: { code: 'ERR_KTLS_CERTIFICATE' },
  },
  {
    name: 'a server that is not the pinned one, though its authority is known',
    client: { cert: client.cert, key: client.key, ca, fingerprint: certificateFingerprint(stranger.cert) },
    server,
    clientError: { code: 'ERR_KTLS_CERTIFICATE', message: new RegExp(pin) },
    serverError: { code: 'ERR_KTLS_CERTIFICATE', message: /bad_certificate/ },
  },
];

for (const { name, client, server, host, clientError, serverError } of refusedByClient) {
  t.test(name, async (t) => {
    const listening = await listen(t, await serverContext(server));
    const refused = listening.next().catch((error) => error);
    const address = `localhost:${listening.port}`;
    const dialled = dial(listening.port, await clientContext(client), host === undefined ? {} : { host });
    const error = await dialled.catch((error) => error);
    t.match(error, clientError);
    t.match(error, { address, message: new RegExp(`^${address}: `) });
    t.match(await refused, { ...serverError, address: /^127\.0\.0\.1:\d+$/ });
  });
}

// TLS 1.3 lets a client finish before the server has judged it: it learns by an alert in place of the
// answer to its first words.
const refusedByServer: [string, Credentials, Credentials, RegExp, number][] = [
  ['a client without certificate', { ca }, server, /no certificate/, 116],
  [
    'a client of another authority',
    { cert: stranger.cert, key: stranger.key, ca },
    server,
    /not trusted/,
    48,
  ],
  [
    'a client that is not the pinned one',
    { cert: client.cert, key: client.key, ca },
    { cert, key, fingerprint: pin },
    /not the pinned/,
    42,
  ],
];

for (const [name, clientOptions, serverOptions, message, description] of refusedByServer) {
  t.test(name, async (t) => {
    const listening = await listen(t, await serverContext(serverOptions));
    const refused = t.rejects(listening.next(), { code: 'ERR_KTLS_CERTIFICATE', message });
    const peer = new RecordSocket(await dial(listening.port, await clientContext(clientOptions)));
    // Words that the server never reads must not turn the alert into a reset.
    peer.send('hello');
    const alert = await peer.receive();
    t.same(alert, { type: ALERT, content: Buffer.of(2, description) });
    t.match(alertFailure(description, 'certificate'), { code: 'ERR_KTLS_CERTIFICATE' });
    t.equal(await peer.receive(), undefined);
    peer.close();
    await refused;
    t.equal(listening.acceptor.unauthenticated, 0);
  });
}

t.test('a pinned server needs neither authority nor name, and the pin may be one of several', async (t) => {
  const clientPin = certificateFingerprint(client.cert);
  const listening = await listen(t, await serverContext({ cert, key, fingerprint: [pin, clientPin] }));
  const options = { cert: client.cert, key: client.key, fingerprint: [clientPin, pin] };
  const ours = await dial(listening.port, await clientContext(options), { host: 'example.org' });
  const theirs = await listening.next();
  t.equal(theirs.peerIdentity, `sha256:${clientPin}`);
  for (const end of [ours, theirs]) new RecordSocket(end).close();
});

t.test('a client that knows the secret under another identity is not let in', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const psk = await preSharedKey(secret);
  const socket = connectTlsSocket({
    port: listening.port,
    ca: [],
    ciphers: 'TLS_AES_128_GCM_SHA256',
    pskCallback: () => ({ psk, identity: 'ktls-transfer server 1' }),
    checkServerIdentity: () => undefined,
  });
  socket.on('error', () => {});
  await t.rejects(listening.next(), { code: 'ERR_KTLS_WRONG_SECRET' });
});

t.test('a session of an earlier connection does not stand in for the secret', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const psk = await preSharedKey(secret);
  const attempt = (session?: Buffer) =>
    connectTlsSocket({
      port: listening.port,
      ca: [],
      ciphers: 'TLS_AES_128_GCM_SHA256',
      checkServerIdentity: () => undefined,
      ...(session ? { session } : { pskCallback: () => ({ psk, identity: 'ktls-transfer client 1' }) }),
    }).on('error', () => {});
  const first = attempt();
  const established = new RecordSocket(await listening.next());
  const [session] = await once(first, 'session');
  established.close();
  first.destroy();
  const second = attempt(session);
  await t.rejects(listening.next(), { code: 'ERR_KTLS_WRONG_SECRET' });
  second.destroy();
});

t.test('a TLS 1.2 peer', async (t) => {
  const listening = await listen(t, await serverContext(server));
  const old = connectTlsSocket({ port: listening.port, maxVersion: 'TLSv1.2', ca }).on('error', () => {});
  await t.rejects(listening.next(), { code: 'ERR_KTLS_NOT_TLS', message: /version of TLS/ });
  old.destroy();

  const oldServer = createTlsServer({ cert, key, maxVersion: 'TLSv1.2' });
  oldServer.on('tlsClientError', () => {});
  oldServer.listen(0, '127.0.0.1');
  await once(oldServer, 'listening');
  t.teardown(() => oldServer.close());
  const { port } = oldServer.address() as { port: number };
  await t.rejects(dial(port, await clientContext({ ca })), {
    code: 'ERR_KTLS_NOT_TLS',
    message: /version of TLS/,
  });
});

/** Does `talk` to our server in place of a handshake. */
async function talkToServer(t: Test, talk: (socket: Socket) => void, handshakeTimeoutMs?: number) {
  const listening = await listen(t, await serverContext({ secret }), { handshakeTimeoutMs });
  const socket = connect(listening.port, '127.0.0.1').on('error', () => {});
  t.teardown(() => socket.destroy());
  talk(socket);
  return listening.next();
}

/** Does `talk` to our client in place of a handshake. */
async function talkToClient(t: Test, talk: (socket: Socket) => void, timeoutMs?: number) {
  const port = await rawServer(t, talk);
  return dial(port, await clientContext({ secret }), { timeoutMs });
}

const ends = [
  ['server', talkToServer],
  ['client', talkToClient],
] as const;

/** A record of handshake type that says of itself what a test wants. */
const record = (length: number, type = 22) =>
  Buffer.concat([Buffer.of(type, 3, 3, length >> 8, length & 255), Buffer.alloc(length, 0x63)]);

for (const [end, talkTo] of ends) {
  const notTls: [string, string | Buffer][] = [
    ['HTTP', 'GET / HTTP/1.0\r\n\r\n'],
    ['ssh', 'SSH-2.0-x\r\n'],
    ['one byte', 'x'],
    ['two bytes', Buffer.of(22, 2)],
    ['a record longer than any', Buffer.of(22, 3, 3, 0x41, 0x01)],
    ['application data before any handshake', record(100, 23)],
  ];
  for (const [name, bytes] of notTls) {
    t.test(`${end}: ${name}`, async (t) => {
      const error = { code: 'ERR_KTLS_NOT_TLS', message: /right port/ };
      await t.rejects(
        talkTo(t, (socket) => socket.write(bytes)),
        error,
      );
    });
  }

  t.test(`${end}: a peer that says nothing`, async (t) => {
    const error = { code: 'ERR_KTLS_HANDSHAKE_TIMEOUT', message: /within 100 ms/ };
    await t.rejects(
      talkTo(t, () => {}, 100),
      error,
    );
  });

  t.test(`${end}: a peer that says it slowly`, async (t) => {
    const drip = (socket: Socket) => {
      const bytes = record(600);
      let at = 0;
      const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 5);
      socket.on('close', () => clearInterval(timer));
      t.teardown(() => clearInterval(timer));
    };
    await t.rejects(talkTo(t, drip, 200), { code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' });
  });

  t.test(`${end}: a message that claims 16 MiB`, async (t) => {
    const claim = Buffer.of(22, 3, 3, 0, 4, end === 'server' ? 1 : 2, 0xff, 0xff, 0xff);
    await t.rejects(
      talkTo(t, (socket) => socket.write(claim)),
      { code: HANDSHAKE_FAILED },
    );
  });

  t.test(`${end}: a peer that goes away at once`, async (t) => {
    const error = { code: 'ERR_KTLS_TRUNCATED', message: /closed the connection/ };
    await t.rejects(
      talkTo(t, (socket) => socket.end()),
      error,
    );
  });

  t.test(`${end}: a peer that goes away in the middle of a record`, async (t) => {
    await t.rejects(
      talkTo(t, (socket) => socket.end(record(100).subarray(0, 50))),
      { code: 'ERR_KTLS_TRUNCATED' },
    );
  });

  t.test(`${end}: a peer that resets`, async (t) => {
    const reset = (socket: Socket) => setTimeout(() => socket.resetAndDestroy(), 20);
    await t.rejects(talkTo(t, reset), { code: 'ECONNRESET', syscall: 'recv', errno: 104, address: /:\d+$/ });
  });

  t.test(`${end}: a well-formed record of nonsense`, async (t) => {
    await t.rejects(
      talkTo(t, (socket) => socket.write(record(64))),
      { code: HANDSHAKE_FAILED },
    );
  });
}

t.test('server: a ClientHello that is larger than any handshake', async (t) => {
  // 131,396 bytes, the most that OpenSSL would wait for.
  const start = Buffer.concat([Buffer.of(22, 3, 3, 0x40, 0, 1, 0x02, 0x01, 0x44), Buffer.alloc(16384 - 4)]);
  const flood = (socket: Socket) => socket.write(Buffer.concat([start, ...Array(8).fill(record(16384))]));
  await t.rejects(talkToServer(t, flood), { code: 'ERR_KTLS_LIMIT', message: /131072 bytes/ });
});

t.test('server: small records without end', async (t) => {
  // A ClientHello of 100,000 bytes, each in a record of its own.
  const start = Buffer.of(22, 3, 3, 0, 4, 1, 0x01, 0x86, 0xa0);
  const flood = (socket: Socket) => socket.write(Buffer.concat([start, ...Array(30_000).fill(record(1))]));
  await t.rejects(talkToServer(t, flood), { code: 'ERR_KTLS_LIMIT' });
});

t.test('TCP: refused, unknown host, no answer', async (t) => {
  const port = await rawServer(t, () => {});
  const listening = await listen(t, await serverContext({ secret }));
  await listening.acceptor.close();
  await t.rejects(dialSocket('127.0.0.1', listening.port), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
    errno: 111,
    address: `127.0.0.1:${listening.port}`,
    message: /listens/,
  });
  await t.rejects(dialSocket('::1', listening.port), {
    code: 'ECONNREFUSED',
    address: `[::1]:${listening.port}`,
  });
  await t.rejects(dialSocket('no-such-host.invalid', port), { message: /no-such-host\.invalid/ });
});

t.test('TCP: a host that does not answer', async (t) => {
  const port = await deafHost(t);
  const error = { code: 'ERR_KTLS_CONNECT_TIMEOUT', address: `127.0.0.1:${port}`, message: /within 100 ms/ };
  await t.rejects(dialSocket('127.0.0.1', port, { timeoutMs: 100 }), error);
  const abort = new AbortController();
  const aborted = t.rejects(dialSocket('127.0.0.1', port, { signal: abort.signal }), { name: 'AbortError' });
  abort.abort();
  await aborted;
  await t.rejects(dialSocket('127.0.0.1', port, { signal: abort.signal }), { name: 'AbortError' });
});
