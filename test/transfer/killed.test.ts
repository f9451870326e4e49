// One end killed by SIGKILL at a random moment, twenty times: the other end says so, and no wrong file has a final
// name.
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';

import { createReceiver, generateSecret, sendTree } from '../../lib/index';
import type { KtlsError } from '../../types/index';
import { RunningCommand } from '../helpers/command';
import { makeDataset } from '../helpers/dataset';
import { temporaryNames } from '../helpers/names-below';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const source = join(folder, 'source');
makeDataset(source, { files: 1500, bytes: 30_000_000 });
const secret = generateSecret();
const env = { KTLS_TRANSFER_SECRET: secret };
/** Nothing here ends by it, however slow the machine is. */
const timeouts = { idle: 240_000 };
const BROKEN = /^(ERR_KTLS_TRUNCATED|ECONNRESET|EPIPE)$/;
/** Blocks and whole files both. */
const BLOCK_THRESHOLD = 100_000;

/** What is under a final name and is not what was sent. */
function wrong(there: string, sent: string): string[] {
  if (!existsSync(there)) return [];
  const found: string[] = [];
  for (const bytes of readdirSync(there, { encoding: 'buffer' })) {
    const name = bytes.toString('latin1');
    if (name.startsWith('.ktls-transfer-')) continue;
    const [a, b] = [there, sent].map((top) => Buffer.concat([Buffer.from(`${top}/`, 'latin1'), bytes]));
    const [left, right] = [lstatSync(a as Buffer), lstatSync(b as Buffer)];
    if (left.isDirectory()) {
      found.push(...wrong((a as Buffer).toString('latin1'), (b as Buffer).toString('latin1')));
    } else if (left.isSymbolicLink()) {
      if (readlinkSync(a as Buffer) !== readlinkSync(b as Buffer)) found.push(name);
    } else if (left.size !== right.size || left.mode !== right.mode) {
      found.push(name);
    } else if (!readFileSync(a as Buffer).equals(readFileSync(b as Buffer))) {
      found.push(name);
    }
  }
  return found;
}

/** Half of them into a folder that is there: every file then has its own rename. */
function destination(index: number): string {
  const path = join(folder, `to ${index}`);
  if (index % 2 === 0) mkdirSync(path);
  return path;
}

t.test('the sender, ten times', async (t) => {
  for (let index = 0; index < 10; index += 1) {
    const root = destination(index);
    const receiver = createReceiver({ root, secret, timeouts });
    const { port } = await receiver.listen({ port: 0, host: '127.0.0.1' });
    const outcome = new Promise<KtlsError | undefined>((resolve) =>
      receiver.once('transfer', (transfer) => {
        const bytes = Math.random() * 25_000_000;
        const watch = setInterval(() => {
          if ((transfer.progress()?.bytes ?? 0) < bytes) return;
          command.kill('SIGKILL');
          clearInterval(watch);
        }, 1);
        transfer.then(
          () => resolve(undefined),
          (error) => resolve(error as KtlsError),
        );
      }),
    );
    const args = ['send', source, `127.0.0.1:${port}`, '--connections', '3'];
    const command = new RunningCommand([...args, '--block-threshold', `${BLOCK_THRESHOLD}`], { env });
    const error = await outcome;
    command.kill('SIGKILL');
    await command.ended;
    await receiver.close({ abort: true });
    // At the very end it may just have been done.
    if (error !== undefined) t.match(error.code, BROKEN);
    t.same(wrong(root, source), [], 'no wrong file');
    t.same(temporaryNames(root), [], 'nothing temporary');
    rmSync(root, { recursive: true, force: true });
  }
});

t.test('the receiver, ten times', async (t) => {
  for (let index = 10; index < 20; index += 1) {
    const root = destination(index);
    const command = new RunningCommand(['recv', root, '--listen', '127.0.0.1:0'], { env });
    const { port } = await command.event('listening');
    const sending = sendTree(source, `127.0.0.1:${port}`, {
      secret,
      timeouts,
      connections: 3,
      blockThreshold: BLOCK_THRESHOLD,
    });
    const bytes = Math.random() * 25_000_000;
    const failed = sending.then(
      () => undefined,
      (error: unknown) => error as KtlsError,
    );
    let ended = false;
    failed.then(() => {
      ended = true;
    });
    while (!ended && (sending.progress()?.bytes ?? 0) < bytes) await delay(1);
    command.kill('SIGKILL');
    const error = await failed;
    await command.ended;
    if (error !== undefined) t.match(error.code, BROKEN);
    t.same(wrong(root, source), [], 'no wrong file');
    rmSync(root, { recursive: true, force: true });
  }
});
