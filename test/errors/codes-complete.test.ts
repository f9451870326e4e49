// One table of codes: lib/errors.ts, its declaration, its documentation and the native core agree.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { AbortError, ERROR_CODES, KtlsError, KtlsUnsupportedError } from '../../lib/index';

const top = join(__dirname, '..', '..');
const read = (path: string) => readFileSync(join(top, path), 'utf8');
const codesIn = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map((match) => match[1] as string);
const known = Object.keys(ERROR_CODES).sort();

t.test('docs/errors.md has each code once, and no other', async (t) => {
  t.same(codesIn(read('docs/errors.md'), /^\| `(ERR_\w+)` \|/gm).sort(), known);
});

t.test('every code that the native core can give is in the table', async (t) => {
  const native = codesIn(read('src-native/base/code.cc'), /return "(ERR_\w+)"/g);
  t.ok(native.length > 15);
  const unknown = native.filter((code) => !known.includes(code) && code !== 'ERR_KTLS_UNKNOWN');
  t.same(unknown, []);
  const enumerators = codesIn(read('src-native/base/code.h'), /^ {2}(\w+)(?: = 0)?,/gm);
  const named = codesIn(read('src-native/base/code.cc'), /case Code::(\w+):/g);
  t.same(named.sort(), enumerators.sort(), 'each enumerator has a name');
});

t.test('the declaration lists the same codes', async (t) => {
  const declared = /export type KtlsErrorCode =([^;]*);/.exec(read('types/errors.d.ts'))?.[1] ?? '';
  t.same(codesIn(declared, /'(ERR_\w+)'/g).sort(), known);
});

t.test('every code is given somewhere', async (t) => {
  const sources = ['lib', 'src-native'].flatMap((folder) => filesBelow(join(top, folder)));
  const texts = sources
    .filter((path) => !path.endsWith('lib/errors.ts'))
    .map((path) => readFileSync(path, 'utf8'));
  const unused = known.filter((code) => !texts.some((text) => text.includes(code)));
  t.same(unused, []);
});

t.test('classes: names, codes, inheritance, details', async (t) => {
  const cause = new Error('below');
  const details = { cause, errno: 28, syscall: 'write', path: 'a/b', address: 'h:1' };
  const error = new KtlsError('ENOSPC', 'no space', details);
  t.match(error, { name: 'KtlsError', code: 'ENOSPC', message: 'no space', ...details });
  t.notOk('errno' in new KtlsError('ERR_KTLS_PEER', 'x') || 'cause' in new KtlsError('ERR_KTLS_PEER', 'x'));
  const unsupported = new KtlsUnsupportedError('not here');
  t.ok(unsupported instanceof KtlsError && unsupported instanceof Error);
  t.match(unsupported, { name: 'KtlsUnsupportedError', code: 'ERR_KTLS_UNSUPPORTED' });
  t.match(new AbortError({ cause }), { name: 'AbortError', code: 'ABORT_ERR', cause });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|cc|h)$/.test(name))
    .map((name) => join(folder, name));
}
