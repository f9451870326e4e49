// Files that are short go out from the event loop while it has time, and from other threads when it has none.
import { randomBytes } from 'node:crypto';
import { openSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';

import type { KtlsSocket } from '../../lib/socket/ktls-socket';
import { temporaryFolder } from '../helpers/temporary-folder';
import { threadsNamed } from '../helpers/threads';
import { collect, credentials, pair } from './support';

const trust = credentials(t);
const content = randomBytes(10_000);
/** On a tmpfs: not every file system tells whether a file is in memory. */
const file = join(temporaryFolder(t, '/dev/shm'), 'file');
writeFileSync(file, content);

/** Longer than the loop's time is looked back at. */
const PERIOD_MS = 150;
function keepBusy(): void {
  for (const end = performance.now() + PERIOD_MS; performance.now() < end; );
}

/** Made at the first job, and there from then on. */
const senders = () => threadsNamed('ktls-send');
const cores = availableParallelism();

t.test('the same bytes, whoever sends them', async (t) => {
  const ends = await Promise.all([pair(t, trust, { kernel: 'off' }), pair(t, trust, { kernel: 'off' })]);
  const received = ends.map(({ server }) => collect(server));
  /** As the server of files does it, at once. */
  const send = (index: 0 | 1) => {
    const client = ends[index].client as unknown as KtlsSocket;
    return new Promise<void>((resolve, reject) => {
      const done = (error?: Error) => (error ? reject(error) : resolve());
      client.write(client.fileChunk(openSync(file, 'r'), 0, content.length, done));
    });
  };

  await send(0);
  await sleep(PERIOD_MS);
  // Not across a turn of the loop, in which it might wait.
  const first = send(0);
  t.equal(senders(), 0, 'a loop that waited sends by itself');
  keepBusy();
  const second = send(1);
  t.equal(senders(), cores > 1 ? Math.min(4, cores - 1) : 0, 'one that did not has it sent');
  await Promise.all([first, second]);

  for (const { client } of ends) client.end();
  const [twice, once] = await Promise.all(received);
  t.ok(twice?.equals(Buffer.concat([content, content])));
  t.ok(once?.equals(content));
});
