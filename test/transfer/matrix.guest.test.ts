// The same tree at the other end, whoever encrypts, with every cipher, mode and number of connections.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import type { CipherName, KernelPolicy } from '../../lib/native';
import type { SendTreeOptions } from '../../types/index';
import { CertificateMaker } from '../helpers/certificates';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { placements } from '../helpers/guest';
import { rsyncDifferences } from '../helpers/rsync';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';

const folder = temporaryFolder(t);
const source = join(folder, 'source');
const made = makeDataset(source, { files: 250, bytes: 2_000_000 });
const LARGE = 20 << 20;
// Small enough for blocks on every connection, and not a multiple of a record or of a chunk.
const blocks = { blockThreshold: (3 << 20) + 7 };
writeFileSync(join(source, 'large'), Buffer.alloc(LARGE, 'some content of a larger file. '));
writeFileSync(join(source, 'middling'), Buffer.alloc(300_001, 'x'));

// Blocks far smaller than what a key has left when its connection is replaced.
const single = join(folder, 'single');
mkdirSync(single);
writeFileSync(join(single, 'file'), Buffer.alloc(2 * LARGE, 'content of one large file. '));
const spent = { blockThreshold: 300_000, maxRecordsPerKey: 1024, connections: 2 };

mkdirSync(join(folder, 'certificates'));
const certificates = new CertificateMaker(join(folder, 'certificates'));
const server = certificates.issue('server', 'IP:127.0.0.1');
const client = certificates.issue('client', 'DNS:client');
const { cert: ca } = certificates.authority;

const CIPHERS: CipherName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];
type Test = { same: typeof t.same; match: typeof t.match };
const MODES = ['read-send', 'sendfile', 'splice'] as const;
const ends = placements.flatMap((sender) => placements.map((receiver) => [sender, receiver] as const));
let count = 0;

async function check(
  t: Test,
  [sender, receiver]: readonly [KernelPolicy, KernelPolicy],
  cipher: CipherName,
  sending: SendTreeOptions,
) {
  const destination = join(folder, `to ${count++}`);
  const { cert, key } = client;
  const both = await transfer(
    source,
    destination,
    { ca, cert, key, cipher, kernel: sender, ...blocks, ...sending },
    { ca, cert: server.cert, key: server.key, cipher, kernel: receiver },
  );
  t.same(compareTrees(source, destination), []);
  const { files, bytes } = { files: made.files + 2, bytes: made.bytes + LARGE + 300_001 };
  t.match(both.sent, { files, bytes, cipher, skipped: [] });
  t.match(both.received, { files, bytes, cipher, skipped: [] });
  const place = (policy: KernelPolicy) => (policy === 'require' ? 'kernel' : 'user');
  t.match(both.sent.record, { tx: place(sender), rx: place(sender) });
  t.match(both.received.record, { tx: place(receiver), rx: place(receiver) });
  return { ...both, destination };
}

for (const pair of ends) {
  t.test(`sender ${pair[0]}, receiver ${pair[1]}`, async (t) => {
    const zeroCopy = pair[0] === 'require';
    for (const cipher of CIPHERS) {
      for (const mode of MODES) {
        const verify = mode === 'read-send';
        const connections = mode === 'splice' ? 1 : 4;
        await t.test(`${cipher}, ${mode}`, async (t) => {
          const { sent, received, destination } = await check(t, pair, cipher, { mode, verify, connections });
          t.equal(sent.mode, zeroCopy ? mode : 'read-send');
          t.match([sent.verified, received.verified], [verify, verify]);
          if (cipher === CIPHERS[0]) t.same(rsyncDifferences(source, destination), []);
          rmSync(destination, { recursive: true });
        });
      }
    }

    await t.test('what is hashed is read, whatever the mode', async (t) => {
      const hashed = { mode: 'sendfile', verify: true } as const;
      const { sent, destination } = await check(t, pair, CIPHERS[0] as CipherName, hashed);
      rmSync(destination, { recursive: true });
      t.match(sent, { mode: 'read-send', verified: true });
    });

    await t.test('keys that are soon spent are changed, or their connections replaced', async (t) => {
      const destination = join(folder, `to ${count++}`);
      const { cert, key } = client;
      const { sent } = await transfer(
        single,
        destination,
        { ca, cert, key, kernel: pair[0], ...spent },
        { ca, cert: server.cert, key: server.key, kernel: pair[1], maxRecordsPerKey: 1024 },
      );
      t.same(compareTrees(single, destination), []);
      rmSync(destination, { recursive: true });
      // A kernel before 6.14 can neither change its keys nor follow a peer that does.
      if (pair.includes('require')) t.ok(sent.connections > 2, `${sent.connections} connections`);
      else t.ok(sent.connections <= 2, `${sent.connections} connections`);
    });
  });
}

t.test('without encryption', async (t) => {
  for (const mode of MODES) {
    const destination = join(folder, `plain ${mode}`);
    const plain = { encryption: 'none', insecure: true } as const;
    const { sent } = await transfer(source, destination, { ...plain, mode, verify: false }, plain);
    t.same(compareTrees(source, destination), []);
    t.match(sent, { cipher: null, mode });
    rmSync(destination, { recursive: true });
  }
});
