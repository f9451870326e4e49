// sendFile() for a client that sends requests before their predecessors have been answered.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect as connectPlain, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { connect } from 'node:tls';
import t from 'tap';

import { sendFile } from '../../lib/https';
import { timesOpen } from '../helpers/times-open';
import { until } from '../helpers/until';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder: root } = credentials(t);
const large = randomBytes(3_000_000);
const medium = randomBytes(100_000);
const small = randomBytes(5000);
writeFileSync(join(root, 'large.mp4'), large);
writeFileSync(join(root, 'medium.bin'), medium);
writeFileSync(join(root, 'small.txt'), small);

type Tap = { teardown(handler: () => unknown): void };

/** Connections of ours, on which files go natively, and others, which get them by a stream. */
const KINDS: Record<string, (t: Tap, listener: RequestListener) => Promise<Socket>> = {
  async native(t, listener) {
    const { port } = await serve(t, identity, listener);
    const client = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
    t.teardown(() => client.destroy());
    await once(client, 'secureConnect');
    return client;
  },
  async streamed(t, listener) {
    const server = createHttpServer(listener);
    t.teardown(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = connectPlain((server.address() as AddressInfo).port, '127.0.0.1');
    t.teardown(() => client.destroy());
    return client;
  },
};

const ask = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

/** The bodies of the responses that follow one another. */
function bodiesOf(all: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  for (let rest = all; rest.length > 0; ) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const length = Number(/content-length: (\d+)/i.exec(rest.subarray(0, end).toString())?.[1]);
    bodies.push(rest.subarray(end, end + length));
    rest = rest.subarray(end + length);
  }
  return bodies;
}

for (const [kind, start] of Object.entries(KINDS)) {
  t.test(`${kind}: responses come whole, and in order`, async (t) => {
    const client = await start(t, (req, res) => {
      // The later ones are ready before the first.
      const wait = req.url === '/large.mp4' ? 50 : 0;
      setTimeout(() => {
        if (req.url === '/text') res.end('text');
        else sendFile(req, res, req.url as string, { root });
      }, wait);
    });
    client.write(
      ask('/large.mp4') +
        ask('/text') +
        ask('/medium.bin') +
        ask('/small.txt') +
        ask('/medium.bin') +
        ask('/large.mp4') +
        ask('/text', 'Connection: close\r\n'),
    );
    const bodies = bodiesOf(await buffer(client));
    const expected = [large, Buffer.from('text'), medium, small, medium, large, Buffer.from('text')];
    t.equal(bodies.length, expected.length);
    t.ok(bodies.every((body, i) => body.equals(expected[i] as Buffer)));
  });

  t.test(`${kind}: files are opened when their turn has come`, async (t) => {
    const path = join(root, 'medium.bin');
    let asked = 0;
    let answer: () => void = () => {};
    const client = await start(t, (req, res) => {
      if (req.url === '/first') answer = () => res.end('first');
      else sendFile(req, res, req.url as string, { root });
      asked++;
    });
    client.write(ask('/first') + ask('/medium.bin').repeat(11) + ask('/medium.bin', 'Connection: close\r\n'));
    await until(() => asked === 13, 'all have been asked for');
    t.equal(timesOpen(path), 0);
    answer();
    const bodies = bodiesOf(await buffer(client));
    t.equal(bodies.length, 13);
    t.ok(bodies.slice(1).every((body) => body.equals(medium)));
  });

  t.test(`${kind}: a client that goes away leaves no file open, and nobody waiting`, async (t) => {
    let asked = 0;
    let settled = 0;
    const client = await start(t, (req, res) => {
      asked++;
      if (req.url !== '/never') sendFile(req, res, req.url as string, { root }).then(() => settled++);
    });
    client.write(ask('/never') + ask('/medium.bin').repeat(12));
    await until(() => asked === 13, 'all have been asked for');
    client.destroy();
    await until(() => settled === 12, 'all have been told');
    t.equal(timesOpen(join(root, 'medium.bin')), 0);
  });

  t.test(`${kind}: a signal ends the connection of a response that waits`, async (t) => {
    for (const early of [true, false]) {
      const controller = new AbortController();
      if (early) controller.abort();
      let sent: Promise<void> | undefined;
      const client = await start(t, (req, res) => {
        if (req.url === '/never') return;
        sent = sendFile(req, res, req.url as string, { root, signal: controller.signal });
      });
      const closed = once(client, 'close');
      client.resume();
      client.write(ask('/never') + ask('/medium.bin'));
      await until(() => sent !== undefined, 'the file has been asked for');
      controller.abort();
      await closed;
      await sent;
    }
  });

  t.test(`${kind}: what else answers before the turn has come is what the client gets`, async (t) => {
    const codes: unknown[] = [];
    const client = await start(t, (req, res) => {
      if (req.url === '/first') {
        setTimeout(() => res.end('first'), 50);
        return;
      }
      sendFile(req, res, '/medium.bin', { root }).catch(({ code }) => codes.push(code));
      res.end('late');
    });
    client.write(ask('/first') + ask('/second', 'Connection: close\r\n'));
    const bodies = bodiesOf(await buffer(client));
    t.same(bodies.map(String), ['first', 'late']);
    await until(() => codes.length === 1, 'it has been told');
    t.same(codes, ['ERR_HTTP_HEADERS_SENT']);
    t.equal(timesOpen(join(root, 'medium.bin')), 0);
  });
}
