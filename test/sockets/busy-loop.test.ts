// Who sends a file: those that are short go out from the event loop while it has time, and from other threads when it has none and
// processors have.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
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
const longer = randomBytes(600_000);
const longerFile = join(temporaryFolder(t, '/dev/shm'), 'longer');
writeFileSync(longerFile, longer);

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
  const sent = [0, 0];
  /** As the server of files does it, at once. */
  const send = (index: 0 | 1) => {
    sent[index] = (sent[index] ?? 0) + 1;
    const client = ends[index].client as unknown as KtlsSocket;
    return new Promise<void>((resolve, reject) => {
      const done = (error?: Error) => (error ? reject(error) : resolve());
      client.write(client.fileChunk(openSync(file, 'r'), 0, content.length, done));
    });
  };

  // What is sent in between is how the loop's time comes to be looked at; not across a turn of the loop, in which it
  // might wait.
  const sends: Promise<void>[] = [];
  const sendAfterBusyPeriods = (index: 0 | 1) => {
    for (let periods = 0; periods < 3; periods++) {
      if (periods > 0) keepBusy();
      sends.push(send(index));
    }
  };

  await send(0);
  await sleep(PERIOD_MS);
  await send(0);
  t.equal(senders(), 0, 'a loop that waited sends by itself');

  const others = Array.from({ length: 2 * cores }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  await Promise.all(others.map((other) => once(other, 'spawn')));
  await sleep(PERIOD_MS);
  sendAfterBusyPeriods(0);
  t.equal(senders(), 0, 'so does one that did not, where nobody else has time');
  for (const other of others) other.kill('SIGKILL');
  await Promise.all([...others.map((other) => once(other, 'exit')), ...sends]);

  if (cores > 1) {
    // Other tests may be at work.
    while (senders() === 0) {
      sendAfterBusyPeriods(1);
      await Promise.all(sends);
    }
    t.equal(senders(), Math.min(4, cores), 'otherwise it has it sent');
  }

  for (const { client } of ends) client.end();
  const got = await Promise.all(received);
  for (const [index, bytes] of got.entries()) {
    t.ok(bytes.equals(Buffer.concat(Array(sent[index] ?? 0).fill(content))));
  }
});

t.test('of a longer file the beginning goes out at once', async (t) => {
  const { client, server } = await pair(t, trust, { kernel: 'off' });
  const received = collect(server);
  const socket = client as unknown as KtlsSocket;
  // Until the loop is known to have time again.
  for (let periods = 0; periods < 3; periods++) {
    await client.sendFile(file);
    await sleep(PERIOD_MS);
  }
  const before = socket.bytesWritten;
  const done = new Promise<void>((resolve, reject) => {
    const chunk = socket.fileChunk(openSync(longerFile, 'r'), 0, longer.length, (error) =>
      error ? reject(error) : resolve(),
    );
    socket.write(chunk);
  });
  const atOnce = socket.bytesWritten - before;
  t.ok(atOnce >= 7 * 16_384, `${atOnce} bytes`);
  await done;
  client.end();
  t.ok((await received).equals(Buffer.concat([content, content, content, longer])));
});
