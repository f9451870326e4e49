// The hand-over is exact: whoever the peer is and however its bytes arrive, the record layer that takes
// over has the right keys and numbers in each direction, and nothing is lost or read twice. Each case
// then exchanges records with a record layer of the tests' own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  connect as connectTlsSocket,
  createSecureContext,
  createServer as createTlsServer,
  type TLSSocket,
} from 'node:tls';
import t, { type Test } from 'tap';

import { clientContext, serverContext } from '../../lib/credentials';
import type { ClientContext } from '../../lib/handshake/connect';
import type { Established } from '../../lib/handshake/handshake';
import type { CipherName } from '../../lib/native';
import { generateSecret, preSharedKey } from '../../lib/secret';
import { CertificateMaker } from '../helpers/certificates';
import { rawServer } from '../helpers/raw-server';
import { HANDSHAKE, type Opened, RecordSocket } from '../helpers/record';
import { temporaryFolder } from '../helpers/temporary-folder';
import { dial, listen } from '../helpers/tls-pair';

const maker = new CertificateMaker(temporaryFolder(t));
const ca = maker.authority.cert;
const server = maker.issue('server', 'DNS:localhost,IP:127.0.0.1');
const client = maker.issue('client', 'DNS:client');
const secret = generateSecret();
const IDENTITY = 'ktls-transfer client 1';

const CIPHERS: CipherName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_256_GCM_SHA384',
];

/** Both ends' options, for each way of authentication and each cipher. */
const cases = CIPHERS.flatMap((cipher) => [
  {
    name: `certificates, ${cipher}`,
    cipher,
    psk: false,
    clientOptions: { cert: client.cert, key: client.key, ca, cipher },
    serverOptions: { cert: server.cert, key: server.key, ca, cipher },
  },
  ...(cipher === 'TLS_AES_256_GCM_SHA384'
    ? []
    : [
        {
          name: `secret, ${cipher}`,
          cipher,
          psk: true,
          clientOptions: { secret, cipher },
          serverOptions: { secret, cipher },
        },
      ]),
]);

/** Says something in each direction, under the keys that were handed over. */
async function converse(t: Test, left: Established, right: Established): Promise<void> {
  const [a, b] = [new RecordSocket(left), new RecordSocket(right)];
  for (const text of ['one', 'two']) {
    a.send(`${text} from left`);
    b.send(`${text} from right`);
    t.equal(await a.receiveText(), `${text} from right`);
    t.equal(await b.receiveText(), `${text} from left`);
  }
  for (const end of [a, b]) end.close();
  for (const { tls } of [left, right]) tls.destroy();
}

async function readUntil(stream: Socket, text: string): Promise<void> {
  let seen = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    seen += chunk.toString('latin1');
    if (seen.includes(text)) return;
  }
  throw new Error(`the stream ended without '${text}': ${seen}`);
}

function openssl(
  t: Test,
  ...options: string[]
): ChildProcess & { stdin: Socket; stdout: Socket; stderr: Socket } {
  const child = spawn('openssl', options, { stdio: 'pipe' });
  child.stderr.resume();
  t.teardown(() => child.kill('SIGKILL'));
  return child as never;
}

for (const { name, cipher, psk, clientOptions, serverOptions } of cases) {
  t.test(`${name}: both ends are ours`, async (t) => {
    const listening = await listen(t, await serverContext(serverOptions));
    const ours = await dial(listening.port, await clientContext(clientOptions));
    const theirs = await listening.next();
    t.equal(ours.cipher, cipher);
    t.equal(theirs.cipher, cipher);
    t.equal(theirs.peerIdentity?.split(':')[0], psk ? IDENTITY : 'sha256');
    await converse(t, ours, theirs);
  });

  t.test(`${name}: openssl s_client dials us`, async (t) => {
    const listening = await listen(t, await serverContext(serverOptions));
    const credentials = psk
      ? ['-psk', (await preSharedKey(secret)).toString('hex'), '-psk_identity', IDENTITY]
      : ['-cert', client.certFile, '-key', client.keyFile, '-CAfile', maker.authority.certFile];
    const child = openssl(
      t,
      's_client',
      '-connect',
      `127.0.0.1:${listening.port}`,
      '-tls1_3',
      '-quiet',
      ...credentials,
    );
    const peer = new RecordSocket(await listening.next());
    child.stdin.write('hello\n');
    t.equal(await peer.receiveText(), 'hello\n');
    peer.send('answer\n');
    await readUntil(child.stdout, 'answer\n');
    peer.close();
  });

  t.test(`${name}: we dial openssl s_server`, async (t) => {
    const credentials = psk
      ? ['-psk', (await preSharedKey(secret)).toString('hex'), '-psk_identity', IDENTITY, '-nocert']
      : [
          '-cert',
          server.certFile,
          '-key',
          server.keyFile,
          '-CAfile',
          maker.authority.certFile,
          '-Verify',
          '1',
        ];
    const port = await openSslServer(t, '-rev', '-ciphersuites', cipher, ...credentials);
    const established = await dial(port, await clientContext(clientOptions));
    t.equal(established.cipher, cipher);
    const peer = new RecordSocket(established);
    const others: Opened[] = [];
    for (const text of ['abc', 'def']) {
      peer.send(`${text}\n`);
      t.equal(await peer.receiveText(others), `${[...text].reverse().join('')}\n`);
    }
    t.ok(others.length > 0 && others.every(({ type }) => type === HANDSHAKE), 'its tickets were left for us');
    peer.close();
  });

  t.test(`${name}: node:tls dials us`, async (t) => {
    const listening = await listen(t, await serverContext(serverOptions));
    const psk32 = await preSharedKey(secret);
    const socket = connectTlsSocket({
      port: listening.port,
      host: '127.0.0.1',
      minVersion: 'TLSv1.3',
      ciphers: cipher,
      ...(psk
        ? {
            ca: [],
            pskCallback: () => ({ psk: psk32, identity: IDENTITY }),
            checkServerIdentity: () => undefined,
          }
        : { cert: client.cert, key: client.key, ca, servername: 'localhost' }),
    });
    t.teardown(() => socket.destroy());
    // Its first words may share a segment with its Finished.
    socket.write('hello');
    const peer = new RecordSocket(await listening.next());
    t.equal(await peer.receiveText(), 'hello');
    peer.send('answer');
    await readUntil(socket, 'answer');
    peer.close();
  });

  t.test(`${name}: we dial node:tls`, async (t) => {
    const psk32 = await preSharedKey(secret);
    const foreign = createTlsServer(
      {
        minVersion: 'TLSv1.3',
        ciphers: cipher,
        ...(psk
          ? { pskCallback: (_: TLSSocket, identity: string) => (identity === IDENTITY ? psk32 : null) }
          : { cert: server.cert, key: server.key, ca, requestCert: true, rejectUnauthorized: true }),
      },
      // Its words come right behind its tickets.
      (socket) => socket.on('error', () => {}).end('hello from node'),
    );
    foreign.listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    t.teardown(() => foreign.close());
    const established = await dial(
      (foreign.address() as { port: number }).port,
      await clientContext(clientOptions),
    );
    const peer = new RecordSocket(established);
    t.equal(await peer.receiveText(), 'hello from node');
    peer.close();
  });
}

/** Its port, as soon as it listens. */
async function openSslServer(t: Test, ...options: string[]): Promise<number> {
  const child = openssl(t, 's_server', '-accept', '127.0.0.1:0', '-tls1_3', ...options);
  let seen = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    seen += String(chunk);
    const port = /ACCEPT 127\.0\.0\.1:(\d+)\n/.exec(seen)?.[1];
    if (port !== undefined) {
      child.stdout.resume();
      return Number(port);
    }
  }
  throw new Error(`openssl s_server did not start: ${seen}`);
}

t.test('HelloRetryRequest, in both roles', async (t) => {
  const certificates = { cert: server.cert, key: server.key, ca };
  const context = createSecureContext({ ...certificates, ecdhCurve: 'P-521', minVersion: 'TLSv1.3' });
  const retrying = { ...(await serverContext(certificates)), secureContext: () => context };
  const listening = await listen(t, retrying);
  const ours = await dial(listening.port, await clientContext({ cert: client.cert, key: client.key, ca }));
  await converse(t, ours, await listening.next());

  const port = await openSslServer(
    t,
    '-rev',
    '-groups',
    'P-384',
    '-cert',
    server.certFile,
    '-key',
    server.keyFile,
  );
  const peer = new RecordSocket(await dial(port, await clientContext({ ca })));
  peer.send('abc\n');
  t.equal(await peer.receiveText(), 'cba\n');
  peer.close();
});

/** Forwards each direction as `cut` says. */
async function proxy(
  t: Test,
  port: number,
  cut: (from: Socket, to: Socket, direction: 'to server' | 'to client') => void,
): Promise<number> {
  return rawServer(t, (near) => {
    const far = connect(port, '127.0.0.1');
    t.teardown(() => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    for (const socket of [near, far]) socket.setNoDelay();
    cut(near, far, 'to server');
    cut(far, near, 'to client');
  });
}

t.test('bytes that arrive one at a time', async (t) => {
  for (const { clientOptions, serverOptions } of cases.slice(0, 2)) {
    const listening = await listen(t, await serverContext(serverOptions));
    const port = await proxy(t, listening.port, (from, to) => {
      let queue = Buffer.alloc(0);
      const tick = () => {
        if (queue.length === 0) return;
        to.write(queue.subarray(0, 1));
        queue = queue.subarray(1);
        setImmediate(tick);
      };
      from.on('data', (data) => {
        const idle = queue.length === 0;
        queue = Buffer.concat([queue, data]);
        if (idle) tick();
      });
    });
    const ours = await dial(port, await clientContext(clientOptions));
    await converse(t, ours, await listening.next());
  }
});

t.test('application data in one segment with Finished, and before the server is done', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const port = await proxy(t, listening.port, (from, to, direction) => {
    let hello = true;
    let held = Buffer.alloc(0);
    from.on('data', (data) => {
      held = Buffer.concat([held, data]);
      // What follows the ClientHello is kept until the client's two words are behind its Finished.
      if (direction === 'to client' || hello || held.length > 600) {
        hello = false;
        to.write(held);
        held = Buffer.alloc(0);
      }
    });
  });
  const early = new RecordSocket(await dial(port, await clientContext({ secret })));
  for (const part of ['first', 'second']) early.send(part.padEnd(300, '.'));
  const late = new RecordSocket(await listening.next());
  t.match(await late.receiveText(), /^first/);
  t.match(await late.receiveText(), /^second/);
  for (const end of [early, late]) end.close();
});

t.test('an attacker who repeats a ClientHello, random and all, does not get its keys mixed up', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const port = await proxy(t, listening.port, (from, to, direction) => {
    let hello = direction === 'to server';
    from.on('data', (data) => {
      if (hello) {
        hello = false;
        const attacker = connect(listening.port, '127.0.0.1').on('error', () => {});
        t.teardown(() => attacker.destroy());
        attacker.write(data);
      }
      // In between, so that the server is at both handshakes at once.
      setTimeout(() => to.write(data), 20);
    });
  });
  const ours = await dial(port, await clientContext({ secret }));
  await converse(t, ours, await listening.next());
});

t.test('fifty handshakes at once on one server keep their keys apart', async (t) => {
  for (const { clientOptions, serverOptions } of cases.slice(0, 2)) {
    const listening = await listen(t, await serverContext(serverOptions));
    const context = await clientContext(clientOptions);
    const ours = await Promise.all(Array.from({ length: 50 }, () => dial(listening.port, context)));
    const theirs = await Promise.all(ours.map(() => listening.next()));
    const sockets = theirs.map((established) => new RecordSocket(established));
    ours.forEach((established, index) => {
      const socket = new RecordSocket(established);
      socket.send(`number ${index}`);
      t.teardown(() => socket.close());
    });
    const texts = await Promise.all(sockets.map((socket) => socket.receiveText()));
    t.same(new Set(texts), new Set(ours.map((_, index) => `number ${index}`)));
    for (const socket of sockets) socket.close();
    for (const { tls } of [...ours, ...theirs]) tls.destroy();
  }
});

t.test('a ticket that comes after the hand-over is given back, and its session resumes', async (t) => {
  const port = await openSslServer(t, '-rev', '-cert', server.certFile, '-key', server.keyFile);
  const context = await clientContext({ ca });
  const first = await dial(port, context);
  const peer = new RecordSocket(first);
  const others: Opened[] = [];
  peer.send('abc\n');
  t.equal(await peer.receiveText(others), 'cba\n');
  t.ok(others.length > 0);
  const sessions = others.map(({ content }) => {
    first.feedTicket?.(content);
    return first.tls.getSession() as Buffer;
  });
  t.equal(new Set(sessions.map((session) => session.toString('hex'))).size, others.length);
  t.equal(first.tls.isSessionReused(), false);
  peer.close();

  const resuming: ClientContext = { ...context, session: sessions[0] as Buffer };
  const second = await dial(port, resuming);
  t.equal(second.tls.isSessionReused(), true);
  const again = new RecordSocket(second);
  again.send('xyz\n');
  t.equal(await again.receiveText(), 'zyx\n');
  again.close();
});

t.test('what the handshake knows can be let go, and the connection goes on', async (t) => {
  const listening = await listen(t, await serverContext({ secret }));
  const ours = await dial(listening.port, await clientContext({ secret }));
  const theirs = await listening.next();
  for (const { tls } of [ours, theirs, theirs]) tls.destroy();
  t.equal(ours.tls.getPeerCertificate(), null);
  t.equal(ours.tls.getCipher(), undefined);
  t.throws(() => ours.tls.exportKeyingMaterial(32, 'label'), { code: 'ERR_KTLS_UNSUPPORTED' });
  t.throws(() => ours.feedTicket?.(Buffer.alloc(8)), /left no SERVER_TRAFFIC_SECRET_0/);
  await converse(t, ours, theirs);
});

t.test('the exporter and the peer certificate can still be asked for', async (t) => {
  const listening = await listen(t, await serverContext({ cert: server.cert, key: server.key, ca }));
  const ours = await dial(listening.port, await clientContext({ cert: client.cert, key: client.key, ca }));
  const theirs = await listening.next();
  const exported = [ours, theirs].map(({ tls }) => tls.exportKeyingMaterial(32, 'label', Buffer.alloc(0)));
  t.same(exported[0], exported[1]);
  t.equal(ours.tls.getPeerCertificate().subject.CN, 'server');
  t.equal(theirs.tls.getPeerCertificate().subject.CN, 'client');
  await converse(t, ours, theirs);
});
