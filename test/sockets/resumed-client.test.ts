// Sessions that are resumed where a client has to show a certificate.
import { once } from 'node:events';
import { connect, type SecureVersion } from 'node:tls';
import t, { type Test } from 'tap';

import { createServer } from '../../lib/index';
import { CertificateMaker } from '../helpers/certificates';
import { temporaryFolder } from '../helpers/temporary-folder';
import { until } from '../helpers/until';

const maker = new CertificateMaker(temporaryFolder(t));
const ca = maker.authority.cert;
const { cert, key } = maker.issue('server', 'DNS:localhost');
const member = maker.issue('member', 'DNS:member');
const ticketKeys = Buffer.alloc(48, 7);

/** Its outcomes: of a client that got in whether it had resumed, else the error's code. */
async function serve(t: Test, options: object) {
  const outcomes: (boolean | string)[] = [];
  const authorized: boolean[] = [];
  const names: unknown[] = [];
  const server = createServer({ cert, key, ca, ticketKeys, ...options }, (socket) => {
    outcomes.push(socket.isSessionReused());
    authorized.push(socket.authorized);
    names.push(socket.getPeerCertificate().subject?.CN);
    socket.on('error', () => {});
    socket.end('.');
  });
  server.on('tlsClientError', (error) => outcomes.push(error.code));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as { port: number }).port, outcomes, authorized, names };
}

/** The sessions that came, when the connection has ended. */
async function visit(port: number, maxVersion: SecureVersion, more: object = {}): Promise<Buffer[]> {
  const sessions: Buffer[] = [];
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', maxVersion, ...more });
  socket.on('session', (session) => sessions.push(session));
  socket.on('error', () => {});
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  return sessions;
}

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  t.test(`${version}: a session without a certificate does not stand in for one`, async (t) => {
    const open = await serve(t, {});
    const closed = await serve(t, { requestCert: true });
    const [session] = await visit(open.port, version);
    t.ok(session);
    await visit(open.port, version, { session });
    t.same(open.outcomes, [false, true]);
    const lenient = await serve(t, { requestCert: true, rejectUnauthorized: false });
    await visit(lenient.port, version, { session });
    t.same(lenient.outcomes, [true]);
    t.same(lenient.authorized, [false]);
    const refused = await visit(closed.port, version, { session });
    for (const again of refused) await visit(closed.port, version, { session: again });
    await until(() => closed.outcomes.length === 1 + refused.length, 'the server has said what it thinks');
    t.same(
      new Set(closed.outcomes),
      new Set(['ERR_KTLS_CERTIFICATE']),
      'nor one of the server that refused it',
    );
  });

  t.test(`${version}: one with a certificate does`, async (t) => {
    const first = await serve(t, { requestCert: true });
    const second = await serve(t, { requestCert: true });
    const [session] = await visit(first.port, version, { cert: member.cert, key: member.key });
    await visit(second.port, version, { session });
    t.same([second.outcomes, second.authorized, second.names], [[true], [true], ['member']]);
    t.equal(first.outcomes.length, 1);
  });
}
