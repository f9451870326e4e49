// Keys of session tickets that servers share and change. The client is OpenSSL's.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import t, { type Test } from 'tap';

import { createServer as createHttpsServer } from '../../lib/https';
import { createServer } from '../../lib/index';
import type { ServerOptions } from '../../types/index';
import { opensslClient } from '../helpers/openssl-client';
import { until } from '../helpers/until';
import { credentials, listen } from './support';

const { folder, maker, server: own } = credentials(t);
const { cert, key } = own;
const KEY_LENGTH = 48;

let sessions = 0;
const newSession = () => join(folder, `session-${sessions++}.pem`);

async function serve(t: Test, options: Partial<ServerOptions>) {
  const { server, port } = await listen(t, { cert, key, ...options }, (socket) => socket.end('x'));
  const client = { port, ca: maker.authority.certFile };
  return {
    server,
    /** Connects without a session; gives the file of the ticket. */
    async fresh(): Promise<string> {
      const keep = newSession();
      const { resumed } = await opensslClient({ ...client, keep });
      t.equal(resumed, false);
      return keep;
    },
    async resumes(session: string, keep?: string): Promise<boolean> {
      return (await opensslClient({ ...client, resume: session, ...(keep ? { keep } : {}) })).resumed;
    },
  };
}

t.test('a ticket of an older key resumes, and is replaced by one of the newest', async (t) => {
  const [first, second] = [randomBytes(KEY_LENGTH), randomBytes(KEY_LENGTH)];
  const issuer = await serve(t, { ticketKeys: first });
  const changing = await serve(t, { ticketKeys: Buffer.concat([second, first]) });
  const changed = await serve(t, { ticketKeys: second });
  const [old, renewed] = [await issuer.fresh(), newSession()];
  t.equal(await changing.resumes(old, renewed), true, 'under the older of two keys');
  t.equal(await changed.resumes(renewed), true, 'the ticket that it got then is of the newer');
  t.equal(await changed.resumes(old), false, 'a key that is gone leads to a full handshake');
  t.equal(await issuer.resumes(renewed), false);
});

t.test('setTicketKeys() changes the keys of a server that runs', async (t) => {
  const { server, fresh, resumes } = await serve(t, {});
  const [before, ticket] = [server.getTicketKeys(), await fresh()];
  t.equal(before.length, KEY_LENGTH);
  server.setTicketKeys(Buffer.concat([randomBytes(KEY_LENGTH), before]));
  t.equal(await resumes(ticket), true);
  server.setTicketKeys(randomBytes(KEY_LENGTH));
  t.equal(await resumes(ticket), false);
  t.throws(() => server.setTicketKeys(randomBytes(47)), { code: 'ERR_KTLS_INVALID_OPTION' });
});

t.test('keys in a file are followed when the file changes, and stay when it is gone', async (t) => {
  const ticketKeys = join(folder, 'ticket.keys');
  const [first, second] = [randomBytes(KEY_LENGTH), randomBytes(KEY_LENGTH)];
  writeFileSync(ticketKeys, first);
  const { server, fresh, resumes } = await serve(t, { ticketKeys, ticketKeysInterval: 10 });
  t.same(server.getTicketKeys(), first);
  const ticket = await fresh();
  writeFileSync(`${ticketKeys}.new`, Buffer.concat([second, first]));
  renameSync(`${ticketKeys}.new`, ticketKeys);
  while (server.getTicketKeys().length !== 2 * KEY_LENGTH) await sleep(5);
  t.equal(await resumes(ticket), true);
  rmSync(ticketKeys);
  const [error] = await once(server, 'ticketKeysError');
  t.equal(error.code, 'ENOENT');
  t.equal(await resumes(ticket), true);
  writeFileSync(ticketKeys, 'no keys');
  while ((await once(server, 'ticketKeysError'))[0].code !== 'ERR_KTLS_INVALID_OPTION');
  t.same(server.getTicketKeys(), Buffer.concat([second, first]));
});

t.test('a function is asked again and again, until setTicketKeys() or close()', async (t) => {
  let asked = 0;
  const made: Buffer[] = [];
  const ticketKeys = async () => {
    asked++;
    made.unshift(randomBytes(KEY_LENGTH));
    return Buffer.concat(made.slice(0, 2));
  };
  const { server } = await serve(t, { ticketKeys, ticketKeysInterval: 1 });
  while (asked < 3) await sleep(1);
  t.equal(server.getTicketKeys().length, 2 * KEY_LENGTH);
  const own = randomBytes(KEY_LENGTH);
  server.setTicketKeys(own);
  const before = asked;
  await sleep(20);
  t.equal(asked, before);
  t.same(server.getTicketKeys(), own);
});

for (const [name, create] of [
  ['sockets', createServer],
  ['HTTPS', createHttpsServer],
] as const) {
  t.test(`${name}: nobody asks for the keys of a server that was closed, or does not listen`, async (t) => {
    let asked = 0;
    let answer = (_keys: Buffer): void => {};
    const ticketKeys = () => {
      asked++;
      return new Promise<Buffer>((resolve) => {
        answer = resolve;
      });
    };
    const server = create({ cert, key, ticketKeys, ticketKeysInterval: 1 });
    server.on('error', () => {});
    const quiet = async (when: string) => {
      const before = asked;
      await sleep(20);
      t.equal(asked, before, when);
    };
    server.listen(0, '127.0.0.1');
    await until(() => asked === 1, 'it asks');
    await new Promise((resolve) => server.close(resolve));
    answer(randomBytes(KEY_LENGTH));
    await quiet('closed while it asked for the first time');

    const busy = createTcpServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const failed = once(server, 'error');
    server.listen((busy.address() as AddressInfo).port, '127.0.0.1');
    const answering = setInterval(() => answer(randomBytes(KEY_LENGTH)), 1);
    t.teardown(() => clearInterval(answering));
    await failed;
    await quiet('another listens there');
    busy.close();
    server.listen(0, '127.0.0.1');
    const start = asked;
    await until(() => asked > start + 3 && server.listening, 'it asks again and again');
    await new Promise((resolve) => server.close(resolve));
    await quiet('closed');
  });
}

t.test('an answer that comes late does not take the place of a later one', async (t) => {
  const [first, late, newest] = [1, 2, 3].map(() => randomBytes(KEY_LENGTH)) as [Buffer, Buffer, Buffer];
  let answerLate = (_keys: Buffer): void => {};
  const answers = [
    first,
    new Promise<Buffer>((resolve) => {
      answerLate = resolve;
    }),
    newest,
  ];
  const ticketKeys = async () => answers.shift() ?? new Promise<Buffer>(() => {});
  const { server } = await serve(t, { ticketKeys, ticketKeysInterval: 1 });
  while (!server.getTicketKeys().equals(newest)) await sleep(1);
  answerLate(late);
  await sleep(1);
  t.same(server.getTicketKeys(), newest);
});

t.test('a server whose keys cannot be had does not listen', async (t) => {
  const missing = createServer({ cert, key, ticketKeys: join(folder, 'missing') });
  const [error] = await once(missing.listen(0), 'error');
  t.equal(error.code, 'ENOENT');
  t.equal(missing.listening, false);
  const wrong = createServer({ cert, key, ticketKeys: () => Buffer.alloc(1) });
  t.equal((await once(wrong.listen(0), 'error'))[0].code, 'ERR_KTLS_INVALID_OPTION');
  for (const ticketKeys of [Buffer.alloc(3), Buffer.alloc(0), 7 as never]) {
    t.throws(() => createServer({ cert, key, ticketKeys }), { code: 'ERR_KTLS_INVALID_OPTION' });
  }
});

t.test('sessions resume also where an SNICallback chooses the certificate', async (t) => {
  const { fresh, resumes } = await serve(t, {
    SNICallback: (_name, done) => done(null, createSecureContext({ cert, key })),
  });
  t.equal(await resumes(await fresh()), true);
});
