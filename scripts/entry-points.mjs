// What ECMAScript modules need of a CommonJS package, for each entry point in package.json's "exports": dist/x.mjs,
// which exports the very classes and functions of dist/x.js, not copies of them. And for each declaration file its
// identical twin: types/x.d.ts → types/x.d.mts.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

import { filesBelow, top } from './lib/run.mjs';

const require = createRequire(import.meta.url);

for (const entry of Object.values(JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).exports)) {
  if (typeof entry === 'string') continue; // package.json itself
  const names = Object.keys(require(join(top, entry.require.default))).sort();
  const from = `./${basename(entry.require.default)}`;
  writeFileSync(join(top, entry.import.default), `export { ${names.join(', ')} } from '${from}';\n`);
}

for (const name of filesBelow('types').filter((name) => name.endsWith('.d.ts'))) {
  copyFileSync(join(top, name), join(top, name.replace(/\.d\.ts$/, '.d.mts')));
}
