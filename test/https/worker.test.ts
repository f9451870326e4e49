// A server in a worker: what it opens is the addon's, of which Node knows nothing.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import t from 'tap';

import { timesOpen } from '../helpers/times-open';
import { credentials } from '../sockets/support';

const { ca, server: identity, folder } = credentials(t);
const root = join(folder, 'root');
const large = randomBytes(30_000_000);
mkdirSync(join(root, 'sub'), { recursive: true });
writeFileSync(join(root, 'large.mp4'), large);

const script = `
  const { once } = require('node:events');
  const { createServer } = require('node:http');
  const { parentPort, workerData } = require('node:worker_threads');
  const https = require(${JSON.stringify(join(__dirname, '../../dist/https.js'))});
  const answer = (req, res) => https.sendFile(req, res, req.url, { root: workerData.root });
  const servers = [https.createServer(workerData.identity, answer), createServer(answer)];
  const warnings = [];
  process.on('warning', ({ message }) => warnings.push(message));
  const listening = servers.map((server) => once(server.listen(0, '127.0.0.1'), 'listening'));
  Promise.all(listening).then(() => parentPort.postMessage(servers.map((server) => server.address().port)));
  parentPort.once('message', () => setImmediate(() => parentPort.postMessage(warnings)));`;

interface Served {
  worker: Worker;
  encrypted: number;
  plain: number;
}

async function startWorker(t: { teardown(handler: () => unknown): void }): Promise<Served> {
  const worker = new Worker(script, { eval: true, workerData: { root, identity } });
  t.teardown(() => worker.terminate());
  const [[encrypted, plain]] = (await once(worker, 'message')) as [[number, number]];
  return { worker, encrypted, plain };
}

/** The head of the response; its body waits to be read. */
async function ask(port: number, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, ca, path, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function askPlain(port: number, path: string): Promise<IncomingMessage> {
  const sent = requestPlain({ host: '127.0.0.1', port, path }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

t.test('Node warns of nothing', async (t) => {
  const { worker, encrypted, plain } = await startWorker(t);
  const get = async (path: string, options?: RequestOptions) => {
    const response = await ask(encrypted, path, options);
    await buffer(response);
    return response;
  };
  const { headers } = await get('/large.mp4');
  t.equal((await get('/large.mp4', { method: 'HEAD' })).statusCode, 200);
  const known = { 'if-none-match': headers.etag };
  t.equal((await get('/large.mp4', { headers: known })).statusCode, 304);
  t.equal((await get('/sub')).statusCode, 301);
  t.ok((await buffer(await askPlain(plain, '/large.mp4'))).equals(large));
  worker.postMessage('what has been warned of?');
  const [warnings] = await once(worker, 'message');
  t.same(warnings, []);
});

t.test('terminated while it serves, it leaves no file open', async (t) => {
  const { worker, encrypted, plain } = await startWorker(t);
  const responses = [await ask(encrypted, '/large.mp4'), await askPlain(plain, '/large.mp4')];
  for (const response of responses) response.on('error', () => {});
  const file = join(root, 'large.mp4');
  t.equal(timesOpen(file), 2, 'both are under way');
  await worker.terminate();
  t.equal(timesOpen(file), 0);
});
