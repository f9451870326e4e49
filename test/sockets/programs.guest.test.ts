// Programs that others wrote at the other end, in both versions of TLS, on the kernel's record layer and on ours.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { connect, type KtlsSocket } from '../../lib/index';
import { freePort, start } from '../helpers/foreign-program';
import { placements } from '../helpers/guest';
import { CIPHERS, credentials, failure, listen, place, take, VERSIONS } from './support';

const trust = credentials(t);
const { ca, folder } = trust;
const { cert, key, certFile, keyFile } = trust.server;
const caFile = trust.maker.authority.certFile;
const content = randomBytes(700_001);
const file = join(folder, 'content');
writeFileSync(file, content);
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const kernel = placements[0] as 'require' | 'off';

const OPENSSL = { 'TLSv1.3': ['-tls1_3', '-ciphersuites'], 'TLSv1.2': ['-tls1_2', '-cipher'] };

/** How GnuTLS is told to have nothing else. */
const priority = (version: string, cipher: string) =>
  `NORMAL:-VERS-ALL:+VERS-${version.replace('v', '')}:-CIPHER-ALL:+${cipher.replaceAll('_', '-')}`;

async function head(socket: KtlsSocket): Promise<string> {
  let text = '';
  while (!text.endsWith('\r\n\r\n')) text += String(await take(socket, 1));
  return text;
}

/** Answers GET with the file, and PUT with the digest of what came. */
async function serve(socket: KtlsSocket): Promise<void> {
  const request = await head(socket);
  if (request.startsWith('GET')) {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\nConnection: close\r\n\r\n`);
    await socket.sendFile(file);
    socket.end();
    return;
  }
  const uploaded = await take(socket, Number(/content-length: (\d+)/i.exec(request)?.[1]));
  socket.end(`HTTP/1.1 201 Created\r\nContent-Length: 64\r\n\r\n${digest(uploaded)}`);
}

for (const version of VERSIONS) {
  for (const known of CIPHERS) {
    t.test(`openssl s_client and s_server, ${version}, ${known.cipher}`, async (t) => {
      const { port, next } = await listen(t, { cert, key, kernel });
      const only = [...OPENSSL[version], known[version]];
      const to = ['-connect', `127.0.0.1:${port}`, '-CAfile', caFile];
      const client = start(t, 'openssl', ['s_client', ...to, ...only, '-quiet']);
      client.stdin?.write('from openssl');
      const end = await next();
      t.match(end.record, { tx: place(kernel), rx: place(kernel), cipher: known.cipher });
      t.equal(String(await take(end, 12)), 'from openssl');
      end.end('from here');
      await client.says('from here');

      const files = ['-cert', certFile, '-key', keyFile];
      const server = start(t, 'openssl', ['s_server', '-accept', '127.0.0.1:0', ...files, ...only]);
      await server.says(/ACCEPT .*:\d+\n/);
      const free = Number(/ACCEPT .*:(\d+)\n/.exec(server.output())?.[1]);
      const socket = await connect({ host: 'localhost', port: free, ca, kernel });
      t.equal(socket.getProtocol(), version);
      t.match(socket.record, { tx: place(kernel), rx: place(kernel), cipher: known.cipher });
      socket.write('from here\n');
      await server.says('from here');
      server.stdin?.write('from openssl\n');
      t.equal(String(await take(socket, 13)), 'from openssl\n');
      socket.end();
      t.equal(await failure(socket), undefined);
    });

    t.test(`gnutls-serv and gnutls-cli, ${version}, ${known.cipher}`, async (t) => {
      const free = await freePort();
      // It would keep to itself what it says until it ends.
      const server = start(t, 'stdbuf', [
        ...[
          '-oL',
          'gnutls-serv',
          '--echo',
          '-p',
          String(free),
          '--priority',
          priority(version, known.cipher),
        ],
        ...['--x509certfile', certFile, '--x509keyfile', keyFile],
      ]);
      await server.says(`IPv4 0.0.0.0 port ${free}...done`);
      const socket = await connect({ host: '127.0.0.1', port: free, ca, kernel });
      t.equal(socket.getProtocol(), version);
      t.match(socket.record, { tx: place(kernel), rx: place(kernel), cipher: known.cipher });
      socket.write('a line\n');
      t.equal(String(await take(socket, 7)), 'a line\n');
      socket.destroy();

      const { port, next } = await listen(t, { cert, key, kernel });
      const client = start(t, 'gnutls-cli', [
        ...['--logfile=/dev/null', '--x509cafile', caFile, '--priority', priority(version, known.cipher)],
        ...['-p', String(port), 'localhost'],
      ]);
      client.stdin?.write('from gnutls\n');
      const end = await next();
      t.match(end.record, { tx: place(kernel), rx: place(kernel), cipher: known.cipher });
      t.equal(String(await take(end, 12)), 'from gnutls\n');
      await end.sendFile(file, { end: 99_999 });
      end.end('from here\n');
      await client.says('from here');
    });
  }

  t.test(`curl fetches and uploads, ${version}`, async (t) => {
    const { port } = await listen(t, { cert, key, kernel }, serve);
    const url = `https://localhost:${port}/`;
    const common = ['-sS', '--tlsv1.2', '--tls-max', version.replace('TLSv', ''), '--cacert', caFile];
    const curl = async (...args: string[]) => {
      const program = start(t, 'curl', [...common, ...args, url]);
      const ended = await once(program, 'close');
      t.same(ended, [0, null], program.output());
      return program.output();
    };
    await curl('-o', join(folder, 'fetched'));
    t.equal(digest(readFileSync(join(folder, 'fetched'))), digest(content));
    t.equal(await curl('-T', file, '-H', 'Expect:'), digest(content));
  });
}
