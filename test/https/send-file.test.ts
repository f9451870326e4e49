// sendFile(): what a client gets, and what goes over the wire.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, request as requestPlain } from 'node:http';
import {
  connect as connectHttp2,
  createSecureServer as createHttp2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t from 'tap';

import { sendFile } from '../../lib/https';
import type { SendFileOptions } from '../../types/https';
import { threadsNamed } from '../helpers/threads';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder } = credentials(t);
const root = join(folder, 'root');
mkdirSync(join(root, 'sub'), { recursive: true });
const large = randomBytes(3_000_000);
const medium = randomBytes(100_000);
const small = randomBytes(5000);
writeFileSync(join(root, 'large.mp4'), large);
writeFileSync(join(root, 'medium.bin'), medium);
writeFileSync(join(root, 'small.txt'), small);
writeFileSync(join(root, 'empty'), '');
writeFileSync(join(root, 'sub', 'index.html'), '<p>');
writeFileSync(join(root, '.hidden'), 'secret');
writeFileSync(join(folder, 'outside'), 'secret');
symlinkSync('../../outside', join(root, 'sub', 'out'));
symlinkSync('/etc/passwd', join(root, 'absolute'));
symlinkSync('../small.txt', join(root, 'sub', 'in'));

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

async function get(port: number, path: string, options: RequestOptions = {}): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, ca, path, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

/** A server that sends what the path names. */
async function files(t: Tap, options: SendFileOptions = {}): Promise<number> {
  const { port } = await serve(t, identity, (req, res) =>
    sendFile(req, res, req.url as string, { root, ...options }),
  );
  return port;
}
type Tap = { teardown(handler: () => unknown): void };

t.test('files of every size arrive whole, with their type, length and validators', async (t) => {
  const port = await files(t);
  for (const [name, content, type] of [
    ['large.mp4', large, 'video/mp4'],
    ['medium.bin', medium, 'application/octet-stream'],
    ['small.txt', small, 'text/plain; charset=utf-8'],
    ['empty', Buffer.alloc(0), 'application/octet-stream'],
  ] as const) {
    const { status, headers, body } = await get(port, `/${name}?v=1`);
    t.equal(status, 200, name);
    t.ok(body.equals(content));
    t.match(headers, {
      'content-type': type,
      'content-length': String(content.length),
      'accept-ranges': 'bytes',
    });
    t.match(headers.etag, /^W\/"/);
    const again = await get(port, `/${name}`, { headers: { 'If-None-Match': headers.etag } });
    t.equal(again.status, 304);
    t.equal(again.body.length, 0);
    const refused = await get(port, `/${name}`, { headers: { 'If-Match': '"other"' } });
    t.equal(refused.status, 412);
    const head = await get(port, `/${name}`, { method: 'HEAD' });
    t.equal(head.headers['content-length'], String(content.length));
  }
});

t.test(
  'what was answered before is not what is answered when the file, the options or the response differ',
  async (t) => {
    const path = join(root, 'changes.txt');
    writeFileSync(path, 'one');
    let options: SendFileOptions = {};
    const own: Record<string, string> = {};
    const { port } = await serve(t, identity, (req, res) => {
      for (const [name, value] of Object.entries(own)) res.setHeader(name, value);
      sendFile(req, res, '/changes.txt', { root, ...options });
    });
    const ask = (headers = {}) => get(port, '/', { headers });
    const first = await ask();
    const { date: _, ...again } = (await ask()).headers;
    t.same({ ...again, date: first.headers.date }, first.headers);
    t.match(first.headers, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'public, max-age=0',
    });

    t.equal((await ask({ Range: 'bytes=1-' })).body.toString(), 'ne');
    t.equal((await ask({ 'If-None-Match': first.headers.etag })).status, 304);

    options = { maxAge: 60_000, etag: false };
    const aged = await ask();
    t.equal(aged.headers['cache-control'], 'public, max-age=60');
    t.notOk('etag' in aged.headers);
    options = {};

    own['Content-Type'] = 'text/x-own';
    t.equal((await ask()).headers['content-type'], 'text/x-own');
    delete own['Content-Type'];
    own['X-Own'] = 'kept';
    t.match((await ask()).headers, { 'x-own': 'kept', etag: first.headers.etag });

    writeFileSync(path, 'another');
    utimesSync(path, 1000, 1000);
    const changed = await ask();
    t.equal(changed.body.toString(), 'another');
    t.match(changed.headers, { 'content-length': '7', 'last-modified': 'Thu, 01 Jan 1970 00:16:40 GMT' });
    t.not(changed.headers.etag, first.headers.etag);

    options = { root: join(root, 'sub') };
    t.equal((await ask()).status, 404, 'another root');
    options = {};
    rmSync(path);
    t.equal((await ask()).status, 404, 'it is gone');
  },
);

t.test('a path is not cut at a NUL', async (t) => {
  const path = join(root, 'small.txt');
  const { port } = await serve(t, identity, (req, res) =>
    sendFile(req, res, path + decodeURI((req.url as string).slice(1))),
  );
  t.equal((await get(port, '/')).status, 200);
  t.equal((await get(port, '/%00.html')).status, 404);
});

t.test('nothing outside of the root is served, nor what begins with a dot', async (t) => {
  const port = await files(t);
  for (const [path, status] of [
    ['/../outside', 403],
    ['/%2e%2e/outside', 403],
    ['/sub/../../outside', 403],
    ['/sub/out', 404],
    ['/absolute', 404],
    ['//etc/passwd', 404],
    ['/.hidden', 404],
    ['/small.txt%00.html', 400],
    ['/%zz', 400],
    ['/none', 404],
    ['/small.txt/', 404],
  ] as const) {
    const answer = await get(port, path);
    t.equal(answer.status, status, path);
    t.notMatch(answer.body.toString(), /secret|root:/);
  }
  t.ok((await get(port, '/sub/in')).body.equals(small), 'a symlink that stays below is followed');
  const link = join(folder, 'link to root');
  symlinkSync(root, link);
  t.ok((await get(await files(t, { root: link }), '/sub/in')).body.equals(small), 'and one to the root');
  t.equal((await get(port, '/sub/')).body.toString(), '<p>');
  t.equal((await get(port, '/sub')).headers.location, '/sub/');
  t.equal((await get(await files(t, { index: false }), '/sub/')).status, 404);
});

t.test('the response finishes when its file is with the kernel, and the connection is kept', async (t) => {
  const finished: Promise<unknown>[] = [];
  const { port, server } = await serve(t, identity, (req, res) => {
    const sent = sendFile(req, res, join(root, 'large.mp4')).then(() => t.ok(res.writableEnded));
    finished.push(sent, once(res, 'finish'));
  });
  let connections = 0;
  server.on('secureConnection', () => {
    connections += 1;
  });
  const { Agent } = await import('node:https');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  for (let i = 0; i < 3; i++) t.ok((await get(port, '/', { agent })).body.equals(large));
  // The client may have all of it before the server has heard that the kernel has.
  await Promise.all(finished);
  t.equal(finished.length, 6);
  t.equal(connections, 1);
});

t.test('a file that shrinks ends the connection, and is never padded', async (t) => {
  const path = join(folder, 'shrinks');
  writeFileSync(path, Buffer.alloc(64 * 1024 * 1024));
  const { port } = await serve(t, identity, (req, res) => sendFile(req, res, path));
  const sent = request({ host: '127.0.0.1', port, ca }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  // The kernel's buffers hold less than the rest.
  truncateSync(path, 1024 * 1024);
  let received = 0;
  response.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(response, 'error');
  t.ok(received < 64 * 1024 * 1024);
});

t.test('a client that goes away in the middle costs its response only', async (t) => {
  const path = join(folder, 'big');
  writeFileSync(path, Buffer.alloc(64 * 1024 * 1024));
  const done: Promise<void>[] = [];
  const { port } = await serve(t, identity, (req, res) => {
    done.push(sendFile(req, res, path));
  });
  const sent = request({ host: '127.0.0.1', port, ca }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  response.destroy();
  await done[0];
  t.equal((await get(port, '/')).body.length, 64 * 1024 * 1024);
});

t.test('a signal ends the response', async (t) => {
  const path = join(folder, 'big-signal');
  writeFileSync(path, Buffer.alloc(64 * 1024 * 1024));
  const controller = new AbortController();
  const { port } = await serve(t, identity, (req, res) =>
    sendFile(req, res, path, { signal: controller.signal }),
  );
  const sent = request({ host: '127.0.0.1', port, ca }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  controller.abort();
  response.resume();
  await once(response, 'error');
});

t.test('any other response gets the file by a stream', async (t) => {
  const server = createHttpServer((req, res) => sendFile(req, res, req.url as string, { root }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const sent = requestPlain({
    host: '127.0.0.1',
    port,
    path: '/large.mp4',
    headers: { Range: 'bytes=10-2000000' },
  }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  t.equal(response.statusCode, 206);
  t.ok((await buffer(response)).equals(large.subarray(10, 2_000_001)));
});

t.test('a response of HTTP/2, in the compatibility layer of node:http2, too', async (t) => {
  const server = createHttp2Server(identity, (req, res) =>
    sendFile(req as never, res as never, req.url, { root }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connectHttp2(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, { ca });
  t.teardown(() => {
    session.destroy();
    server.close();
  });
  const ask = async (headers: OutgoingHttpHeaders) => {
    const stream = session.request(headers);
    const [answered] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    return { answered, body: await buffer(stream) };
  };
  // The second time by what is remembered.
  for (let round = 0; round < 2; round++) {
    for (const [path, content] of [
      ['/large.mp4', large],
      ['/small.txt', small],
    ] as const) {
      const { answered, body } = await ask({ ':path': path });
      t.match(answered, {
        ':status': 200,
        'content-length': String(content.length),
        'accept-ranges': 'bytes',
      });
      t.ok(body.equals(content));
    }
  }
  const { answered, body } = await ask({ ':path': '/large.mp4', range: 'bytes=10-2000000' });
  t.equal(answered[':status'], 206);
  t.ok(body.equals(large.subarray(10, 2_000_001)));
  t.equal((await ask({ ':path': '/none' })).answered[':status'], 404);
});

t.test('a few threads look for what the kernel does not know of yet, however many ask', async (t) => {
  const port = await files(t);
  const asked = Array.from({ length: 200 }, (_, n) =>
    get(port, `/missing-${n}-${randomBytes(8).toString('hex')}`),
  );
  t.ok((await Promise.all(asked)).every(({ status }) => status === 404));
  const openers = threadsNamed('ktls-open');
  t.ok(openers >= 1 && openers <= 4, `${openers}`);
});
