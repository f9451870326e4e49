// What a shared secret may look like, and what it becomes. The keys below were computed by Python's
// hashlib and hmac: both ends must reach them, whatever made them.
import t from 'tap';

import { generateSecret, preSharedKey } from '../../lib/secret';

const INVALID = { code: 'ERR_KTLS_INVALID_OPTION' };

t.test('a generated secret is recognisable text with 256 random bits', async (t) => {
  const secrets = new Set(Array.from({ length: 100 }, generateSecret));
  t.equal(secrets.size, 100);
  for (const secret of secrets) t.match(secret, /^ktls_[\w-]{48}$/);
});

t.test('a typo, a cut and an addition are told from a wrong secret', async (t) => {
  const secret = generateSecret();
  const at = 20;
  const typo = secret.slice(0, at) + (secret[at] === 'a' ? 'b' : 'a') + secret.slice(at + 1);
  for (const wrong of [typo, secret.slice(0, -1), `${secret}a`, 'ktls_', typo.toLowerCase()]) {
    await t.rejects(preSharedKey(wrong), { ...INVALID, message: /mistyped/ });
    await t.rejects(preSharedKey(Buffer.from(wrong)), { ...INVALID, message: /mistyped/ });
  }
});

t.test('a generated secret is the same as text, with a line end, and as the content of a file', async (t) => {
  const secret = generateSecret();
  const key = await preSharedKey(secret);
  t.equal(key.length, 32);
  t.same(await preSharedKey(`${secret}\n`), key);
  t.same(await preSharedKey(Buffer.from(`${secret}\n`)), key);
  t.notSame(await preSharedKey(generateSecret()), key);
});

t.test('a Buffer is key material, of at least 32 bytes', async (t) => {
  t.equal(
    (await preSharedKey(Buffer.alloc(32, 1))).toString('hex'),
    '1a861ec3b4d7c9e86f066c221929aaad0c481c4e31a77d912a9bc53a4cf11172',
  );
  t.notSame(await preSharedKey(Buffer.alloc(32, 1)), await preSharedKey(Buffer.alloc(33, 1)));
  await t.rejects(preSharedKey(Buffer.alloc(31)), INVALID);
});

t.test('a passphrase is stretched, always to the same key', async (t) => {
  const [key, again] = await Promise.all([preSharedKey('correct horse'), preSharedKey('correct horse')]);
  t.same(key, again);
  t.equal(key.toString('hex'), '9d8de57fa5f205dfe13e1f82c853cad4e09eb1826aa6359a591d33a869c67ead');
  t.notSame(await preSharedKey('correct horsf'), key);
  t.same(await preSharedKey('gru\u0308n gru\u0308n'), await preSharedKey('gr\u00fcn gr\u00fcn'));
});

t.test('a short passphrase and other types are refused', async (t) => {
  await t.rejects(preSharedKey('short77'), { ...INVALID, message: /8 characters.*keygen/ });
  await t.rejects(preSharedKey(''), INVALID);
  await t.rejects(preSharedKey(12345678 as never), INVALID);
});
