// sendFile(): in its place among the writes, exactly its range, and nothing breaks when it cannot be sent.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';

import type { KtlsSocket } from '../../lib/index';
import { holdTimeouts } from '../helpers/timeouts';
import { until } from '../helpers/until';
import { collect, credentials, failure, pair, take } from './support';

const trust = credentials(t);
const content = randomBytes(3_000_001);
const file = join(trust.folder, 'content');
writeFileSync(file, content);

t.test('files and writes arrive in the order of the calls', async (t) => {
  const { client, server } = await pair(t, trust);
  const sent: Promise<number>[] = [];
  const expected: Buffer[] = [];
  for (let index = 0; index < 8; index++) {
    const small = randomBytes(index * 1000);
    client.write(small);
    const [start, end] = [index * 111_111, index * 222_222 + 5];
    sent.push(client.sendFile(file, { start, end }));
    expected.push(small, content.subarray(start, end + 1));
  }
  client.end('end');
  const all = Buffer.concat([...expected, Buffer.from('end')]);
  t.ok((await collect(server)).equals(all));
  t.same(
    await Promise.all(sent),
    expected.filter((_, index) => index % 2 === 1).map(({ length }) => length),
  );
  t.equal(client.bytesWritten, all.length);
});

t.test('a path, a Buffer, a URL, a descriptor and a FileHandle name the same file', async (t) => {
  const { client, server } = await pair(t, trust);
  const fd = openSync(file, 'r');
  const handle = await open(file);
  t.teardown(() => handle.close());
  const received = collect(server);
  const sources = [file, Buffer.from(file), pathToFileURL(file), fd, handle];
  for (const source of sources) t.equal(await client.sendFile(source), content.length);
  client.end();
  t.ok((await received).equals(Buffer.concat(sources.map(() => content))));
  t.equal((await handle.stat()).size, content.length, 'the handle is still open');
});

t.test('ranges may be empty, and end where the file ends', async (t) => {
  const { client, server } = await pair(t, trust);
  const last = content.length - 1;
  t.equal(await client.sendFile(file, { start: 10, end: 9 }), 0);
  t.equal(await client.sendFile(file, { start: content.length }), 0);
  t.equal(await client.sendFile(file, { start: last }), 1);
  t.equal(await client.sendFile(file, { start: 5, end: 5 }), 1);
  client.end();
  t.ok((await collect(server)).equals(Buffer.of(content[last] as number, content[5] as number)));
});

t.test('what cannot be sent is told, and the connection goes on', async (t) => {
  const { client, server } = await pair(t, trust);
  const received = collect(server);
  const folder = join(trust.folder, 'folder');
  mkdirSync(folder);
  const fifo = join(trust.folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  await t.rejects(client.sendFile(join(trust.folder, 'nothing')), { code: 'ENOENT' });
  await t.rejects(client.sendFile(folder), { code: 'ERR_KTLS_FILE_TYPE' });
  await t.rejects(client.sendFile(fifo), { code: 'ERR_KTLS_FILE_TYPE' });
  await t.rejects(client.sendFile(9999), { code: 'EBADF' });
  await t.rejects(client.sendFile(file, { start: -1 }), { code: 'ERR_KTLS_INVALID_OPTION' });
  await t.rejects(client.sendFile(file, { start: 4, end: 2 }), { code: 'ERR_KTLS_INVALID_OPTION' });
  await t.rejects(client.sendFile(file, { start: content.length + 1 }), { code: 'ERR_KTLS_INVALID_OPTION' });
  await t.rejects(client.sendFile({} as never), { code: 'ERR_KTLS_INVALID_OPTION' });
  await t.rejects(client.sendFile(file, { end: content.length }), { code: 'ERR_KTLS_FILE_CHANGED' });
  t.equal(client.bytesWritten, content.length, 'what was there has been sent');
  client.end('still here');
  t.equal(String((await received).subarray(content.length)), 'still here');
});

/** A sparse file, larger than what lies between two ends can hold. */
function makeLarge(name: string): string {
  const large = join(trust.folder, name);
  writeFileSync(large, '');
  truncateSync(large, LARGE);
  return large;
}
const LARGE = 256 * 1024 * 1024;

/** Resolves when the first bytes of a large file have gone: the peer does not read, so it is still on its way. */
async function onItsWay(
  socket: KtlsSocket,
  path: string,
  options = {},
): Promise<{ sending: Promise<number> }> {
  const sending = socket.sendFile(path, options);
  sending.catch(() => {});
  await until(() => socket.bytesWritten > 0, 'the file is on its way');
  return { sending };
}

t.test('a file that shrinks while it is sent is ERR_KTLS_FILE_CHANGED', async (t) => {
  const { client, server } = await pair(t, trust);
  const large = makeLarge('shrinking');
  server.pause();
  const { sending } = await onItsWay(client, large);
  truncateSync(large, 1000);
  server.resume();
  await t.rejects(sending, { code: 'ERR_KTLS_FILE_CHANGED' });
  client.end();
  t.equal(await failure(server), undefined);
  t.equal(server.bytesRead, client.bytesWritten);
});

t.test('a signal stops a file on its way, or while it waits; the connection goes on', async (t) => {
  const { client, server } = await pair(t, trust);
  const large = makeLarge('large');
  const [first, second, already] = [new AbortController(), new AbortController(), AbortSignal.abort()];
  const { sending } = await onItsWay(client, large, { signal: first.signal });
  const waiting = client.sendFile(large, { signal: second.signal });
  second.abort(new Error('not needed'));
  const why = await waiting.catch((error) => error);
  t.match(why, { name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'not needed' } });
  await t.rejects(client.sendFile(large, { signal: already }), { code: 'ABORT_ERR' });
  first.abort();
  await t.rejects(sending, { code: 'ABORT_ERR' });
  const sent = client.bytesWritten;
  t.ok(sent > 0 && sent < LARGE);
  client.end('after');
  const received = await collect(server);
  t.equal(received.length, sent + 5);
  t.equal(String(received.subarray(sent)), 'after');
});

t.test('destroy() ends a file on its way', async (t) => {
  const { client, server } = await pair(t, trust);
  server.on('error', () => {});
  client.on('error', () => {});
  const large = makeLarge('destroyed');
  const { sending } = await onItsWay(client, large);
  client.destroy(new Error('enough'));
  await t.rejects(sending, { message: 'enough' });
  await t.rejects(client.sendFile(large), { code: 'EPIPE' });
});

t.test('a peer that goes away ends a file on its way', async (t) => {
  const { client, server } = await pair(t, trust);
  const { sending } = await onItsWay(client, makeLarge('lost'));
  server.resetAndDestroy();
  // The kernel tells of the reset once: to whom reads or to whom writes; the other sees the end.
  const gone = /^(ECONNRESET|EPIPE|ERR_KTLS_TRUNCATED)$/;
  const [sent, error] = await Promise.allSettled([sending, failure(client)]);
  t.match(sent, { status: 'rejected', reason: { code: gone } });
  t.match(error, { value: { code: gone } });
});

t.test('reading goes on while a file is sent', async (t) => {
  const { client, server } = await pair(t, trust);
  const controller = new AbortController();
  const { sending } = await onItsWay(client, makeLarge('duplex'), { signal: controller.signal });
  server.write('meanwhile');
  t.equal(String(await take(client, 9)), 'meanwhile');
  controller.abort();
  await t.rejects(sending, { code: 'ABORT_ERR' });
});

t.test('a file keeps an idle timeout away while it moves, and no longer', async (t) => {
  const { client } = await pair(t, trust);
  let fired = 0;
  const [timeout] = holdTimeouts(() => client.setTimeout(100, () => fired++));
  const controller = new AbortController();
  const { sending } = await onItsWay(client, makeLarge('moving'), { signal: controller.signal });
  timeout?.elapse();
  t.equal(fired, 0);
  // Nobody reads: what lies between the two ends is full at some time.
  await until(() => {
    timeout?.elapse();
    return fired > 0;
  }, 'a file that does not move is idle');
  controller.abort();
  await t.rejects(sending, { code: 'ABORT_ERR' });
});
