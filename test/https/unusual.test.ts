// sendFile() where the program, or the client, does what few do.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect as connectHttp2, constants, createSecureServer as createHttp2Server } from 'node:http2';
import { Agent, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t from 'tap';

import { sendFile } from '../../lib/https';
import type { SendFileOptions } from '../../types/https';
import { timesOpen } from '../helpers/times-open';
import { until } from '../helpers/until';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder } = credentials(t);
const root = join(folder, 'root');
mkdirSync(join(root, 'sub'), { recursive: true });
const path = join(root, 'file.bin');
const content = randomBytes(100_000);
writeFileSync(path, content);
writeFileSync(`${path}.br`, 'brotli');
writeFileSync(`${path}.gz`, 'gzip');

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

async function get(port: number, options: RequestOptions): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, ca, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

const send =
  (options: SendFileOptions = {}): RequestListener =>
  (req, res) =>
    sendFile(req, res, req.url as string, { root, ...options });

t.test('a body goes out as its head says, whoever has a hand in that', async (t) => {
  const { port } = await serve(t, identity, (req, res) => {
    // As middleware that waits for the head does.
    const { writeHead } = res;
    res.writeHead = ((status: number) => {
      res.removeHeader('Content-Length');
      return writeHead.call(res, status);
    }) as typeof writeHead;
    sendFile(req, res, '/file.bin', { root, headers: { ETag: '"x"' } });
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  for (let turn = 0; turn < 3; turn++) {
    const { headers, body } = await get(port, { agent, path: '/chunks' });
    t.equal(headers['transfer-encoding'], 'chunked');
    t.ok(body.equals(content));
  }
});

t.test('a Transfer-Encoding that the program sets gives way to the length, which is known', async (t) => {
  const { port } = await serve(t, identity, send({ headers: { 'Transfer-Encoding': 'chunked' } }));
  for (let turn = 0; turn < 3; turn++) {
    const { headers, body } = await get(port, { path: '/file.bin' });
    t.same([headers['transfer-encoding'], headers['content-length']], [undefined, '100000']);
    t.ok(body.equals(content));
  }
});

t.test('a response that has no body gets none, though its request was made to look like a GET', async (t) => {
  const settled: Promise<void>[] = [];
  const { port } = await serve(t, identity, (req, res) => {
    req.method = 'GET';
    settled.push(sendFile(req, res, '/file.bin', { root }));
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  for (const method of ['HEAD', 'HEAD', 'GET']) {
    const { status, body } = await get(port, { agent, method });
    t.equal(status, 200);
    t.equal(body.length, method === 'HEAD' ? 0 : content.length);
  }
  await Promise.all(settled);
});

t.test('what somebody else answers while the file is opened leaves no file open', async (t) => {
  const codes: unknown[] = [];
  const answerTwice = (options: SendFileOptions) => (req: IncomingMessage, res: ServerResponse) => {
    sendFile(req, res, '/file.bin', { root, ...options }).catch(({ code }) => codes.push(code));
    res.writeHead(503).end('late');
  };
  // As the program sets an ETag, nothing is known of the answer before the file is open.
  for (const options of [{ headers: { ETag: '"x"' } }, { precompressed: true }]) {
    const { port } = await serve(t, identity, answerTwice(options));
    t.equal((await get(port, { headers: { 'Accept-Encoding': 'gzip' } })).body.toString(), 'late');
  }
  await until(() => codes.length === 2, 'both have been told');
  t.same(codes, ['ERR_HTTP_HEADERS_SENT', 'ERR_HTTP_HEADERS_SENT']);
  t.equal(timesOpen(path) + timesOpen(`${path}.gz`), 0);
});

t.test('a status that is none leaves no file open', async (t) => {
  const codes: unknown[] = [];
  const { port } = await serve(t, identity, (req, res) => {
    // The second answer is one that is remembered.
    if (req.url === '/bad') res.statusCode = 1_000_000;
    sendFile(req, res, '/file.bin', { root }).catch(({ code }) => {
      codes.push(code);
      res.statusCode = 500;
      res.end();
    });
  });
  t.equal((await get(port, { path: '/' })).status, 200);
  t.equal((await get(port, { path: '/bad' })).status, 500);
  t.same(codes, ['ERR_HTTP_INVALID_STATUS_CODE']);
  t.equal(timesOpen(path), 0);
});

t.test('a stream of HTTP/2 that is reset before its file is sent leaves no file open', async (t) => {
  let reset = 0;
  let settled = 0;
  const server = createHttp2Server(identity, (req, res) => {
    const { stream } = res;
    // As a program that looks something up first.
    stream.once('close', () => {
      reset++;
      sendFile(req as never, res as never, req.url, { root }).then(() => settled++);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const session = connectHttp2(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, { ca });
  t.teardown(() => {
    session.destroy();
    server.close();
  });
  const codes = [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL];
  for (const code of codes) {
    const stream = session.request({ ':path': '/file.bin' });
    stream.on('error', () => {});
    await once(server, 'request');
    stream.close(code);
  }
  await until(() => reset === codes.length, 'the server has heard of both');
  await until(() => settled === codes.length, 'both have been told');
  t.equal(timesOpen(path), 0);
});

t.test('of codings that a client likes as much, the smallest is sent', async (t) => {
  const { port } = await serve(t, identity, send({ precompressed: true }));
  for (const [accepted, sent] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['br;q=0.5, gzip', 'gzip'],
    ['gzip;q=0, br;q=0', undefined],
  ] as const) {
    const { headers } = await get(port, { path: '/file.bin', headers: { 'Accept-Encoding': accepted } });
    t.equal(headers['content-encoding'], sent, accepted);
    t.equal(headers.vary, 'Accept-Encoding');
  }
});

t.test('of a folder nothing compressed is sent, whatever lies in it or beside it', async (t) => {
  writeFileSync(join(root, '.br'), 'secret');
  writeFileSync(join(root, 'sub', '.gz'), 'secret');
  writeFileSync(join(root, 'sub.gz'), 'beside');
  const headers = { 'Accept-Encoding': 'gzip, br' };
  const { port } = await serve(t, identity, send({ precompressed: true, index: false }));
  for (const path of ['/', '/sub/', '/sub']) {
    t.equal((await get(port, { path, headers })).status, 404, path);
  }
  const indexed = await serve(t, identity, send({ precompressed: true }));
  t.equal((await get(indexed.port, { path: '/sub', headers })).headers.location, '/sub/');
  const unconfined = await serve(t, identity, (req, res) =>
    sendFile(req, res, join(root, 'sub/'), { precompressed: true }),
  );
  t.equal((await get(unconfined.port, { headers })).status, 404);
});

t.test('a compressed file is sent of one that is not there', async (t) => {
  writeFileSync(join(root, 'only.html.gz'), 'compressed');
  const { port } = await serve(t, identity, send({ precompressed: true }));
  const ask = (accepted: string) =>
    get(port, { path: '/only.html', headers: { 'Accept-Encoding': accepted } });
  t.match((await ask('gzip')).headers, { 'content-encoding': 'gzip', 'content-type': /html/ });
  t.equal((await ask('identity')).status, 404);
});

t.test('a folder without its slash is redirected to, on the same host, with the query', async (t) => {
  const { port } = await serve(t, identity, send());
  for (const [path, location] of [
    ['/sub', '/sub/'],
    ['/sub?a=b&c=%2F', '/sub/?a=b&c=%2F'],
    ['//sub', '/sub/'],
    ['/%73ub', '/%73ub/'],
    ['https://other.example/sub?x', '/sub/?x'],
  ] as const) {
    const { status, headers } = await get(port, { path });
    t.same([status, headers.location], [301, location], path);
  }
});

t.test(
  'a folder that the program names for a path with its slash is not redirected to for ever',
  async (t) => {
    const { port } = await serve(t, identity, (req, res) => sendFile(req, res, '/sub', { root }));
    t.equal((await get(port, { path: '/elsewhere/' })).status, 404);
  },
);

t.test("a request's target may name the host, as RFC 9112, 3.2.2 has it", async (t) => {
  const { port } = await serve(t, identity, send());
  t.ok((await get(port, { path: 'https://localhost/file.bin?x' })).body.equals(content));
  t.ok((await get(port, { path: 'HTTP://LOCALHOST:80/file.bin' })).body.equals(content));
  t.equal((await get(port, { path: 'http://localhost' })).status, 404);
});
