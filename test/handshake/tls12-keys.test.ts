// The keys of TLS 1.2, against vectors and against OpenSSL's own derivation.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import t from 'tap';

import { prf, tls12States } from '../../lib/handshake/tls12-keys';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

t.test('PRF: the vectors that the TLS working group published for P_SHA256 and P_SHA384', async (t) => {
  const sha256 = prf(
    'sha256',
    hex('9bbe436ba940f017b17652849a71db35'),
    'test label',
    hex('a0ba9f936cda311827a6f796ffd5198c'),
    100,
  );
  t.ok(
    sha256.equals(
      hex(`e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
           0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
           87347b66`),
    ),
  );
  const sha384 = prf(
    'sha384',
    hex('b80b733d6ceefcdc71566ea48e5567df'),
    'test label',
    hex('cd665cf6a8447dd6ff8b27555edb7465'),
    148,
  );
  t.ok(
    sha384.equals(
      hex(`7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
           e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
           9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070
           3d73e56f`),
    ),
  );
});

t.test('PRF: as openssl kdf derives it', async (t) => {
  for (const [hash, length] of [
    ['sha256', 40],
    ['sha384', 72],
    ['sha256', 7],
  ] as const) {
    const [secret, seed] = [randomBytes(48), randomBytes(64)];
    const options = [
      `digest:${hash}`,
      `hexsecret:${secret.toString('hex')}`,
      `hexseed:${Buffer.from('key expansion').toString('hex')}`,
      `hexseed:${seed.toString('hex')}`,
    ].flatMap((option) => ['-kdfopt', option]);
    const derived = execFileSync('openssl', [
      'kdf',
      '-binary',
      '-keylen',
      String(length),
      ...options,
      'TLS1-PRF',
    ]);
    t.ok(prf(hash, secret, 'key expansion', seed, length).equals(derived), hash);
  }
});

t.test('the nonces of AES-GCM go on behind the one of Finished', async (t) => {
  const secrets = {
    cipher: 'TLS_AES_128_GCM_SHA256' as const,
    master: randomBytes(48),
    randoms: { client: randomBytes(32), server: randomBytes(32) },
  };
  const finished = (nonce: string) => Buffer.concat([hex('1603030028'), hex(nonce), Buffer.alloc(32)]);
  const [client, server] = (['client', 'server'] as const).map((role) =>
    tls12States(secrets, role, finished('00000000000000ff')),
  );
  t.equal(client?.tx.secret.subarray(-8).toString('hex'), '0000000000000100');
  t.equal(client?.tx.sequence, 1n);
  t.ok(client?.tx.secret.subarray(0, 20).equals(server?.rx.secret.subarray(0, 20) as Buffer));
  t.ok(client?.rx.secret.subarray(0, 20).equals(server?.tx.secret.subarray(0, 20) as Buffer));
  const wrapped = tls12States(secrets, 'client', finished('ffffffffffffffff'));
  t.equal(wrapped.tx.secret.subarray(-8).toString('hex'), '0000000000000000');
});
