// UNIX sockets, which node:tls and node:https take wherever they take a port: there is no TCP below the records.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import t from 'tap';

import { createServer as createHttpsServer, sendFile } from '../../lib/https';
import { connect, createServer } from '../../lib/index';
import { credentials } from './support';

const { ca, folder, maker, server: identity } = credentials(t);
const { cert, key } = identity;
const content = randomBytes(3_000_000);
const file = join(folder, 'file');
writeFileSync(file, content);

t.test('a server and a client of ours, and a file between them', async (t) => {
  const path = join(folder, 'ours');
  const server = createServer({ cert, key }, (socket) => {
    socket.setNoDelay().setKeepAlive(true, 1000);
    t.equal(socket.remoteAddress, undefined);
    socket.sendFile(file).then(() => socket.end());
  });
  t.teardown(() => server[Symbol.asyncDispose]());
  server.listen(path);
  await once(server, 'listening');
  t.equal(server.address(), path);
  const client = await connect({ path, ca, servername: 'localhost' });
  t.match(client.record, { tx: 'user', rx: 'user' });
  t.ok((await buffer(client)).equals(content));
});

t.test('a server of node:tls', async (t) => {
  const path = join(folder, 'theirs');
  const server = createTlsServer({ cert, key }, (socket) => socket.pipe(socket)).listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const client = await connect({ path, ca });
  client.end('there and back');
  t.equal((await buffer(client)).toString(), 'there and back');
});

t.test('HTTPS, asked by node:https and by curl', async (t) => {
  const path = join(folder, 'https');
  const server = createHttpsServer(identity, (req, res) => sendFile(req, res, file)).listen(path);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  const sent = request({ socketPath: path, ca, servername: 'localhost', agent: false }).end();
  const [response] = await once(sent, 'response');
  t.ok((await buffer(response)).equals(content));
  const { certFile } = maker.authority;
  const args = ['-sS', '--fail', '--cacert', certFile, '--unix-socket', path, 'https://localhost/'];
  const got = await promisify(execFile)('curl', args, { encoding: 'buffer', maxBuffer: 2 * content.length });
  t.ok(got.stdout.equals(content));
});

t.test('where nobody listens, the path is named', async (t) => {
  const path = join(folder, 'none');
  await t.rejects(connect({ path, ca }), { code: 'ENOENT', message: new RegExp(`^${path}: ENOENT`) });
});
