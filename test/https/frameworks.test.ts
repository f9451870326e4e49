// What others built on node:https works on a server of ours as it is.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { Server as NodeHttpsServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import supertest from 'supertest';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';

import { createServer, sendFile } from '../../lib/https';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder } = credentials(t);
const content = randomBytes(500_000);
const path = join(folder, 'file.bin');
writeFileSync(path, content);

async function get(port: number, url: string, headers = {}): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, ca, path: url, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode: status, headers: answered } = response;
  return { status, etag: answered.etag, body: await buffer(response) };
}
interface Answer {
  status: number | undefined;
  etag: string | undefined;
  body: Buffer;
}

/** What every one of them is asked. */
async function check(t: Tap, port: number): Promise<void> {
  t.equal((await get(port, '/text')).body.toString(), 'text');
  const whole = await get(port, '/file');
  t.equal(whole.status, 200);
  t.ok(whole.body.equals(content));
  const part = await get(port, '/file', { Range: 'bytes=100-299999' });
  t.equal(part.status, 206);
  t.ok(part.body.equals(content.subarray(100, 300_000)));
  t.equal((await get(port, '/file', { 'If-None-Match': whole.etag })).status, 304);
  t.equal((await get(port, '/none')).status, 404);
}
interface Tap {
  equal(found: unknown, wanted: unknown): boolean;
  ok(found: unknown): boolean;
}

t.test('express, also with its own static()', async (t) => {
  const app = express();
  app.get('/text', (_req, res) => {
    res.send('text');
  });
  app.get('/file', (req, res) => sendFile(req, res, path));
  app.use('/static', express.static(folder));
  const { port } = await serve(t, identity, app as RequestListener);
  await check(t, port);
  t.ok((await get(port, '/static/file.bin')).body.equals(content));
});

t.test('express: a folder below a mount point is redirected to where it is', async (t) => {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  const app = express();
  app.use('/static', (req, res) => sendFile(req, res, req.url, { root: folder }));
  const { port } = await serve(t, identity, app as RequestListener);
  const sent = request({ host: '127.0.0.1', port, ca, path: '/static/sub?v=1' }).end();
  const [{ statusCode, headers }] = (await once(sent, 'response')) as [IncomingMessage];
  t.same([statusCode, headers.location], [301, '/static/sub/?v=1']);
});

t.test('fastify, by its serverFactory', async (t) => {
  const app = fastify({
    pluginTimeout: 0,
    serverFactory: (handler) => createServer(identity, handler),
  });
  app.get('/text', async () => 'text');
  app.get('/file', (req, reply) => {
    reply.hijack();
    sendFile(req.raw, reply.raw, path);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  await check(t, (app.server.address() as AddressInfo).port);
  await app.close();
});

t.test('koa', async (t) => {
  const app = new Koa();
  app.use(async (ctx) => {
    if (ctx.path === '/text') ctx.body = 'text';
    if (ctx.path !== '/file') return;
    ctx.status = 200;
    ctx.respond = false;
    await sendFile(ctx.req, ctx.res, path);
  });
  const { port } = await serve(t, identity, app.callback());
  await check(t, port);
});

t.test('supertest, which asks what kind of server it has', async (t) => {
  const server = createServer(identity, (req, res) =>
    sendFile(req, res, req.url as string, { root: folder }),
  );
  t.ok(server instanceof NodeHttpsServer);
  t.teardown(() => server.close());
  const answer = await supertest(server).get('/file.bin').ca(ca).buffer(true).expect(200);
  t.ok(content.equals(answer.body as Buffer));
});

t.test('ws: upgrade, messages in both directions, close', async (t) => {
  const { server, port } = await serve(t, identity, (_req, res) => res.end());
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const client = new WebSocket(`wss://127.0.0.1:${port}/`, { ca });
  await once(client, 'open');
  for (const size of [1, 70_000, 2_000_000]) {
    const sent = randomBytes(size);
    client.send(sent);
    const [received] = await once(client, 'message');
    t.ok(sent.equals(received as Buffer));
  }
  client.close(4000, 'done');
  const [code] = await once(client, 'close');
  t.equal(code, 4000);
});
