// HTTPS on the kernel's record layer, in the guest; natively, where it may be missing, on ours alone.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
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

  t.test(`kernel: '${kernel}': the head of a response shares its record with the file`, async (t) => {
    const { port } = await serve(t, { ...identity, kernel }, (req, res) => {
      sendFile(req, res, req.url as string, { root: folder });
    });
    const recordsOf = async (name: string) => {
      const records: number[] = [];
      const socket = connect({ host: '127.0.0.1', port, ca: trust.ca, servername: 'localhost' });
      // OpenSSL gives what one record holds.
      socket.on('data', (chunk: Buffer) => records.push(chunk.length));
      socket.write(`GET /${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await once(socket, 'end');
      return records;
    };
    const [whole, ...others] = await recordsOf('small');
    t.ok((whole as number) > files.small.length && others.length === 0, 'all of a small one');
    const [first] = await recordsOf('medium');
    t.equal(first, 16_384, 'the beginning of a longer one');
  });
}
