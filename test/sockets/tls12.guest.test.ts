// What is another thing in TLS 1.2 than in TLS 1.3, on the kernel's record layer and on ours.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import t from 'tap';

import { connect, createServer } from '../../lib/index';
import { start } from '../helpers/foreign-program';
import { placements } from '../helpers/guest';
import { credentials, failure, listen, nodeServer, take } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;
const content = randomBytes(700_001);
const maxVersion = 'TLSv1.2' as const;
const strict = placements[0] as 'require' | 'off';

t.test('client certificates are judged, and a refusal is told by an alert', async (t) => {
  const options = { cert, key, ca, requestCert: true, maxVersion, kernel: strict };
  const { port, next, server } = await listen(t, options);
  const good = await connect({ host: 'localhost', port, ca, ...trust.client, kernel: strict });
  const end = await next();
  t.equal(end.authorized, true);
  t.match(end.getPeerCertificate().subject, { CN: 'client' });
  good.destroy();
  const refused = once(server, 'tlsClientError');
  const bad = connectTls({ host: 'localhost', port, ca });
  const [error] = await once(bad, 'error');
  t.match(error.code, /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|ALERT/);
  t.match((await refused)[0], { code: 'ERR_KTLS_CERTIFICATE' });
  // And a server that we do not trust hears so.
  const node = await nodeServer(t, { cert, key, maxVersion }, () => {});
  await t.rejects(connect({ host: 'localhost', port: node }), { code: 'ERR_KTLS_CERTIFICATE' });
});

t.test('a renegotiation is refused', async (t) => {
  const { port, next } = await listen(t, { cert, key, kernel: strict });
  const client = start(t, 'openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-tls1_2',
    '-legacy_renegotiation',
  ]);
  const end = await next();
  end.on('error', () => {});
  client.stdin?.write('first\n');
  t.equal(String(await take(end, 6)), 'first\n');
  client.stdin?.write('R\n');
  await client.says(/no renegotiation/);
});

t.test('a key that is spent: nothing can change it', async (t) => {
  const { port } = await listen(t, { cert, key, kernel: strict, maxVersion }, (socket) => {
    socket.on('error', () => {}).resume();
  });
  const spent = await connect({ host: 'localhost', port, ca, kernel: strict, maxRecordsPerKey: 16 });
  spent.on('error', () => {});
  spent.end(content);
  t.match(await failure(spent), { code: 'ERR_KTLS_LIMIT', message: /TLS 1\.2|kernel/ });
});

t.test(
  'minVersion and maxVersion are followed; what the record layers do not know is never agreed on',
  async (t) => {
    const { port } = await listen(t, { cert, key, minVersion: 'TLSv1.3' }, (socket) => socket.resume());
    const old = connectTls({ host: 'localhost', port, ca, maxVersion });
    t.equal((await once(old, 'error'))[0].code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    const { port: both, next } = await listen(t, { cert, key, ciphers: 'ALL' });
    const cbc = connectTls({
      host: 'localhost',
      port: both,
      ca,
      maxVersion,
      ciphers: 'ECDHE-ECDSA-AES128-SHA',
    });
    t.match((await once(cbc, 'error'))[0].code, /HANDSHAKE_FAILURE/);
    const gcm = connectTls({ host: 'localhost', port: both, ca, maxVersion });
    t.equal((await next()).getProtocol(), 'TLSv1.2');
    gcm.destroy();
    for (const wrong of [{ maxVersion: 'TLSv1.1' }, { minVersion: 'TLSv1' }, { maxVersion: 'x' }]) {
      t.throws(() => createServer({ cert, key, ...(wrong as object) }), { code: 'ERR_KTLS_INVALID_OPTION' });
    }
  },
);
