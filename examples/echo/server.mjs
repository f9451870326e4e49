// An echo service whose connections pass a relay, in the mode of your choice:
//
//   node examples/echo/server.mjs [--mode auto|copy|splice|sockmap|pipe] [--port 7007]
//
// Behind the relay stands a plain echo server, on a thread of its own: what is compared is what stands between it and
// the clients. `pipe` is what Node itself offers for that, net.Socket.pipe. SIGINT or SIGTERM ends it, with a line for
// each connection: how many bytes went through it, by which mode, and why.
import { connect, createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

import { createProxy } from 'ktls-transfer/relay';

if (isMainThread) await main();
else serveEcho();

function serveEcho() {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage(server.address()));
}

async function main() {
  const { values } = parseArgs({
    options: { mode: { type: 'string', default: 'auto' }, port: { type: 'string', default: '7007' } },
  });
  const mode = /** @type {any} */ (values.mode);
  const listen = { host: '127.0.0.1', port: Number(values.port) };
  const worker = new Worker(new URL(import.meta.url));
  /** @type {{ port: number }} */
  const { port: target } = await new Promise((resolve) => worker.once('message', resolve));
  const { port, close } = await (mode === 'pipe'
    ? startPipe(listen, target)
    : startRelay({ listen, target: { host: '127.0.0.1', port: target }, mode }));
  console.log(`echo on port ${port}, mode ${mode}`);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      await close();
      await worker.terminate();
    });
  }
}

/** @param {import('ktls-transfer/relay').ProxyOptions} options */
async function startRelay(options) {
  const proxy = createProxy(options);
  proxy.on('connectionEnd', ({ bytesAtoB, mode, reason }, peer) =>
    console.log(`${peer}: ${bytesAtoB} bytes by ${mode}: ${reason}`),
  );
  proxy.on('connectionError', (error, peer) => console.log(`${peer}: ${error.message}`));
  const { port } = await proxy.listen();
  return { port, close: () => proxy.close() };
}

/**
 * @param {{ host: string, port: number }} listen
 * @param {number} target
 */
async function startPipe(listen, target) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    client.on('error', () => upstream.destroy()).pipe(upstream);
    upstream.on('error', () => client.destroy()).pipe(client);
    const { remoteAddress, remotePort } = client;
    client.on('close', () =>
      console.log(`${remoteAddress}:${remotePort}: ${client.bytesRead} bytes by pipe: asked for`),
    );
  });
  await new Promise((resolve) => server.listen(listen, () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port, close: () => new Promise((resolve) => server.close(resolve)) };
}
