// HTTPS on the kernel's record layer, in the guest; natively, where it may be missing, on ours alone.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

import { sendFile } from '../../lib/https';
import type { KtlsSocket } from '../../lib/socket/ktls-socket';
import { placements } from '../helpers/guest';
import { credentials } from '../sockets/support';
import { serve } from './support';

const trust = credentials(t);
const { folder, server: identity } = trust;
const run = promisify(execFile);
const files = { small: randomBytes(5000), medium: randomBytes(200_001), large: randomBytes(3_000_000) };
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);

for (const kernel of placements) {
  t.test(`kernel: '${kernel}': files, ranges and text on one connection of curl`, async (t) => {
    const places = new Set<string>();
    let connections = 0;
    const { server, port } = await serve(t, { ...identity, kernel }, (req, res) => {
      places.add((req.socket as unknown as KtlsSocket).record.tx);
      if (req.url === '/text') res.end('text');
      else sendFile(req, res, req.url as string, { root: folder });
    });
    server.on('secureConnection', () => {
      connections += 1;
    });
    const out = (name: string) => join(folder, `${name}.out`);
    const url = (path: string) => `https://localhost:${port}/${path}`;
    const args = ['-sS', '--fail', '--cacert', trust.maker.authority.certFile];
    for (const name of [...Object.keys(files), 'text']) args.push('-o', out(name), url(name));
    args.push('--next', '-sS', '--fail', '--cacert', trust.maker.authority.certFile);
    args.push('-r', '1000-150000', '-o', out('range'), url('medium'));
    await run('curl', args);
    for (const [name, content] of Object.entries(files)) t.ok(readFileSync(out(name)).equals(content), name);
    t.equal(readFileSync(out('text'), 'utf8'), 'text');
    t.ok(readFileSync(out('range')).equals(files.medium.subarray(1000, 150_001)));
    t.equal(connections, 1);
    t.same([...places], [kernel === 'require' ? 'kernel' : 'user']);
  });
}
