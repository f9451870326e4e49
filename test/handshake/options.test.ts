// Which credentials go together, and what is refused before a byte is sent.
import { createHash, X509Certificate } from 'node:crypto';
import t from 'tap';

import {
  type Credentials,
  certificateFingerprint,
  clientContext,
  serverContext,
} from '../../lib/credentials';
import { generateSecret } from '../../lib/secret';
import { CertificateMaker } from '../helpers/certificates';
import { temporaryFolder } from '../helpers/temporary-folder';

const maker = new CertificateMaker(temporaryFolder(t));
const { cert, key } = maker.issue('host', 'DNS:localhost');
const ca = maker.authority.cert;
const secret = generateSecret();
const fingerprint = certificateFingerprint(cert);

const refused: [string, 'client' | 'server' | 'both', Credentials, RegExp][] = [
  ['nothing', 'both', {}, /secret/],
  ['a cipher alone', 'both', { cipher: 'TLS_AES_128_GCM_SHA256' }, /secret/],
  ['a secret and a certificate', 'both', { secret, cert, key }, /cert.*together with secret/],
  ['a secret and an authority', 'both', { secret, ca }, /ca.*together with secret/],
  ['a secret and AES-256', 'both', { secret, cipher: 'TLS_AES_256_GCM_SHA384' }, /certificates/],
  ['another cipher', 'both', { secret, cipher: 'TLS_AES_128_CCM_SHA256' as never }, /cipher/],
  ['a certificate without key', 'both', { cert, ca }, /key/],
  ['a key without certificate', 'both', { key, ca }, /cert/],
  ['a receiver without certificate', 'server', { ca }, /cert and key/],
  ['a receiver that would let anybody in', 'server', { cert, key }, /anybody/],
  ['a key that is not of the certificate', 'both', { cert, key: maker.authority.key, ca }, /cert.*key/],
  ['garbage for a key', 'both', { cert, key: 'garbage', ca }, /key/],
  ['garbage for an authority', 'both', { cert, key, ca: 'garbage' }, /'ca'/],
  ['garbage for a fingerprint', 'both', { cert, key, fingerprint: 'garbage' }, /fingerprint/],
  [
    'one good and one bad fingerprint',
    'both',
    { cert, key, fingerprint: [fingerprint, 'ab:cd'] },
    /fingerprint/,
  ],
];

for (const [what, role, credentials, message] of refused) {
  t.test(`refused: ${what}`, async (t) => {
    const error = { code: 'ERR_KTLS_INVALID_OPTION', message };
    if (role !== 'server') await t.rejects(clientContext(credentials), error);
    if (role !== 'client') await t.rejects(serverContext(credentials), error);
  });
}

t.test('accepted: each form of a fingerprint', async (t) => {
  const colons = (fingerprint.match(/../g) as string[]).join(':').toUpperCase();
  const base64 = Buffer.from(fingerprint, 'hex').toString('base64');
  for (const text of [fingerprint, colons, `sha256:${fingerprint}`, base64, `sha256//${base64}`]) {
    t.equal((await clientContext({ fingerprint: text })).authentication, 'certificate');
  }
});

t.test('a fingerprint is the SHA-256 of the public key', async (t) => {
  const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  t.equal(fingerprint, createHash('sha256').update(spki).digest('hex'));
  t.throws(() => certificateFingerprint('garbage'), { code: 'ERR_KTLS_INVALID_OPTION' });
});
