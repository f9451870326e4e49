// Text of a peer or a disk is made harmless before a terminal sees it.
import t from 'tap';

import { createNativeError, escapeText } from '../../lib/errors';

t.test('control characters, direction marks and invalid UTF-8 are escaped, the rest is left', async (t) => {
  const harmful: [string | Buffer, string][] = [
    ['a\x1b[2Jb', 'a\\u{1b}[2Jb'],
    ['line\nfeed\r', 'line\\u{a}feed\\u{d}'],
    ['\x00\x7f\x9b', '\\u{0}\\u{7f}\\u{9b}'],
    ['\u202egpj.exe', '\\u{202e}gpj.exe'],
    ['\u2066x\u2028', '\\u{2066}x\\u{2028}'],
    [Buffer.from([0x61, 0xff]), 'a\\u{fffd}'],
  ];
  for (const [text, shown] of harmful) t.equal(escapeText(text), shown);
  for (const text of ['Größe 大小 🙂', "it's", '-rf', ' ']) t.equal(escapeText(text), text);
});

t.test('a native error carries its path escaped, and names its system call', async (t) => {
  const error = createNativeError(
    'ERR_KTLS_SYSTEM',
    'no space left',
    28,
    'write',
    Buffer.from('a\x1b[31m/b'),
  );
  t.match(error, { name: 'KtlsError', code: 'ENOSPC', errno: 28, syscall: 'write', path: 'a\\u{1b}[31m/b' });
  t.notOk(error.message.includes('\x1b'));
  t.match(error.message, /ENOSPC/);
  t.match(createNativeError('ERR_KTLS_PEER', 'the peer says \x1b]0;x\x07', 0, '', Buffer.alloc(0)), {
    code: 'ERR_KTLS_PEER',
    message: 'the peer says \\u{1b}]0;x\\u{7}',
  });
  t.match(createNativeError('ABORT_ERR', '', 0, '', Buffer.alloc(0)), { name: 'AbortError' });
  t.match(createNativeError('ERR_KTLS_UNSUPPORTED', 'x', 0, '', Buffer.alloc(0)), {
    name: 'KtlsUnsupportedError',
  });
});
