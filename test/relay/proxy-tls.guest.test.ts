// TLS ends or begins at the proxy: against curl, openssl and node:tls, with each record layer.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { freePort } from '../helpers/foreign-program';
import { placements } from '../helpers/guest';
import {
  certificates,
  dial,
  echo,
  hash,
  program,
  proxy,
  randomBytes,
  readAll,
  readBytes,
  run,
  serve,
  TLS_MODES,
} from './support';

for (const kernel of placements) {
  t.test(`kernel: '${kernel}'`, async (t) => {
    t.test('curl fetches and sends by https what the server behind has and takes by http', async (t) => {
      const { authority, server } = await certificates(t);
      const body = randomBytes(2_000_000);
      const http = createServer(async (request, response) => {
        if (request.method === 'GET') {
          response.end(body);
          return;
        }
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        response.end(hash(Buffer.concat(chunks)));
      }).listen(0, '127.0.0.1');
      await once(http, 'listening');
      t.teardown(() => http.close().closeAllConnections());
      const { port: target } = http.address() as AddressInfo;
      for (const mode of TLS_MODES) {
        const tls = { cert: server.cert, key: server.key };
        const { server: front, port } = await proxy(t, { target: `127.0.0.1:${target}`, tls, kernel, mode });
        const results: unknown[] = [];
        front.on('connectionEnd', (result) => results.push(result));
        const url = `https://localhost:${port}/`;
        const curl = ['-sS', '--fail', '--http1.1', '--tlsv1.3', '--cacert', authority.certFile];
        const got = await run('curl', [...curl, url]);
        t.match(got, { status: 0, stderr: '' });
        t.equal(hash(got.stdout), hash(body), `${mode}: download`);
        const sent = await run('curl', [...curl, '-H', 'Expect:', '--data-binary', '@-', url], body);
        t.match(sent, { status: 0, stderr: '' });
        t.equal(sent.stdout.toString(), hash(body), `${mode}: upload`);
        await front.close();
        t.equal(results.length, 2);
        const placement = kernel === 'require' ? 'kernel' : 'user';
        t.match(results[0], { recordA: { tx: placement, rx: placement }, recordB: null });
      }
    });

    t.test('openssl s_client sees its own bytes come back, and an orderly end', async (t) => {
      const { authority, server } = await certificates(t);
      const text = `${randomBytes(100_000).toString('base64')}\n`;
      const { port: target } = await serve(t, async (socket) => {
        socket.end(await readBytes(socket, text.length));
      });
      const tls = { cert: server.cert, key: server.key };
      const { port } = await proxy(t, { target: `127.0.0.1:${target}`, tls, kernel });
      const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', authority.certFile];
      const options = ['-quiet', '-verify_return_error', '-tls1_3'];
      const { status, stdout } = await run('openssl', [...args, ...options], text);
      t.equal(status, 0);
      t.equal(stdout.toString(), text);
    });

    t.test('a half-closed TLS client still gets its answer', async (t) => {
      const { authority, server } = await certificates(t);
      const { port: target } = await serve(t, async (socket) => {
        const request = await readAll(socket);
        socket.end(hash(request));
      });
      const tls = { cert: server.cert, key: server.key };
      const { port } = await proxy(t, { target: `127.0.0.1:${target}`, tls, kernel });
      const client = connectTls({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: authority.cert,
        allowHalfOpen: true,
      } as never);
      await once(client, 'secureConnect');
      const request = randomBytes(500_000);
      client.end(request);
      t.equal((await readAll(client)).toString(), hash(request));
    });

    t.test('curl fetches by http what openssl s_server and a node:tls server have by https', async (t) => {
      const { authority, folder, server } = await certificates(t);
      const content = randomBytes(1_000_000);
      writeFileSync(join(folder, 'file'), content);
      const target = await freePort();
      const { certFile, keyFile } = server;
      const args = ['s_server', '-accept', `127.0.0.1:${target}`, '-cert', certFile, '-key', keyFile];
      await program(t, 'sh', ['-c', `cd '${folder}' && exec openssl ${args.join(' ')} -WWW -quiet`], target);
      const connectTls = { ca: authority.cert };
      for (const mode of TLS_MODES) {
        const { port } = await proxy(t, { target: `localhost:${target}`, connectTls, kernel, mode });
        const got = await run('curl', ['-sS', '--fail', '--http0.9', `http://127.0.0.1:${port}/file`]);
        t.match(got, { status: 0, stderr: '' });
        t.equal(hash(got.stdout), hash(content), mode);
      }
    });

    t.test('two proxies carry plain TCP over TLS between them, both ways and half-closed', async (t) => {
      const { authority, server } = await certificates(t);
      const { port: target } = await echo(t);
      for (const other of placements) {
        for (const mode of TLS_MODES) {
          const tls = { cert: server.cert, key: server.key };
          const far = await proxy(t, { target: `127.0.0.1:${target}`, tls, kernel: other, mode });
          const connectTls = { ca: authority.cert };
          const near = await proxy(t, { target: `localhost:${far.port}`, connectTls, kernel, mode });
          const client = await dial(t, near.port);
          const data = randomBytes(600_000);
          client.end(data);
          t.equal(hash(await readAll(client)), hash(data), `${kernel} to ${other}, ${mode}`);
        }
      }
    });

    t.test('sockmap is refused where there is TLS', async (t) => {
      const { authority, server } = await certificates(t);
      const { port: target } = await echo(t);
      const tls = { cert: server.cert, key: server.key };
      const { server: front, port } = await proxy(t, { target, tls, kernel, mode: 'sockmap' });
      const failed = once(front, 'connectionError');
      const client = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert });
      client.on('error', () => {});
      t.match(await failed, [{ code: 'ERR_KTLS_SOCKMAP_UNAVAILABLE' }]);
    });
  });
}
