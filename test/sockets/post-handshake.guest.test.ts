// The handshake messages that may come after the handshake, and those that may not: too many of them, or at the
// wrong end (RFC 8446, 4.6.1; RFC 5246, 7.4.1).
import { once } from 'node:events';
import { connect as dial, Socket } from 'node:net';
import type { SecureVersion } from 'node:tls';
import t, { type Test } from 'tap';

import { connectTls, dialSocket } from '../../lib/handshake/connect';
import type { Established } from '../../lib/handshake/handshake';
import { connect } from '../../lib/index';
import { native } from '../../lib/native';
import { createProxy, relay } from '../../lib/relay';
import { socketClientContext, socketSecureContext } from '../../lib/socket/context';
import { placements } from '../helpers/guest';
import { rawServer } from '../helpers/raw-server';
import { listen as listenRaw, openContext } from '../helpers/tls-pair';
import { until } from '../helpers/until';
import { credentials, failure, listen, PATIENCE_MS } from './support';

const trust = credentials(t);
const { ca } = trust;
const { cert, key } = trust.server;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;

/** The same message as often as a record has room for it. */
const filled = (message: string) => Buffer.alloc(16_384, message, 'hex');
const EMPTY_TICKET = '04000000';
const CLIENT_HELLO = '01000000';
const HELLO_REQUEST = '00000000';

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
async function forgedClient(t: Test, port: number, maxVersion: SecureVersion = 'TLSv1.3') {
  const context = await socketClientContext({ ca, maxVersion });
  const bounds = { host: 'localhost', timeoutMs: PATIENCE_MS };
  return forge(t, await connectTls(await dialSocket('127.0.0.1', port), context, bounds));
}

/** A server by hand, for one client. */
async function forgedServer(t: Test, maxVersion: SecureVersion = 'TLSv1.3') {
  const context = openContext(() => socketSecureContext({ cert, key, maxVersion }));
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

    t.test(
      "'session' comes before the data behind the ticket, and whoever relays then has it all",
      async (t) => {
        const { port, next } = await forgedServer(t);
        const dialled = connect({ host: 'localhost', port, ca, kernel });
        const server = await next();
        const client = await dialled;
        let received = '';
        const target = await rawServer(t, (socket) => {
          socket.on('data', (data) => {
            received += data;
          });
          socket.on('end', () => socket.end());
        });
        let sessions = 0;
        client.on('session', () => sessions++);
        await until(() => sessions === 2, 'the tickets of the handshake have come');
        const upstream = dial(target).on('error', () => {});
        await once(upstream, 'connect');
        t.teardown(() => upstream.destroy());
        const relayed = new Promise((resolve, reject) => {
          client.once('session', () => relay(client, upstream).then(resolve, reject));
        });
        server.socket.cork();
        server.send(HANDSHAKE, Buffer.from(EMPTY_TICKET, 'hex'));
        server.send(APPLICATION_DATA, Buffer.from('first '));
        server.send(APPLICATION_DATA, Buffer.from('and last'));
        server.send(ALERT, Buffer.of(1, 0));
        server.socket.uncork();
        server.socket.end();
        await relayed;
        t.equal(received, 'first and last');
      },
    );

    t.test('TLS 1.2: a client that asks for one renegotiation after another is told no once', async (t) => {
      const { port, next } = await listen(t, { cert, key, kernel });
      const client = await forgedClient(t, port, 'TLSv1.2');
      const end = await next();
      let answered = 0;
      client.socket.on('data', (data) => {
        answered += data.length;
      });
      client.send(HANDSHAKE, Buffer.alloc(12, CLIENT_HELLO, 'hex'));
      await until(() => answered > 0, 'the first is answered');
      for (let records = 0; records < 20; records++) client.send(HANDSHAKE, filled(CLIENT_HELLO));
      t.match(await failure(end), { code: 'ERR_KTLS_BAD_RECORD', message: /renegotiation/ });
      // The warning, and the fatal alert.
      t.ok(answered < 100, `${answered} bytes`);
    });

    t.test('TLS 1.2: nor does a client take part in one, and it knows who asks how', async (t) => {
      const { port, next } = await forgedServer(t, 'TLSv1.2');
      for (const [message, why] of [
        [HELLO_REQUEST, /renegotiation/],
        [CLIENT_HELLO, /may not come here/],
      ] as const) {
        const dialled = connect({ host: 'localhost', port, ca, kernel });
        const server = await next();
        const client = await dialled;
        server.send(HANDSHAKE, filled(message));
        t.match(await failure(client), { code: 'ERR_KTLS_BAD_RECORD', message: why });
      }
    });
  });
}
