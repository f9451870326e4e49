// What a KtlsSocket tells of its handshake, against what a tls.TLSSocket tells of the same.
import { once } from 'node:events';
import {
  connect as connectNode,
  createServer as createNodeServer,
  type DetailedPeerCertificate,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls';
import t, { type Test } from 'tap';

import { connect, createServer } from '../../lib/index';
import type { KtlsSocket } from '../../types/index';
import { type Certificate, CertificateMaker } from '../helpers/certificates';
import { temporaryFolder } from '../helpers/temporary-folder';

type Either = TLSSocket | KtlsSocket;
type Kind = 'node:tls' | 'ours';

const maker = new CertificateMaker(temporaryFolder(t));
const ca = maker.authority.cert;
const between = maker.issue('between', 'DNS:between', 30, ['basicConstraints=critical,CA:true']);
const access =
  'authorityInfoAccess=OCSP;URI:http://a.test/ocsp,OCSP;URI:http://b.test/,caIssuers;URI:http://a.test/ca';
const leaf = maker.issue('server', 'DNS:localhost', 30, [access], between);
const server = { cert: Buffer.concat([leaf.cert, between.cert]), key: leaf.key };
const client = maker.issue('client', 'DNS:client');

const identity = ({ cert, key }: Pick<Certificate, 'cert' | 'key'>) => ({ cert, key });

interface Settings {
  version: SecureVersion;
  curve: string;
  ciphers: string;
}

const AES_128 = 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256';
const AES_256 = 'TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384';

/** The two ends of a connection, after a byte has gone each way. */
async function pair(
  t: Test,
  [serverKind, clientKind]: [Kind, Kind],
  { version, curve, ciphers }: Settings,
): Promise<[Either, Either]> {
  const listening = {
    ...identity(server),
    ca,
    requestCert: true,
    ALPNProtocols: ['x', 'y'],
    ecdhCurve: curve,
    ciphers,
    minVersion: version,
    maxVersion: version,
  };
  const listener =
    serverKind === 'ours'
      ? createServer(listening)
      : (createNodeServer(listening) as unknown as ReturnType<typeof createServer>);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => listener.close());
  const { port } = listener.address() as { port: number };
  const accepted = once(listener, 'secureConnection') as Promise<[Either]>;
  const dialling = {
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca,
    ...identity(client),
    ALPNProtocols: ['y', 'z'],
  };
  const ours = clientKind === 'ours' ? await connect(dialling) : connectNode(dialling);
  const [theirs] = await accepted;
  for (const end of [theirs, ours]) t.teardown(() => end.destroy());
  for (const [a, b] of [
    [ours, theirs],
    [theirs, ours],
  ] as [Either, Either][]) {
    a.write('.');
    await once(b, 'data');
  }
  return [theirs, ours];
}

/** A chain goes round at its end. */
function chain(certificate: DetailedPeerCertificate): unknown[] {
  const { issuerCertificate: issuer, ...rest } = certificate;
  return [
    { ...rest },
    ...(issuer === undefined || issuer === certificate ? [issuer === certificate] : chain(issuer)),
  ];
}

/** What does not differ from one handshake to the next. */
function facts(end: Either) {
  return {
    alpn: end.alpnProtocol,
    servername: (end as { servername?: unknown }).servername,
    protocol: end.getProtocol(),
    cipher: end.getCipher(),
    authorized: end.authorized,
    reused: end.isSessionReused(),
    key: end.getEphemeralKeyInfo(),
    algorithms: end.getSharedSigalgs(),
    peer: { ...end.getPeerCertificate() },
    chain: chain(end.getPeerCertificate(true) as DetailedPeerCertificate),
    own: { ...end.getCertificate() },
    peerDer: end.getPeerX509Certificate()?.raw,
    ownDer: end.getX509Certificate()?.raw,
    finished: [end.getFinished()?.length, end.getPeerFinished()?.length],
    session: end.getSession() !== undefined,
  };
}

for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
  for (const [curve, ciphers] of [
    ['X25519:prime256v1', AES_128],
    ['prime256v1', AES_256],
  ] as const) {
    t.test(`${version}, ${curve}, ${ciphers}: as node:tls tells it`, async (t) => {
      const settings = { version, curve, ciphers };
      const [referenceServer, referenceClient] = await pair(t, ['node:tls', 'node:tls'], settings);
      const [ourServer, theirClient] = await pair(t, ['ours', 'node:tls'], settings);
      const [theirServer, ourClient] = await pair(t, ['node:tls', 'ours'], settings);
      t.same(facts(ourServer), facts(referenceServer), 'a server');
      t.same(facts(ourClient), facts(referenceClient), 'a client');
      for (const [a, b] of [
        [ourServer, theirClient],
        [ourClient, theirServer],
      ] as [Either, Either][]) {
        t.same(a.getFinished(), b.getPeerFinished());
        t.same(a.getPeerFinished(), b.getFinished());
        for (const context of [Buffer.from('context'), Buffer.alloc(0), undefined as unknown as Buffer]) {
          for (const label of ['label', 'x'.repeat(249)]) {
            for (const length of [1, 100]) {
              const [ours, theirs] = [a, b].map((end) => end.exportKeyingMaterial(length, label, context));
              t.same(ours, theirs);
            }
          }
        }
        for (const [length, label, context] of [
          [0, 'label'],
          [-1, 'label'],
          [1.5, 'label'],
          [2 ** 32, 'label'],
          [16, 'x'.repeat(250)],
          ...(version === 'TLSv1.2'
            ? ([
                [16, 'key expansion'],
                [16, 'label', Buffer.alloc(65_536)],
              ] as const)
            : []),
        ] as const) {
          t.throws(() => a.exportKeyingMaterial(length, label, context as Buffer), {
            code: 'ERR_KTLS_INVALID_OPTION',
          });
        }
      }
    });
  }
}

t.test('what is wrong with a certificate has the names that node:tls has for it', async (t) => {
  const wrong = {
    expired: maker.issue('expired', 'DNS:localhost', -1),
    selfSigned: maker.selfSigned('alone'),
    noAuthority: maker.issue(
      'below',
      'DNS:localhost',
      30,
      [],
      maker.issue('no-ca', 'DNS:x', 30, ['basicConstraints=critical,CA:false']),
    ),
    incomplete: maker.issue('incomplete', 'DNS:localhost', 30, [], between),
    otherPurpose: maker.issue('purpose', 'DNS:localhost', 30, ['extendedKeyUsage=clientAuth']),
  };
  const found = new Set<string>();
  for (const [what, certificate] of Object.entries(wrong)) {
    const listener = createNodeServer(identity(certificate), (socket) => socket.on('error', () => {}));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    t.teardown(() => listener.close());
    const { port } = listener.address() as { port: number };
    const dialling = { host: '127.0.0.1', port, servername: 'localhost', ca, rejectUnauthorized: false };
    const theirs = connectNode(dialling);
    await once(theirs, 'secureConnect');
    const ours = await connect(dialling);
    t.equal(ours.authorizationError, theirs.authorizationError as unknown as string, what);
    found.add(ours.authorizationError ?? '');
    for (const socket of [ours, theirs]) socket.destroy();
  }
  t.ok(found.size >= 4, [...found].join());
});
