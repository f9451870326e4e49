// Clients that want much, or take their time: what they cost, and when they are shut out. The server is a process of
// its own, whose memory is read from /proc.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer, text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import t from 'tap';

import { until } from '../helpers/until';
import { collectWarnings } from '../helpers/warnings';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder } = credentials(t);
const MIB = 1024 * 1024;
const secureContext = createSecureContext({ ca });
writeFileSync(join(folder, 'small'), 'small');

type Teardown = { teardown(handler: () => unknown): void };

/** The resident memory that a process has for itself, in bytes. */
function resident(pid: number): number {
  const [, kib] = readFileSync(`/proc/${pid}/status`, 'latin1').match(/RssAnon:\s+(\d+) kB/) ?? [];
  return Number(kib) * 1024;
}

/** Serves the folder, as a process, and waits for its clients for ever. */
async function start(t: Teardown): Promise<{ pid: number; port: number }> {
  const script = `
    const { createServer, sendFile } = require(${JSON.stringify(join(__dirname, '..', '..', 'dist', 'https.js'))});
    const { readFileSync } = require('node:fs');
    const cert = readFileSync(${JSON.stringify(identity.certFile)});
    const key = readFileSync(${JSON.stringify(identity.keyFile)});
    const patience = { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 };
    const server = createServer({ cert, key, ...patience }, (req, res) =>
      sendFile(req, res, req.url, { root: ${JSON.stringify(folder)} }));
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { pid: child.pid as number, port: Number(line) };
}

async function open(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', secureContext });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** In small groups, as handshakes take their time. */
async function openMany(t: Teardown, port: number, count: number): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  while (sockets.length < count) {
    const group = Array.from({ length: Math.min(50, count - sockets.length) }, () => open(port));
    sockets.push(...(await Promise.all(group)));
  }
  return sockets;
}

async function body(port: number, path: string): Promise<Buffer> {
  const sent = request({ host: '127.0.0.1', port, ca, path, agent: false }).end();
  const [response] = await once(sent, 'response');
  return buffer(response);
}

t.test('a file of 1 GiB to 200 readers that stop costs no more memory than their buffers', async (t) => {
  const fd = openSync(join(folder, 'huge'), 'w');
  ftruncateSync(fd, 1024 * MIB);
  closeSync(fd);
  const { pid, port } = await start(t);
  const readers = await openMany(t, port, 200);
  const before = resident(pid);
  await Promise.all(
    readers.map((reader) => {
      reader.write('GET /huge HTTP/1.1\r\nHost: x\r\n\r\n');
      // It has begun, and nothing is read any more.
      return once(reader, 'readable');
    }),
  );
  // Those who read are served beside them.
  t.equal(String(await body(port, '/small')), 'small');
  const grown = (resident(pid) - before) / MIB;
  t.ok(grown < 200, `${Math.round(grown)} MiB more for 200 GiB that wait`);
});

// How many a machine opens in the time that a test has is its own affair: KTLS_TEST_IDLE=10000 takes two minutes.
const IDLE = Number(process.env.KTLS_TEST_IDLE ?? 1000);

t.test('idle connections are kept, cost little, and each still answers', async (t) => {
  const { pid, port } = await start(t);
  const ask = async (socket: TLSSocket) => {
    socket.write('GET /small HTTP/1.1\r\nHost: x\r\n\r\n');
    const [answer] = await once(socket, 'data');
    return String(answer).endsWith('small');
  };
  // What the first ones cost the process, it has once.
  const first = await openMany(t, port, 100);
  await Promise.all(first.map(ask));
  const before = resident(pid);
  const idle = await openMany(t, port, IDLE);
  t.ok((await Promise.all(idle.map(ask))).every(Boolean));
  const each = (resident(pid) - before) / IDLE / 1024;
  t.comment(`${Math.round(each)} KiB for each of ${IDLE}`);
  t.ok(each < 400, 'not the buffers of a record layer, which are as large as that');
  t.ok((await Promise.all([...first, ...idle].map(ask))).every(Boolean), 'again, on the same connections');
});

t.test('a client that never ends its head, or its body, is shut out after its time', async (t) => {
  const options = { ...identity, headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 50 };
  const { port } = await serve(t, options, (req, res) => {
    req.resume().on('end', () => res.end('whole'));
  });
  for (const beginning of [
    'GET / HTTP/1.1\r\nHost: x\r\nX-Never:',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx',
  ]) {
    const slow = await open(port);
    slow.write(beginning);
    t.match(await text(slow), /^HTTP\/1.1 408 Request Timeout\r\n/);
  }
});

t.test('a client that never ends its handshake is shut out after its time', async (t) => {
  const { port, server } = await serve(t, { ...identity, handshakeTimeout: 200 });
  const { connect: connectTcp } = await import('node:net');
  const refused = once(server, 'tlsClientError');
  const slow = connectTcp(port, '127.0.0.1').on('error', () => {});
  t.match(await refused, [{ code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' }]);
  await once(slow.resume(), 'close');
});

t.test('many handshakes at once are nothing to warn of', async (t) => {
  const warnings = collectWarnings(t);
  const { port, server } = await serve(t, identity);
  const { connect: connectTcp } = await import('node:net');
  for (let i = 0; i < 20; i++) {
    const silent = connectTcp(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => silent.destroy());
    await once(server, 'connection');
  }
  // Warnings come on a later turn.
  await setImmediate();
  t.same(warnings, []);
});

t.test('a connection that is kept ends after keepAliveTimeout', async (t) => {
  const { port } = await serve(t, { ...identity, keepAliveTimeout: 100 }, (_req, res) => res.end('x'));
  const kept = await open(port);
  kept.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  t.match(await text(kept), /\r\nConnection: keep-alive\r\n/);
});

t.test('closeIdleConnections() ends those alone that wait for a request', async (t) => {
  const { port, server } = await serve(t, identity, (req, res) => {
    if (req.url === '/now') res.end('now');
    else res.write('later');
  });
  const [idle, busy] = (await Promise.all([open(port), open(port)])) as [TLSSocket, TLSSocket];
  idle.write('GET /now HTTP/1.1\r\nHost: x\r\n\r\n');
  busy.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
  await Promise.all([once(idle, 'data'), once(busy, 'data')]);
  server.closeIdleConnections();
  await once(idle, 'close');
  t.notOk(busy.closed);
  server.closeAllConnections();
  await once(busy, 'close');
});

t.test(
  'a client waits for the keys of tickets no longer than for its handshake, or for the server',
  async (t) => {
    const ticketKeys = () => new Promise<Buffer>(() => {});
    const { port, server } = await serve(t, { ...identity, ticketKeys, handshakeTimeout: 50 });
    const silent = connectTcp(port, '127.0.0.1').on('error', () => {});
    t.match(await once(server, 'tlsClientError'), [{ code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' }]);
    if (!silent.closed) await once(silent, 'close');

    const patient = await serve(t, { ...identity, ticketKeys });
    const failed = once(patient.server, 'tlsClientError');
    const waiting = connectTcp(patient.port, '127.0.0.1').on('error', () => {});
    await once(waiting, 'connect');
    const count = () =>
      new Promise<number>((resolve) => patient.server.getConnections((_error, number) => resolve(number)));
    await until(async () => (await count()) === 1, 'it has arrived');
    patient.server.closeAllConnections();
    t.match(await failed, [{ name: 'AbortError' }]);
  },
);
