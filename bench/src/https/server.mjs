// A Node server of the HTTPS tables: node server.mjs KIND PORT ROOT CERT KEY KERNEL
// Listens when it is ready; answers GET with a file below ROOT, and /hello with a word.
import { createReadStream, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';

/** @typedef {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void} Listener */

const [kind, port, root, cert, key, kernel] = /** @type {string[]} */ (process.argv.slice(2));
const OURS = new URL('../../../dist/https.js', import.meta.url).href;

/** @type {Record<string, () => Promise<{ createServer: Function, serve: Listener }>>} */
const kinds = {
  async ktls() {
    const { createServer, sendFile } = await import(OURS);
    return {
      createServer,
      serve: (request, response) => sendFile(request, response, request.url, { root }),
    };
  },
  async stream() {
    return {
      createServer,
      async serve(request, response) {
        const path = join(String(root), String(request.url));
        response.setHeader('Content-Length', (await stat(path)).size);
        createReadStream(path).pipe(response);
      },
    };
  },
  async send() {
    const { default: send } = await import('send');
    return {
      createServer,
      serve: (request, response) => send(request, String(request.url), { root }).pipe(response),
    };
  },
};

const { createServer: create, serve } = await /** @type {Function} */ (kinds[String(kind)])();
const tls = {
  cert: readFileSync(String(cert)),
  key: readFileSync(String(key)),
  ciphers: 'TLS_AES_128_GCM_SHA256',
  minVersion: 'TLSv1.3',
  ecdhCurve: 'X25519',
  ...(kind === 'ktls' ? { kernel } : {}),
};
/** @type {Listener} */
const answer = (request, response) =>
  request.url === '/hello' ? void response.end('hello') : serve(request, response);
const server = create(tls, answer);
// A client that goes in the middle of a file is how every run ends.
server.on('tlsClientError', () => {});
server.keepAliveTimeout = 600_000;
server.listen(Number(port), '127.0.0.1', 16_384);
