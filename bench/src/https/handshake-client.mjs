// Connects again and again: node handshake-client.mjs PORT full|resumed SECONDS. Prints { count, ms }.
import { connect } from 'node:tls';

const [port, kind, seconds] = process.argv.slice(2);
const AT_ONCE = 16;
const REQUEST = 'GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/** @type {Buffer | undefined} */
let session;

/** @returns {Promise<void>} */
function once() {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: Number(port), rejectUnauthorized: false, ...(session && { session }) },
      () => {
        if ((session !== undefined) !== socket.isSessionReused())
          reject(new Error('not the handshake asked for'));
        socket.write(REQUEST);
      },
    );
    if (kind === 'resumed') socket.on('session', (ticket) => (session ??= ticket));
    socket.resume();
    socket.once('close', () => resolve());
    socket.once('error', reject);
  });
}

await once();
let count = 0;
const start = performance.now();
const end = start + Number(seconds) * 1000;
async function worker() {
  for (; performance.now() < end; count++) await once();
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));
process.stdout.write(JSON.stringify({ count, ms: performance.now() - start }));
