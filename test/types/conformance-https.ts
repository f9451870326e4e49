// As conformance.ts, for lib/https.ts and types/https.d.ts.
import * as implementation from '../../lib/https';
import type * as declaration from '../../types/https';
import { type Functions, type Same, yes } from './agreement';

type Implemented = typeof implementation;
type Declared = typeof declaration;

yes<Same<keyof Implemented, keyof Declared>>();
yes<Same<Parameters<Implemented['sendFile']>, Parameters<Declared['sendFile']>>>();
// prom-client's registry is declared by what is used of it, so that its types are not needed.
const functions: Omit<Functions<Declared>, 'registerMetrics'> = implementation;
void functions;

// How users write it.
export function usage(signal: AbortSignal): declaration.HttpsServer {
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
