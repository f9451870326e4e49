// TLS 1.2, for peers and kernels that know no more: against programs that others wrote, on the kernel's record
// layer and on ours.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';

import { connect, createServer } from '../../lib/index';
import { placements } from '../helpers/guest';
import { collect, credentials, failure, listen, nodeServer, pair, take } from './support';

const trust = credentials(t);
const { ca, folder } = trust;
const { cert, key, certFile, keyFile } = trust.server;
const caFile = trust.maker.authority.certFile;
const content = randomBytes(700_001);
const file = join(folder, 'content');
writeFileSync(file, content);

const SUITES = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'];
const maxVersion = 'TLSv1.2' as const;
const strict = placements[0] as 'require' | 'off';
const place = (policy: string) => (policy === 'require' ? 'kernel' : 'user');
const listed = (suite: string) => `ECDHE-ECDSA-${suite}:ECDHE-RSA-${suite}`;

function start(
  t: { teardown(handler: () => unknown): void },
  command: string,
  args: string[],
): ChildProcess & { output(): string; says(text: string | RegExp): Promise<void> } {
  const child = spawn(command, args);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
      child.emit('said');
    });
  }
  child.once('close', () => child.emit('said'));
  t.teardown(() => child.kill('SIGKILL'));
  const says = async (text: string | RegExp) => {
    while (typeof text === 'string' ? !output.includes(text) : !text.test(output)) {
      if (child.exitCode !== null) throw new Error(`${command} ended: ${output}`);
      await once(child, 'said');
    }
  };
  return Object.assign(child, { output: () => output, says });
}

for (const atClient of placements) {
  for (const atServer of placements) {
    for (const suite of atClient === atServer ? SUITES : SUITES.slice(0, 1)) {
      t.test(`${suite}, kernel: '${atClient}' to kernel: '${atServer}'`, async (t) => {
        const { client, server } = await pair(
          t,
          trust,
          { kernel: atClient, maxVersion },
          { kernel: atServer, ciphers: listed(suite) },
        );
        t.equal(client.getProtocol(), 'TLSv1.2');
        t.equal(server.getProtocol(), 'TLSv1.2');
        t.match(client.getCipher().name, suite);
        t.match(client.record.cipher.replaceAll('_', ''), suite.replaceAll('-', ''));
        t.match(client.record, { tx: place(atClient), rx: place(atClient) });
        t.match(server.record, { tx: place(atServer), rx: place(atServer) });
        const [up, down] = [collect(server), collect(client)];
        client.write('before');
        t.equal(await client.sendFile(file, { start: 1 }), content.length - 1);
        client.end('after');
        server.write(content);
        server.sendFile(file, { end: 99 }).catch(() => {});
        server.end();
        const sent = [Buffer.from('before'), content.subarray(1), Buffer.from('after')];
        t.ok((await up).equals(Buffer.concat(sent)));
        t.ok((await down).equals(Buffer.concat([content, content.subarray(0, 100)])));
      });
    }
  }
}

for (const suite of SUITES) {
  t.test(`openssl s_client and s_server, ${suite}`, async (t) => {
    const { port, next } = await listen(t, { cert, key, kernel: strict });
    const only = ['-tls1_2', '-cipher', listed(suite), '-quiet'];
    const to = ['-connect', `127.0.0.1:${port}`, '-CAfile', caFile];
    const client = start(t, 'openssl', ['s_client', ...to, ...only]);
    client.stdin?.write('from openssl');
    const end = await next();
    t.match(end.getCipher().name, suite);
    t.match(end.record, { tx: place(strict), rx: place(strict) });
    t.equal(String(await take(end, 12)), 'from openssl');
    end.end('from here');
    await client.says('from here');

    const files = ['-cert', certFile, '-key', keyFile];
    const server = start(t, 'openssl', [
      's_server',
      ...['-accept', '127.0.0.1:0', ...files],
      ...only.filter((option) => option !== '-quiet'),
    ]);
    await server.says(/ACCEPT .*:\d+/);
    const free = Number(/ACCEPT .*:(\d+)/.exec(server.output())?.[1]);
    const socket = await connect({ host: 'localhost', port: free, ca, kernel: strict });
    t.match(socket.getCipher(), { version: 'TLSv1.2' });
    socket.write('from here\n');
    await server.says('from here');
    server.stdin?.write('from openssl\n');
    t.equal(String(await take(socket, 13)), 'from openssl\n');
    socket.end();
    t.equal(await failure(socket).then((error) => error?.code ?? 'none'), 'none');
  });
}

t.test('node:tls at the other end, in both roles, with sessions that resume', async (t) => {
  const { port, next } = await listen(t, { cert, key, kernel: strict });
  let session: Buffer | undefined;
  for (const reused of [false, true]) {
    const foreign = connectTls({ host: 'localhost', port, ca, maxVersion, ...(session ? { session } : {}) });
    await once(foreign, 'secureConnect');
    session = foreign.getSession();
    const end = await next();
    t.equal(end.isSessionReused(), reused);
    end.pipe(end);
    const echoed = collect(foreign);
    foreign.end(content);
    t.ok((await echoed).equals(content));
  }
  const node = await nodeServer(t, { cert, key, maxVersion }, (socket) => socket.pipe(socket));
  const first = await connect({ host: 'localhost', port: node, ca, kernel: strict });
  const [ticket] = await once(first, 'session');
  const keys = (socket: typeof first) => socket.exportKeyingMaterial(16, 'x', Buffer.alloc(0));
  const firstKeys = keys(first);
  first.end(content);
  t.ok((await collect(first)).equals(content));
  const second = await connect({ host: 'localhost', port: node, ca, session: ticket, kernel: strict });
  t.equal(second.isSessionReused(), true);
  t.notSame(keys(second), firstKeys);
  second.end(content);
  t.ok((await collect(second)).equals(content));
});

t.test('client certificates are judged, and a refusal is told by an alert', async (t) => {
  const options = { cert, key, ca, requestCert: true, maxVersion, kernel: strict };
  const { port, next, server } = await listen(t, options);
  const good = await connect({ host: 'localhost', port, ca, ...trust.client, kernel: strict });
  const end = await next();
  t.equal(end.authorized, true);
  t.match(end.getPeerCertificate().subject, { CN: 'client' });
  good.destroy();
  const refused = once(server, 'tlsClientError');
  const bad = connectTls({ host: 'localhost', port, ca });
  const [error] = await once(bad, 'error');
  t.match(error.code, /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|ALERT/);
  t.match((await refused)[0], { code: 'ERR_KTLS_CERTIFICATE' });
  // And a server that we do not trust hears so.
  const node = await nodeServer(t, { cert, key, maxVersion }, () => {});
  await t.rejects(connect({ host: 'localhost', port: node }), { code: 'ERR_KTLS_CERTIFICATE' });
});

t.test('a renegotiation is refused', async (t) => {
  const { port, next } = await listen(t, { cert, key, kernel: strict });
  const client = start(t, 'openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-tls1_2',
    '-legacy_renegotiation',
  ]);
  const end = await next();
  end.on('error', () => {});
  client.stdin?.write('first\n');
  t.equal(String(await take(end, 6)), 'first\n');
  client.stdin?.write('R\n');
  await client.says(/no renegotiation/);
});

t.test('a key that is spent: nothing can change it', async (t) => {
  const { port } = await listen(t, { cert, key, kernel: strict, maxVersion }, (socket) => {
    socket.on('error', () => {}).resume();
  });
  const spent = await connect({ host: 'localhost', port, ca, kernel: strict, maxRecordsPerKey: 16 });
  spent.on('error', () => {});
  spent.end(content);
  t.match(await failure(spent), { code: 'ERR_KTLS_LIMIT', message: /TLS 1\.2|kernel/ });
});

t.test('curl and gnutls fetch what sendFile() sends', async (t) => {
  const { port } = await listen(t, { cert, key, kernel: strict }, async (socket) => {
    let head = '';
    while (!head.endsWith('\r\n\r\n')) head += String(await take(socket, 1));
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\nConnection: close\r\n\r\n`);
    await socket.sendFile(file);
    socket.end();
  });
  const fetched = join(folder, 'fetched');
  const url = `https://localhost:${port}/`;
  const curl = start(t, 'curl', ['-sS', '--tls-max', '1.2', '--cacert', caFile, '-o', fetched, url]);
  t.same(await once(curl, 'close'), [0, null], curl.output());
  t.ok(readFileSync(fetched).equals(content));
  const gnutls = spawn('gnutls-cli', [
    ...['--logfile=/dev/null', '--x509cafile', caFile, '--priority', 'NORMAL:-VERS-TLS1.3'],
    ...['-p', String(port), 'localhost'],
  ]);
  t.teardown(() => gnutls.kill('SIGKILL'));
  gnutls.stdin.write('GET / HTTP/1.1\r\n\r\n');
  const received = await collect(gnutls.stdout);
  t.ok(received.subarray(-content.length).equals(content));
});

t.test(
  'minVersion and maxVersion are followed; what the record layers do not know is never agreed on',
  async (t) => {
    const { port } = await listen(t, { cert, key, minVersion: 'TLSv1.3' }, (socket) => socket.resume());
    const old = connectTls({ host: 'localhost', port, ca, maxVersion });
    t.equal((await once(old, 'error'))[0].code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    const { port: both, next } = await listen(t, { cert, key, ciphers: 'ALL' });
    const cbc = connectTls({
      host: 'localhost',
      port: both,
      ca,
      maxVersion,
      ciphers: 'ECDHE-ECDSA-AES128-SHA',
    });
    t.match((await once(cbc, 'error'))[0].code, /HANDSHAKE_FAILURE/);
    const gcm = connectTls({ host: 'localhost', port: both, ca, maxVersion });
    t.equal((await next()).getProtocol(), 'TLSv1.2');
    gcm.destroy();
    for (const wrong of [{ maxVersion: 'TLSv1.1' }, { minVersion: 'TLSv1' }, { maxVersion: 'x' }]) {
      t.throws(() => createServer({ cert, key, ...(wrong as object) }), { code: 'ERR_KTLS_INVALID_OPTION' });
    }
  },
);
