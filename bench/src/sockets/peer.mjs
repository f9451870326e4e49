// The far end of every contestant, of node:tls: node peer.mjs PORT CERT KEY. What it does, the client chooses by ALPN.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';

import { CIPHER } from './contestants.mjs';
import { repeated } from './repeated.mjs';

/** @typedef {import('node:tls').TLSSocket} TLSSocket */

const [port, cert, key] = /** @type {[string, string, string]} */ (
  /** @type {unknown} */ (process.argv.slice(2))
);

/** @type {Record<string, (socket: TLSSocket) => void>} */
const roles = {
  /** Discards, and answers the end with how much it was. */
  sink(socket) {
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.once('end', () => socket.end(String(bytes)));
  },
  /** Sends as many bytes as the first message says. */
  source(socket) {
    socket.once('data', (text) => repeated(65_536, Number(text)).pipe(socket));
  },
  echo(socket) {
    socket.pipe(socket);
  },
};

createServer(
  {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ciphers: CIPHER,
    minVersion: 'TLSv1.3',
    ALPNProtocols: Object.keys(roles),
    allowHalfOpen: true,
    noDelay: true,
  },
  (socket) => {
    // A client that failed says why itself.
    socket.once('error', () => socket.destroy());
    roles[String(socket.alpnProtocol)]?.(socket);
  },
).listen(Number(port), '127.0.0.1');
