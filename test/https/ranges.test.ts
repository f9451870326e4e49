// sendFile(): ranges as RFC 9110, 14 has them, whatever `send` makes of them.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t from 'tap';

import { sendFile } from '../../lib/https';
import type { SendFileOptions } from '../../types/https';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder: root } = credentials(t);
const content = randomBytes(300_000);
const { length } = content;
writeFileSync(join(root, 'file.bin'), content);
writeFileSync(join(root, 'empty'), '');
const { mtimeMs } = statSync(join(root, 'file.bin'));

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

interface Asked {
  path?: string;
  method?: string;
  headers?: OutgoingHttpHeaders;
}

/** What asks a server of these files. */
async function files(
  t: { teardown(handler: () => unknown): void },
  options: SendFileOptions = {},
): Promise<(range: string, asked?: Asked) => Promise<Answer>> {
  const { port } = await serve(t, identity, async (req, res) => {
    const asked = JSON.stringify(req.headers);
    await sendFile(req, res, req.url as string, { root, ...options });
    if (JSON.stringify(req.headers) !== asked) throw new Error("the program's request was changed");
  });
  return async (range, { path = '/file.bin', method, headers } = {}) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      ca,
      path,
      method,
      headers: { Range: range, ...headers },
    });
    const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
    return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
  };
}

t.test('one range is sent, and what is beyond the end is left out', async (t) => {
  const ask = await files(t);
  for (const [range, start, end] of [
    ['bytes=0-99', 0, 99],
    ['bytes=100000-', 100_000, length - 1],
    ['bytes=-50000', length - 50_000, length - 1],
    ['bytes=5-99999999', 5, length - 1],
    [`bytes=-${length}`, 0, length - 1],
    [`bytes=-${length + 1}`, 0, length - 1],
    ['bytes= -99999999999999999999', 0, length - 1],
  ] as const) {
    const { status, headers, body } = await ask(range);
    t.equal(status, 206, range);
    t.equal(headers['content-range'], `bytes ${start}-${end}/${length}`);
    t.ok(body.equals(content.subarray(start, end + 1)));
  }
});

t.test('a range of which the file has nothing is refused', async (t) => {
  const ask = await files(t);
  for (const range of [`bytes=${length}-`, 'bytes=-0', 'bytes=-0,999999-']) {
    const { status, headers } = await ask(range);
    t.equal(status, 416, range);
    t.equal(headers['content-range'], `bytes */${length}`);
  }
});

t.test('of an empty file the last bytes are all of it', async (t) => {
  const ask = await files(t);
  t.equal((await ask('bytes=-5', { path: '/empty' })).status, 200);
  t.equal((await ask('bytes=0-', { path: '/empty' })).status, 416);
});

t.test('several ranges that touch are sent as one; others, as the whole file', async (t) => {
  const ask = await files(t);
  for (const [ranges, start, end] of [
    ['bytes=0-1,2-5', 0, 5],
    ['bytes=10-20, 15-30', 10, 30],
    ['bytes=5-6,999999-', 5, 6],
    ['bytes=0-1, -999999', 0, length - 1],
  ] as const) {
    const { status, headers } = await ask(ranges);
    t.equal(status, 206, ranges);
    t.equal(headers['content-range'], `bytes ${start}-${end}/${length}`);
  }
  const { status, body } = await ask('bytes=0-1,5-6');
  t.equal(status, 200);
  t.ok(body.equals(content));
});

t.test('of a part that is served as the whole, ranges are those of the part', async (t) => {
  const ask = await files(t, { start: 100, end: 109 });
  for (const [range, first, last] of [
    ['bytes=-11', 0, 9],
    ['bytes=-3', 7, 9],
    ['bytes=8-20', 8, 9],
  ] as const) {
    const { status, headers, body } = await ask(range);
    t.equal(status, 206, range);
    t.equal(headers['content-range'], `bytes ${first}-${last}/10`);
    t.ok(body.equals(content.subarray(100 + first, 100 + last + 1)));
  }
});

t.test('a part that no file can have is refused before anything is sent', async (t) => {
  let part: SendFileOptions = {};
  const codes: unknown[] = [];
  const { port } = await serve(t, identity, (req, res) => {
    sendFile(req, res, '/file.bin', { root, headers: { 'X-Own': 'set' }, ...part }).catch(({ code }) => {
      codes.push(code);
      res.end(`sent: ${res.headersSent}, set: ${res.hasHeader('X-Own')}`);
    });
  });
  const ask = async () => {
    const [response] = await once(request({ host: '127.0.0.1', port, ca }).end(), 'response');
    return buffer(response);
  };
  const refused = [
    { start: -1 },
    { start: 1.5 },
    { start: Number.NaN },
    { start: '1' as never },
    { start: 5, end: 3 },
    { end: -2 },
    { end: 2.5 },
    { end: Number.POSITIVE_INFINITY },
  ];
  for (part of refused) {
    t.equal((await ask()).toString(), 'sent: false, set: false', JSON.stringify(part));
  }
  t.same(codes, Array(refused.length).fill('ERR_KTLS_INVALID_OPTION'));
  for (const [allowed, expected] of [
    [{ start: undefined, end: undefined }, content],
    [{ start: 5, end: 4 }, Buffer.alloc(0)],
    [{ start: length }, Buffer.alloc(0)],
    [{ start: length + 5 }, Buffer.alloc(0)],
    [{ end: length + 5 }, content],
  ] as const) {
    part = allowed;
    t.ok((await ask()).equals(expected), JSON.stringify(part));
  }
});

t.test('If-Range gets a range only of the file that it names', async (t) => {
  const ask = await files(t);
  const { etag, 'last-modified': modified } = (await ask('', { method: 'HEAD' })).headers;
  const sameInstant = new Date(Math.floor(mtimeMs / 1000) * 1000);
  const [, day, month, year, time] = sameInstant.toUTCString().split(/[ ,]+/);
  for (const [ifRange, status] of [
    [etag, 206],
    ['"old"', 200],
    [modified, 206],
    [`${time} ${day} ${month} ${year} GMT`, 206],
    [new Date(mtimeMs + 3_600_000).toUTCString(), 200],
    [new Date(mtimeMs - 3_600_000).toUTCString(), 200],
    ['nonsense', 200],
  ] as const) {
    t.equal((await ask('bytes=0-1', { headers: { 'If-Range': ifRange } })).status, status, `${ifRange}`);
  }
  const undated = await files(t, { lastModified: false });
  t.equal((await undated('bytes=0-1', { headers: { 'If-Range': modified } })).status, 200);
});

t.test('ranges mean something to GET alone', async (t) => {
  const ask = await files(t);
  for (const range of ['bytes=0-1', 'bytes=999999-']) {
    for (const method of ['HEAD', 'POST']) {
      const { status, headers } = await ask(range, { method });
      t.equal(status, 200, `${method} ${range}`);
      t.match(headers, { 'content-length': String(length), 'accept-ranges': 'bytes' });
    }
  }
});
