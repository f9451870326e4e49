// The handshake messages that may come after the handshake, and those that may not: too many of them, or at the
// wrong end (RFC 8446, 4.6.1).
import { once } from 'node:events';
import { connect as dial, Socket } from 'node:net';
import t, { type Test } from 'tap';

import { connectTls, dialSocket } from '../../lib/handshake/connect';
import type { Established } from '../../lib/handshake/handshake';
import { connect } from '../../lib/index';
import { native } from '../../lib/native';
import { createProxy } from '../../lib/relay';
import { socketClientContext, socketSecureContext } from '../../lib/socket/context';
import { placements } from '../helpers/guest';
import { rawServer } from '../helpers/raw-server';
import { listen as listenRaw, openContext } from '../helpers/tls-pair';
import { credentials, failure, listen, PATIENCE_MS } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;
const HANDSHAKE = 22;

/** The same message as often as a record has room for it. */
const filled = (message: string) => Buffer.alloc(16_384, message, 'hex');
const EMPTY_TICKET = '04000000';

/** What has the other end's keys, and seals whatever a test wants. */
function forge(t: Test, established: Established) {
  const { fd, cipher, version, tx, tls } = established;
  tls.destroy();
  const record = new (native().RecordKey)({ cipher, version, ...tx });
  const socket = new Socket({ fd, allowHalfOpen: true }).on('error', () => {});
  t.teardown(() => socket.destroy());
  return {
    socket,
    send: (type: number, content: Buffer) => socket.write(record.seal(type, content)),
  };
}

/** A client by hand, of a server. */
async function forgedClient(t: Test, port: number) {
  const context = await socketClientContext({ ca });
  const bounds = { host: 'localhost', timeoutMs: PATIENCE_MS };
  return forge(t, await connectTls(await dialSocket('127.0.0.1', port), context, bounds));
}

/** A server by hand, for one client. */
async function forgedServer(t: Test) {
  const context = openContext(() => socketSecureContext({ cert, key }));
  const { port, next } = await listenRaw(t, context);
  return { port, next: async () => forge(t, await next()) };
}

for (const kernel of placements) {
  t.test(`kernel: '${kernel}'`, async (t) => {
    t.test('a session ticket ends a connection at its server, however many come', async (t) => {
      const { port, next } = await listen(t, { cert, key, kernel });
      for (const content of [Buffer.from(EMPTY_TICKET, 'hex'), filled(EMPTY_TICKET)]) {
        const client = await forgedClient(t, port);
        const end = await next();
        for (let records = 0; records < 20; records++) client.send(HANDSHAKE, content);
        t.match(await failure(end), { code: 'ERR_KTLS_BAD_RECORD', message: /ticket/ });
      }
    });

    t.test('a client takes some tickets in a row and no more', async (t) => {
      const { port, next } = await forgedServer(t);
      const dialled = connect({ host: 'localhost', port, ca, kernel });
      const server = await next();
      const client = await dialled;
      let sessions = 0;
      client.on('session', () => sessions++);
      for (let records = 0; records < 20; records++) server.send(HANDSHAKE, filled(EMPTY_TICKET));
      t.match(await failure(client), { code: 'ERR_KTLS_BAD_RECORD', message: /too many session tickets/ });
      t.ok(sessions <= 40, `${sessions} sessions`);
    });

    t.test('a relay takes no more either, whichever end of the handshake it is', async (t) => {
      const target = await forgedServer(t);
      const begins = { target: target.port, connectTls: { ca } };
      const plain = await rawServer(t, () => {});
      const ends = { target: plain, tls: { cert, key } };
      for (const options of [begins, ends]) {
        const proxy = createProxy({ ...options, kernel });
        t.teardown(() => proxy.close({ abort: true }));
        const { port } = await proxy.listen({ port: 0, host: '127.0.0.1' });
        const failed = once(proxy, 'connectionError');
        let peer: { send(type: number, content: Buffer): void };
        if (options === ends) peer = await forgedClient(t, port);
        else {
          const client = dial(port).on('error', () => {});
          t.teardown(() => client.destroy());
          peer = await target.next();
        }
        for (let records = 0; records < 20; records++) peer.send(HANDSHAKE, filled(EMPTY_TICKET));
        t.match((await failed)[0], { code: 'ERR_KTLS_BAD_RECORD', message: /ticket/ });
      }
    });
  });
}
