// serve: a static file server over HTTPS, until a signal ends it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { peerAddress } from '../address';
import { createServer, type HttpsServer } from '../https';
import { listing } from '../https/listing';
import { answerWithFile } from '../https/send-file';
import { listen } from '../listen';
import { Stopped, statusOfSignal } from './exit-status';
import { readPem } from './options';
import type { ServeFlags } from './options-serve';
import { createOutput, type Output, type ServeTotals } from './output';
import { withStopSignals } from './signals';

export async function serve(root: string, flags: ServeFlags): Promise<number> {
  const output = createOutput(flags, true);
  const credentials = () => ({ cert: readPem(flags.cert), key: readPem(flags.key) });
  const server = createServer({ ...credentials(), kernel: flags.kernel });
  const totals = count(server, output);
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    // A server that ends keeps no connection.
    if (!server.listening) res.setHeader('Connection', 'close');
    answer(root, flags, req, res).catch((error) => res.destroy(error));
  });
  const reload = () => {
    try {
      server.setSecureContext(credentials());
    } catch (error) {
      output.warning(`certificate and key stay as they were: ${(error as Error).message}`);
    }
  };
  process.on('SIGHUP', reload);
  try {
    return await withStopSignals(
      (text) => output.warning(text),
      async (signal) => {
        // What befalls it afterwards, stopped() hears of.
        output.listening(await listen(server, flags.listen, () => {}));
        await stopped(server, signal);
        await new Promise((resolve) => server.close(resolve));
        output.serveEnded(totals);
        return signal.reason instanceof Stopped ? statusOfSignal(signal.reason.signal) : 1;
      },
      ['SIGINT', 'SIGTERM'],
    );
  } finally {
    process.off('SIGHUP', reload);
  }
}

async function answer(
  root: string,
  { index, dotfiles, precompressed, maxAge }: ServeFlags,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return;
  }
  const path = req.url as string;
  const options = {
    root,
    dotfiles: dotfiles ? ('allow' as const) : ('ignore' as const),
    precompressed,
    maxAge,
  };
  await answerWithFile(req, res, path, options, index ? list : undefined);

  async function list(directory: Parameters<typeof listing>[0]): Promise<void> {
    const [name = ''] = path.split('?', 1);
    const page = await listing(directory, decodeURIComponent(name));
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Content-Security-Policy', "default-src 'none'");
    res.end(page);
  }
}

/** Resolves with the signal; rejects when it cannot listen any more. */
function stopped(server: HttpsServer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function count(server: HttpsServer, output: Output): ServeTotals {
  const totals = { connections: 0, failed: 0, requests: 0 };
  server.on('secureConnection', () => totals.connections++);
  server.on('request', () => totals.requests++);
  server.on('tlsClientError', (error: Error, socket: Socket) => {
    totals.failed++;
    output.connectionError(error, peerAddress(socket));
  });
  return totals;
}
