// Where a core is likely to be idle, a thread of its own reads a large file ahead while another seals and sends it.
import { randomBytes } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

import type { KtlsSocket } from '../../lib/index';
import { threadsNamed } from '../helpers/threads';
import { until } from '../helpers/until';
import { collect, credentials, pair } from './support';

const trust = credentials(t);
/** Where the kernel encrypts, nobody reads. */
const kernel = 'off';
/** That this process may run on. */
const cores = availableParallelism();
/** More than fits between two ends. */
const large = join(trust.folder, 'large');
writeFileSync(large, '');
truncateSync(large, 256 * 1024 * 1024);

/** How many read ahead just now. */
const readers = () => threadsNamed('ktls-read');

t.test('for as many files at once as there are pairs of cores, while they are sent', async (t) => {
  const pairs = Math.floor(cores / 2);
  const sending: Promise<number>[] = [];
  const receivers: KtlsSocket[] = [];
  for (let count = 1; count <= Math.min(pairs + 1, 5); count++) {
    const { client, server } = await pair(t, trust, { kernel });
    server.pause();
    receivers.push(server);
    sending.push(client.sendFile(large));
    // The thread begins before the first byte goes out.
    await until(() => client.bytesWritten > 0, 'the file is on its way');
    t.equal(readers(), Math.min(count, pairs));
  }
  for (const receiver of receivers) receiver.resume();
  for (const count of await Promise.all(sending)) t.equal(count, 256 * 1024 * 1024);
  await until(() => readers() === 0, 'nobody reads ahead any more');
});

t.test('not when a job is aborted, or its connection has gone', async (t) => {
  const ends = [
    (_: KtlsSocket, abort: AbortController) => abort.abort(),
    (client: KtlsSocket) => client.destroy(),
  ];
  for (const end of ends) {
    const { client, server } = await pair(t, trust, { kernel });
    server.pause();
    const abort = new AbortController();
    const sending = client.sendFile(large, { signal: abort.signal });
    await until(() => client.bytesWritten > 0, 'the file is on its way');
    t.equal(readers(), Math.min(1, Math.floor(cores / 2)));
    end(client, abort);
    await t.rejects(sending);
    await until(() => readers() === 0, 'nobody reads ahead any more');
  }
});

t.test('not for a file of less than 4 MiB', async (t) => {
  const { client, server } = await pair(t, trust, { kernel });
  server.pause();
  const sending = client.sendFile(large, { end: 4 * 1024 * 1024 - 2 });
  await until(() => client.bytesWritten > 0, 'the file is on its way');
  t.equal(readers(), 0);
  server.resume();
  t.equal(await sending, 4 * 1024 * 1024 - 1);
});

t.test('what arrives is the file in its place among the writes', async (t) => {
  const content = randomBytes(12_345_678);
  const file = join(trust.folder, 'content');
  writeFileSync(file, content);
  const { client, server } = await pair(t, trust, { kernel });
  const received = collect(server);
  const expected: Buffer[] = [];
  // Alone in its record, sharing the file's first, and longer than one.
  for (const length of [0, 1000, 20_000, 1_500_000]) {
    const head = randomBytes(length);
    client.write(head);
    client.sendFile(file, { start: length, end: content.length - 1001 });
    expected.push(head, content.subarray(length, content.length - 1000));
  }
  client.end('end');
  t.ok((await received).equals(Buffer.concat([...expected, Buffer.from('end')])));
});
