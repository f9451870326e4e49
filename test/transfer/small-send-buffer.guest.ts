// A system whose TCP send buffers are smaller than a segment: no mode may wait for room that never comes.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { compareTrees } from '../helpers/compare-trees';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';

const LIMIT = '/proc/sys/net/ipv4/tcp_wmem';
const before = readFileSync(LIMIT, 'utf8');
writeFileSync(LIMIT, '4096 16384 16384');
t.teardown(() => writeFileSync(LIMIT, before));

const folder = temporaryFolder(t);
const source = join(folder, 'source');
mkdirSync(source);
writeFileSync(join(source, 'large'), Buffer.alloc(8 << 20, 'some content of a larger file. '));

const protections = {
  kTLS: { secret: 'a secret of thirty-two characters', kernel: 'require' },
  plaintext: { encryption: 'none', insecure: true },
} as const;

for (const mode of ['read-send', 'sendfile', 'splice'] as const) {
  for (const [protection, ends] of Object.entries(protections)) {
    t.test(`${mode}, ${protection}`, async (t) => {
      const destination = join(folder, `${mode} ${protection}`);
      const { sent } = await transfer(source, destination, { ...ends, mode, verify: false }, ends);
      t.equal(sent.mode, mode);
      t.same(compareTrees(source, destination), []);
    });
  }
}
