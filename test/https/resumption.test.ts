// The example of resumption: two processes that share a file of ticket keys, which is rotated.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import t from 'tap';

import { opensslClient } from '../helpers/openssl-client';
import { credentials } from '../sockets/support';

const run = promisify(execFile);
const { folder, maker, server: own } = credentials(t);
const example = join(__dirname, '../../examples/resumption');
const ticketKeys = join(folder, 'ticket.keys');
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

async function startServer(): Promise<number> {
  const args = [join(example, 'server.mjs'), '0', ticketKeys, own.certFile, own.keyFile];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return Number(line.split(' ').at(-1));
}

/** Rotates, and waits until the servers make tickets with the new key. */
async function rotate(ports: number[]): Promise<void> {
  const before = await Promise.all(ports.map(keyName));
  execFileSync(join(example, 'rotate'), [ticketKeys]);
  for (const [index, port] of ports.entries()) while ((await keyName(port)) === before[index]);
}

async function keyName(port: number): Promise<string> {
  const url = `https://localhost:${port}/`;
  const { stdout } = await run('curl', ['-s', '-4', '--cacert', maker.authority.certFile, url]);
  return stdout.split(' ').at(-1) as string;
}

t.test('a session of one process resumes at the other, also when the key was changed', async (t) => {
  writeFileSync(ticketKeys, randomBytes(48));
  const [first, second] = [await startServer(), await startServer()];
  const [session, renewed] = [join(folder, 'session'), join(folder, 'renewed')];
  const client = { ca: maker.authority.certFile, say: REQUEST };
  const full = await opensslClient({ ...client, port: first, keep: session });
  t.equal(full.resumed, false);
  t.match(full.output, 'full handshake');
  const elsewhere = await opensslClient({ ...client, port: second, resume: session });
  t.equal(elsewhere.resumed, true, 'at the other');
  t.match(elsewhere.output, 'resumed handshake');

  await rotate([first, second]);
  t.equal((await opensslClient({ ...client, port: second, resume: session, keep: renewed })).resumed, true);
  await rotate([first, second]);
  t.equal(
    (await opensslClient({ ...client, port: first, resume: renewed })).resumed,
    true,
    'a renewed ticket',
  );
  t.equal(
    (await opensslClient({ ...client, port: first, resume: session })).resumed,
    false,
    'a key that is gone',
  );
});
