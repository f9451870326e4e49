// Scripts start the command often: what they do not need is not loaded.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

import { generateSecret } from '../../lib/secret';

const main = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

t.test('without a terminal, the library of the progress bar is not loaded', async (t) => {
  const args = [process.execPath, main, 'send', __dirname, '127.0.0.1:1'];
  const script = `
    process.argv = ${JSON.stringify(args)};
    process.on('exit', () => console.log(Object.keys(require.cache).join('\\n')));
    require(${JSON.stringify(main)});`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, KTLS_TRANSFER_SECRET: generateSecret() },
  });
  t.match(stderr, /ECONNREFUSED/);
  t.match(stdout, /output-plain/);
  t.notMatch(stdout, /cli-progress/);
});
