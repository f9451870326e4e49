// createServer() is https.createServer() over connections of ours.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import t from 'tap';

import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity } = credentials(t);

async function get(port: number, options = {}): Promise<{ response: IncomingMessage; body: string }> {
  const sent = request({ host: '127.0.0.1', port, ca, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { response, body: await text(response) };
}

t.test('a request is answered', async (t) => {
  const { port } = await serve(t, identity, (req, res) => res.end(`${req.method} ${req.url}`));
  const { response, body } = await get(port, { path: '/x?y' });
  t.equal(response.statusCode, 200);
  t.equal(body, 'GET /x?y');
});

t.test('close() waits for the connections, and getConnections() counts them', async (t) => {
  const { port, server } = await serve(t, identity, (req, res) => {
    res.write('a');
    req.resume().on('end', () => res.end('b'));
  });
  const count = promisify(server.getConnections.bind(server));
  const sent = request({ host: '127.0.0.1', port, ca, method: 'POST' });
  sent.write('x');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  t.equal(await count(), 1);
  let closed = false;
  const closing = once(server, 'close').then(() => {
    closed = true;
  });
  server.close();
  t.notOk(closed);
  sent.end();
  t.equal(await text(response), 'ab');
  await closing;
  t.equal(await count(), 0);
});
