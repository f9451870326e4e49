// As conformance.ts, for lib/https.ts and types/https.d.ts.
import { subscribe } from 'node:diagnostics_channel';
import { Registry } from 'prom-client';

import * as implementation from '../../lib/https';
import type * as declaration from '../../types/https';
import { type Functions, type ParametersAgree, type Same, yes } from './agreement';

type Implemented = typeof implementation;
/** An overloaded function has no one list of parameters. */
type WithoutOverloads<Module> = Omit<Module, 'createServer'>;
type Declared = typeof declaration;

yes<Same<keyof Implemented, keyof Declared>>();
yes<ParametersAgree<WithoutOverloads<Declared>, WithoutOverloads<Implemented>>>();
const functions: Functions<WithoutOverloads<Declared>> = implementation;
const server: declaration.HttpsServer = implementation.createServer({});
void [functions, server];

// How users write it.
export async function usage(signal: AbortSignal): Promise<number> {
  const { createServer, metrics, registerMetrics, sendFile, HttpsServer } =
    implementation as unknown as Declared;
  const keys = Buffer.alloc(48);
  const server = createServer({ key: 'PEM', cert: 'PEM', ticketKeys: 'ticket.keys' }, (req, res) => {
    sendFile(req, res, '/srv/video.mp4', { headers: { 'X-Sent-By': 'us' }, start: 1, signal });
  });
  createServer({ ticketKeys: () => keys, ticketKeysInterval: 1000, kernel: 'require' }).setTicketKeys(keys);
  createServer((_req, res) => res.end('x'));
  subscribe('ktls-transfer:handshake', (message) => {
    const { durationMs, record, socket } = message as declaration.HandshakeMessage;
    console.log(durationMs, record.tx, socket.remoteAddress);
  });
  registerMetrics();
  registerMetrics(new Registry());
  // @ts-expect-error: a server, not its port
  metrics(443);
  // @ts-expect-error: made by createServer only
  new HttpsServer();
  const { handshakes, responses }: declaration.HttpsMetrics = metrics(server);
  return handshakes.durationMs.p99 + responses['4xx'] + metrics().firstResponse4xx;
}

export function serving(signal: AbortSignal): declaration.HttpsServer {
  const { createServer, sendFile, HttpsServer } = implementation as unknown as Declared;
  const maybe: string | undefined = undefined;
  const server = createServer(
    { key: 'PEM', cert: 'PEM', kernel: 'require', requestCert: true },
    (req, res) => {
      if (req.url === '/') sendFile(req, res, '/srv/index.html', { headers: { Vary: 'Origin' } });
      else sendFile(req, res, req.url as string, { root: maybe, start: 0, end: 9, signal, dotfiles: 'deny' });
    },
  );
  createServer((_req, res) => res.end());
  server.on('tlsClientError', (error) => console.log(error.message));
  server.listen(8443).headersTimeout = 5000;
  // @ts-expect-error: made by createServer only
  new HttpsServer();
  // @ts-expect-error: a path is missing
  sendFile();
  return server;
}
