// usage: node peer.mjs pipe|auto|copy|splice|sockmap PORT TARGET
// Relays from one loopback port to another until it is killed.
import { connect, createServer } from 'node:net';

const [mode, port, target] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const host = '127.0.0.1';

if (mode === 'pipe') {
  createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ port: target, host, allowHalfOpen: true, noDelay: true });
    client.on('error', () => upstream.destroy()).pipe(upstream);
    upstream.on('error', () => client.destroy()).pipe(client);
  }).listen({ port, host, backlog: 4096 });
} else {
  const { createProxy } = await import(new URL('../../../dist/relay.mjs', import.meta.url).href);
  // Sockmap cannot hold the writer back, who is the faster end here: the default limit would end it.
  const backlogLimit = 2 ** 36;
  const proxy = createProxy({ listen: { port, host }, target: { port: target, host }, mode, backlogLimit });
  proxy.on('connectionError', (/** @type {Error} */ error) => process.stderr.write(`${error.message}\n`));
}
