// How peers are named.
import t from 'tap';

import { formatAddress, isUrl, parseTarget } from '../../lib/address';

const parsed = (text: string) => {
  const { host, port, below } = parseTarget(text);
  return [host, port, ...below.map((name) => name.toString('latin1'))];
};

t.test('hosts, ports and paths', async (t) => {
  t.same(parsed('host:9999'), ['host', 9999]);
  t.same(parsed('host'), ['host', 9999], 'the default port');
  t.same(parsed('10.0.0.1:1'), ['10.0.0.1', 1]);
  t.same(parsed('[::1]:80'), ['::1', 80]);
  t.same(parsed('[fe80::1%eth0]'), ['fe80::1%eth0', 9999]);
  t.same(parsed('host:80/sub/dir'), ['host', 80, 'sub', 'dir']);
  t.same(parsed('ktls://host:80/sub//dir/'), ['host', 80, 'sub', 'dir'], 'slashes as POSIX has them');
  t.same(parsed('KTLS://host'), ['host', 9999]);
});

t.test('a URL is percent-decoded, to bytes; other targets are taken as they stand', async (t) => {
  t.same(parsed('ktls://host/a%20b/%FF%41'), ['host', 9999, 'a b', '\u00ffA']);
  t.same(parsed('host/a%20b/100%?#'), ['host', 9999, 'a%20b', '100%?#']);
  t.same(parseTarget('host/ü').below, [Buffer.from('ü')]);
  t.same(parseTarget('ktls://host/ü').below, [Buffer.from('ü')]);
});

const wrong = [
  '',
  ':9999',
  '/path',
  'host:',
  'host:0',
  'host:65536',
  'host:99999999',
  'host:http',
  '::1',
  '[::1',
  '[host]:1',
  'user@host',
  'ho st',
  'http://host',
  'ktls://',
  'ktls://host?x',
  'ktls://host/a?x=1',
  'ktls://host/a#b',
  'ktls://host/%',
  'ktls://host/%4',
  'ktls://host/%zz',
  'host/../etc',
  'host/./a',
  'ktls://host/%2e%2E/etc',
  'ktls://host/a%2fb',
  'ktls://host/a%00b',
  'host/a\0b',
  `host/${'x'.repeat(256)}`,
  `host${'/x'.repeat(65)}`,
];

for (const text of wrong) {
  t.throws(
    () => parseTarget(text),
    { code: 'ERR_KTLS_INVALID_OPTION', message: 'target' },
    JSON.stringify(text),
  );
}
t.throws(() => parseTarget(7 as unknown as string), { code: 'ERR_KTLS_INVALID_OPTION' });
t.same(parsed(`host/${'x'.repeat(255)}`), ['host', 9999, 'x'.repeat(255)]);

t.test('what is a URL, and how addresses are shown', async (t) => {
  t.ok(isUrl('ktls://host'));
  for (const other of ['host:9999', '/ktls://x', 'https://x', Buffer.from('ktls://x'), undefined])
    t.notOk(isUrl(other));
  t.equal(formatAddress('10.0.0.1', 1), '10.0.0.1:1');
  t.equal(formatAddress('::1', 2), '[::1]:2');
  t.equal(formatAddress('::ffff:10.0.0.1', 3), '10.0.0.1:3', 'IPv4 over an IPv6 socket');
});
