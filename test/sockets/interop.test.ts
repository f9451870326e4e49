// Programs that others wrote at the other end, with much to send: curl, nginx, gnutls.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import t from 'tap';

import { connect, type KtlsSocket } from '../../lib/index';
import { freePort, start } from '../helpers/foreign-program';
import { collect, credentials, listen, take } from './support';

const trust = credentials(t);
const { ca, folder } = trust;
const { cert, key, certFile, keyFile } = trust.server;
const caFile = trust.maker.authority.certFile;

const SIZE = 64 * 1024 * 1024;
const LARGE = 16 * SIZE;
const file = join(folder, 'payload');
const content = Buffer.concat(Array(64).fill(randomBytes(SIZE / 64)));
writeFileSync(file, content);

/** Until something listens there. */
async function reach(port: number): Promise<KtlsSocket> {
  for (;;) {
    const socket = await connect({ host: 'localhost', port, ca }).catch((error) => {
      if (error.code !== 'ECONNREFUSED') throw error;
    });
    if (socket) return socket;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function head(socket: KtlsSocket): Promise<string> {
  let text = '';
  while (!text.endsWith('\r\n\r\n')) text += String(await take(socket, 1));
  return text;
}

/** 1 GiB of which no part is like another, and its SHA-256. */
function writeLarge(path: string): string {
  const hash = createHash('sha256');
  const block = Buffer.from(content);
  const fd = openSync(path, 'w');
  for (let index = 0; index < LARGE / SIZE; index += 1) {
    for (let at = 0; at < SIZE; at += SIZE / 64) block.writeUInt32BE(index, at);
    hash.update(block);
    writeSync(fd, block);
  }
  closeSync(fd);
  return hash.digest('hex');
}

t.test('curl fetches 1 GiB that sendFile() sends, and uploads it', async (t) => {
  const large = join(folder, 'large');
  t.teardown(() => rmSync(large));
  const digest = writeLarge(large);
  let uploaded = '';
  const { port } = await listen(t, { cert, key }, async (socket) => {
    const request = await head(socket);
    if (request.startsWith('GET')) {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\nConnection: close\r\n\r\n`);
      await socket.sendFile(large);
      socket.end();
      return;
    }
    let left = Number(/content-length: (\d+)/i.exec(request)?.[1]);
    const hash = createHash('sha256');
    socket.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      hash.update(chunk);
      if (left > 0) return;
      uploaded = hash.digest('hex');
      socket.end('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const url = `https://localhost:${port}/`;
  const download = spawn('curl', ['-sS', '--cacert', caFile, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => download.kill('SIGKILL'));
  const ended = once(download, 'close');
  const fetched = createHash('sha256');
  await pipeline(download.stdout, fetched);
  t.same(await ended, [0, null]);
  t.equal(fetched.digest('hex'), digest);
  const upload = start(t, 'curl', ['-sS', '--cacert', caFile, '-T', large, '-H', 'Expect:', url]);
  t.same(await once(upload, 'close'), [0, null], upload.output());
  t.equal(uploaded, digest);
});

t.test('nginx serves a file', async (t) => {
  const port = await freePort();
  const prefix = join(folder, 'nginx');
  mkdirSync(prefix);
  writeFileSync(
    join(prefix, 'nginx.conf'),
    `daemon off; master_process off; pid nginx.pid; error_log stderr;
     events {}
     http {
       access_log off;
       client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
       server {
         listen 127.0.0.1:${port} ssl;
         ssl_protocols TLSv1.3; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};
         root ${folder};
       }
     }`,
  );
  const nginx = start(t, 'nginx', ['-p', prefix, '-c', join(prefix, 'nginx.conf')]);
  const failed = once(nginx, 'close').then(() => {
    throw new Error(nginx.output());
  });
  failed.catch(() => {});
  const socket = (await Promise.race([reach(port), failed])) as KtlsSocket;
  socket.write('GET /payload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  t.match(await head(socket), /^HTTP\/1.1 200/);
  t.ok((await collect(socket)).equals(content));
  const first = await reach(port);
  const [session] = await once(first, 'session');
  first.destroy();
  const second = await connect({ host: 'localhost', port, ca, session });
  t.equal(second.isSessionReused(), true);
  second.destroy();
});

t.test('gnutls-cli sends a file and gets it back', async (t) => {
  const { port } = await listen(t, { cert, key }, (socket) => {
    pipeline(socket, socket).catch(() => {});
  });
  const client = start(t, 'gnutls-cli', [
    '--logfile=/dev/null',
    '--x509cafile',
    caFile,
    '-p',
    String(port),
    'localhost',
  ]);
  const hash = createHash('sha256');
  let received = 0;
  client.stdout?.removeAllListeners('data');
  const sent = content.subarray(0, 1024 * 1024);
  const done = new Promise<void>((resolve) => {
    client.stdout?.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      received += chunk.length;
      if (received >= sent.length) resolve();
    });
  });
  client.stdin?.write(sent);
  await done;
  t.equal(received, sent.length);
  t.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
});
