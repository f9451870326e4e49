// Rules that no linter knows: the layers of src-native, and what must not be in the repository.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { filesBelow, top } from './lib/run.mjs';

/** Lowest first; a layer includes only lower ones. engine and relay stand side by side. */
const layers = [['base'], ['net'], ['tls'], ['wire'], ['fs'], ['engine', 'relay'], ['napi']];
const height = (layer) => layers.findIndex((names) => names.includes(layer));

const problems = [];

for (const file of filesBelow('src-native')) {
  // tests/<layer>_<thing>_test.cc stands where its layer stands.
  const [, folder, name] = file.match(/^src-native\/([^/]+)\/(.*)$/) ?? [];
  const layer = folder === 'tests' ? name.split('_')[0] : folder;
  const lines = readFileSync(join(top, file), 'utf8').split('\n');
  lines.forEach((line, index) => {
    const included = line.match(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/)?.[1];
    if (included === undefined) return;
    const at = `${file}:${index + 1}`;
    const from = included.split('/')[0];
    const lower = height(from) < height(layer) || from === layer;
    if (height(layer) >= 0 && height(from) >= 0 && included.includes('/') && !lower) {
      problems.push(`${at}: layer ${layer} includes ${included}`);
    }
    if (included === 'napi.h' && layer !== 'napi') problems.push(`${at}: napi.h outside napi/`);
    if (included === 'linux/tls.h' && layer !== 'tls') problems.push(`${at}: linux/tls.h outside tls/`);
  });
}

const lock = readFileSync(join(top, 'package-lock.json'), 'utf8');
if (/"resolved"|https?:\/\/[^"]*registry/.test(lock))
  problems.push('package-lock.json names a registry host');

for (const folder of ['lib', 'types', 'test', 'scripts', 'src-native']) {
  for (const file of filesBelow(folder)) {
    const text = readFileSync(join(top, file), 'utf8');
    if (text.includes(`${top}/`)) problems.push(`${file}: holds the absolute path of this clone`);
  }
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
