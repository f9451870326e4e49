// The far end of every contestant: node peer.mjs PORT CERT KEY node:tls|ktls-transfer. What it does, the client
// chooses by ALPN.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';

import { BASELINE, CIPHER, OURS } from './contestants.mjs';
import { repeated } from './repeated.mjs';

/** @typedef {import('node:stream').Duplex & { alpnProtocol: string | false | null }} Socket */

const [port, cert, key, made] = /** @type {[string, string, string, string]} */ (
  /** @type {unknown} */ (process.argv.slice(2))
);

/** @type {Record<string, (socket: Socket) => void>} */
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

const options = {
  cert: readFileSync(cert),
  key: readFileSync(key),
  ciphers: CIPHER,
  minVersion: /** @type {const} */ ('TLSv1.3'),
  ALPNProtocols: Object.keys(roles),
  allowHalfOpen: true,
  noDelay: true,
};
/** @param {Socket} socket */
function serve(socket) {
  // A client that failed says why itself.
  socket.once('error', () => socket.destroy());
  roles[String(socket.alpnProtocol)]?.(socket);
}

const server =
  made === BASELINE
    ? createServer(options, serve)
    : (await import(OURS.href)).createServer({ ...options, kernel: 'off' }, serve);
server.listen(Number(port), '127.0.0.1');
