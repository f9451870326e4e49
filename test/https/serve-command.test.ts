// The command serve, as a process of its own.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t from 'tap';

import { RunningCommand } from '../helpers/command';
import { credentials } from '../sockets/support';

const trust = credentials(t);
const { folder, server: identity } = trust;
const caFile = trust.maker.authority.certFile;
const root = join(folder, 'served');
mkdirSync(join(root, 'a folder'), { recursive: true });
writeFileSync(join(root, 'index.html'), '<h1>');
writeFileSync(join(root, 'a folder', '<i>.txt'), 'text');
writeFileSync(join(root, 'a folder', '.hidden'), 'text');
writeFileSync(join(root, 'page.html'), 'plain');
writeFileSync(join(root, 'page.html.br'), 'brotli');
writeFileSync(join(root, 'page.html.gz'), 'gzip');
symlinkSync('/etc', join(root, 'etc'));

async function start(t: Tap, options: string[] = [], given = identity): Promise<Served> {
  const args = ['serve', root, '--listen', '127.0.0.1:0', '--cert', given.certFile, '--key', given.keyFile];
  const command = new RunningCommand([...args, ...options]);
  t.teardown(() => command.kill('SIGKILL'));
  const { port } = await command.event('listening');
  const curl = (path: string, ...more: string[]) =>
    execFileSync(
      'curl',
      ['-s', '-S', '-i', '--cacert', caFile, ...more, `https://localhost:${port}${path}`],
      {
        encoding: 'utf8',
      },
    );
  return { command, port, curl };
}
type Tap = { teardown(handler: () => unknown): void };
interface Served {
  command: RunningCommand;
  port: number;
  curl(path: string, ...more: string[]): string;
}

t.test('files are served to curl, folders only as it is told', async (t) => {
  const { curl } = await start(t);
  t.match(curl('/'), /^HTTP\/1.1 200 OK\r\n(.+\r\n)*\r\n<h1>$/);
  t.match(curl('/a%20folder/%3Ci%3E.txt'), /\r\n\r\ntext$/);
  t.match(curl('/a%20folder/'), /^HTTP\/1.1 404 /);
  t.match(curl('/a%20folder/.hidden'), /^HTTP\/1.1 404 /);
  t.match(curl('/etc/passwd'), /^HTTP\/1.1 404 /);
  t.match(curl('/', '-X', 'POST'), /^HTTP\/1.1 405 .*\r\nAllow: GET, HEAD\r\n/);
  t.match(curl('/page.html', '-H', 'Accept-Encoding: br'), /plain$/);
});

t.test('--index lists folders, --dotfiles and --precompressed do what they say', async (t) => {
  const { curl } = await start(t, ['--index', '--dotfiles', '--precompressed', '--max-age', '60']);
  t.match(curl('/'), /<h1>$/);
  const page = curl('/a%20folder/');
  t.match(page, /<a href="\.\/%3Ci%3E\.txt">&lt;i&gt;\.txt<\/a>/);
  t.notMatch(page, /hidden/);
  t.match(curl('/etc/'), /^HTTP\/1.1 404 /);
  t.match(curl('/a%20folder/.hidden'), /\r\n\r\ntext$/);
  t.match(curl('/page.html'), /Vary: Accept-Encoding\r\n(.+\r\n)*\r\nplain$/);
  t.match(curl('/page.html', '-H', 'Accept-Encoding: gzip'), /Content-Encoding: gzip\r\n(.+\r\n)*\r\ngzip$/);
  const both = curl('/page.html', '-H', 'Accept-Encoding: gzip;q=0.5, br');
  t.match(both, /Cache-Control: public, max-age=60\r\n(.+\r\n)*\r\nbrotli$/);
  t.match(both, /Content-Type: text\/html; charset=utf-8\r\n/);
});

t.test('--index lists no folder that has an index.html, though it cannot be opened', async (t) => {
  const { curl } = await start(t, ['--index']);
  for (const [folder, target, status] of [
    ['outside', '/etc/hostname', 404],
    ['loop', 'index.html', 404],
    ['nowhere', 'missing', 200],
  ] as const) {
    mkdirSync(join(root, folder));
    symlinkSync(target, join(root, folder, 'index.html'));
    t.match(curl(`/${folder}/`), new RegExp(`^HTTP/1.1 ${status} `), folder);
  }
});

t.test('SIGHUP changes the certificate, and connections stay', async (t) => {
  const mine = { ...identity, certFile: join(folder, 'mine.pem'), keyFile: join(folder, 'mine.key') };
  copyFileSync(identity.certFile, mine.certFile);
  copyFileSync(identity.keyFile, mine.keyFile);
  const { command, port } = await start(t, [], mine);
  const fingerprint = async (): Promise<{ socket: TLSSocket; print: string }> => {
    const socket = connect({ host: '127.0.0.1', port, ca: trust.ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    return { socket, print: socket.getPeerCertificate().fingerprint256 };
  };
  const old = await fingerprint();
  const next = trust.maker.issue('next', 'DNS:localhost');
  copyFileSync(next.certFile, mine.certFile);
  copyFileSync(next.keyFile, mine.keyFile);
  command.kill('SIGHUP');
  for (;;) {
    const now = await fingerprint();
    now.socket.destroy();
    if (now.print !== old.print) break;
  }
  old.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [data] = await once(old.socket, 'data');
  t.match(String(data), /^HTTP\/1.1 200 OK/);
  old.socket.destroy();
});

t.test('SIGTERM waits for what is being answered', async (t) => {
  writeFileSync(join(root, 'large'), Buffer.alloc(64 * 1024 * 1024));
  const { command, port } = await start(t);
  const sent = request({ host: '127.0.0.1', port, ca: trust.ca, path: '/large' }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  command.kill('SIGTERM');
  await command.event('warning');
  let received = 0;
  response.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(response, 'end');
  t.equal(received, 64 * 1024 * 1024);
  t.equal((await command.ended).status, 143);
  t.match(command.last, { event: 'result', ok: true, requests: 1, connections: 1, failed: 0 });
});
