// Gives each declaration file of types/ its identical twin for ECMAScript modules: index.d.ts → index.d.mts.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { filesBelow, top } from './lib/run.mjs';

for (const name of filesBelow('types').filter((name) => name.endsWith('.d.ts'))) {
  copyFileSync(join(top, name), join(top, name.replace(/\.d\.ts$/, '.d.mts')));
}
