// A server that has to ask the program for its certificate, and a program that answers oddly.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createSecureContext } from 'node:tls';
import t, { type Test } from 'tap';

import type { ServerHandshakeOptions } from '../../lib/handshake/accept';
import type { AcceptorOptions } from '../../lib/handshake/acceptor';
import { CertificateMaker } from '../helpers/certificates';
import { temporaryFolder } from '../helpers/temporary-folder';
import { listen, openContext } from '../helpers/tls-pair';
import { until } from '../helpers/until';

const maker = new CertificateMaker(temporaryFolder(t));
const ca = maker.authority.cert;
const { cert, key } = maker.issue('server', 'DNS:localhost');
const secureContext = createSecureContext({ cert, key });

type Choose = NonNullable<ServerHandshakeOptions['SNICallback']>;

const serve = (t: Test, SNICallback: Choose, options: Partial<AcceptorOptions> = {}) =>
  listen(
    t,
    openContext(() => secureContext, { SNICallback }),
    options,
  );

function dial(t: Test, port: number) {
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  const closed = new Promise((resolve) => socket.once('close', resolve));
  return { socket, closed };
}

t.test('answers that end the handshake', async (t) => {
  const answers: [string, Choose, { code: string; message?: RegExp }][] = [
    ['an error', (_name, done) => done(new Error('no')), { code: 'ERR_KTLS_HANDSHAKE', message: /no/ }],
    [
      'an error, later',
      (_name, done) => setImmediate(done, new Error('no')),
      { code: 'ERR_KTLS_HANDSHAKE', message: /no/ },
    ],
    ['no context', (_name, done) => done(null, {} as never), { code: 'ERR_KTLS_INVALID_OPTION' }],
    [
      'no context, later',
      (_name, done) => setImmediate(done, null, 5 as never),
      { code: 'ERR_KTLS_INVALID_OPTION' },
    ],
    [
      'an exception',
      () => {
        throw new Error('thrown');
      },
      { code: 'ERR_KTLS_HANDSHAKE', message: /thrown/ },
    ],
  ];
  for (const [what, choose, expected] of answers) {
    await t.test(what, async (t) => {
      const server = await serve(t, choose);
      const { closed } = dial(t, server.port);
      await t.rejects(server.next(), expected);
      await closed;
    });
  }
});

t.test('only the first answer counts', async (t) => {
  const server = await serve(t, (_name, done) => {
    done(null, undefined);
    done(new Error('too late'));
    setImmediate(done, null, undefined);
  });
  const { socket } = dial(t, server.port);
  const [established] = await Promise.all([server.next(), once(socket, 'secureConnect')]);
  await new Promise(setImmediate);
  established.tls.destroy();
  t.same(server.errors, []);
});

t.test('no answer is a time-out', async (t) => {
  const server = await serve(t, () => {}, { handshakeTimeoutMs: 100 });
  dial(t, server.port);
  await t.rejects(server.next(), { code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' });
});

t.test('a server that is closed while it asks, at once or before it has its answer', async (t) => {
  for (const at of ['in the callback', 'later'] as const) {
    await t.test(at, async (t) => {
      let answer: (() => void) | undefined;
      const server = await serve(t, (_name, done) => {
        answer = () => done(null, secureContext);
        if (at === 'in the callback') {
          void server.acceptor.close();
          answer();
        }
      });
      const { closed } = dial(t, server.port);
      if (at === 'later') {
        await until(() => answer !== undefined, 'it asks');
        await server.acceptor.close();
      }
      await t.rejects(server.next(), { name: 'AbortError' });
      answer?.();
      await closed;
    });
  }
});

t.test('a client that goes away while the server asks', async (t) => {
  let answer: (() => void) | undefined;
  const server = await serve(t, (_name, done) => {
    answer = () => done(null, secureContext);
  });
  const { socket, closed } = dial(t, server.port);
  await until(() => answer !== undefined, 'it asks');
  socket.destroy();
  await closed;
  answer?.();
  await t.rejects(server.next());
});

t.test('whom a name leads to has authorities of its own', async (t) => {
  const others = new CertificateMaker(temporaryFolder(t));
  const other = others.issue('other', 'DNS:other');
  const authorities = [others.authority.cert, others.selfSigned('elsewhere').cert];
  const theirs = createSecureContext({ cert: other.cert, key: other.key, ca: authorities });
  const ours = createSecureContext({ cert, key, ca });
  const options: ServerHandshakeOptions = {
    requestCert: true,
    SNICallback: (name, done) => done(null, name === 'other' ? theirs : undefined),
  };
  const server = await listen(
    t,
    openContext(() => ours, options),
  );
  for (const [servername, certificate, error] of [
    ['localhost', maker.issue('member', 'DNS:member'), undefined],
    ['other', maker.issue('member', 'DNS:member'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['other', others.issue('member', 'DNS:member'), undefined],
  ] as const) {
    const { certFile, keyFile } = certificate;
    const client = spawn(
      'openssl',
      [
        ...['s_client', '-connect', `127.0.0.1:${server.port}`, '-servername', servername],
        ...['-cert', certFile, '-key', keyFile],
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    t.teardown(() => client.kill());
    const { tls } = await server.next();
    t.equal(tls.verifyError(), error, `${servername}: ${error}`);
    t.equal(tls.getPeerCertificate().subject.CN, 'member');
    let said = '';
    for await (const data of client.stdout) {
      said += data;
      if (/^Requested Signature/m.test(said)) break;
    }
    t.equal(/^CN ?= ?elsewhere$/m.test(said), servername === 'other', 'the names that are sent');
    client.kill();
    tls.destroy();
  }
});
