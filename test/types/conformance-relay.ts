// As conformance.ts, for lib/relay.ts and types/relay.d.ts.
import type { Socket } from 'node:net';

import * as implementation from '../../lib/relay';
import type { KtlsSocket } from '../../types/index';
import type * as declaration from '../../types/relay';
import { type Functions, type ParametersAgree, type Same, yes } from './agreement';

type Implemented = typeof implementation;
type Declared = typeof declaration;

yes<Same<keyof Implemented, keyof Declared>>();
yes<ParametersAgree<Declared, Implemented>>();
yes<Same<implementation.RelayResult, declaration.RelayResult>>();
yes<Same<implementation.RelayMode, declaration.RelayMode>>();
const functions: Functions<Declared> = implementation;
const proxy: declaration.ProxyServer = implementation.createProxy({ target: 80 });
void [functions, proxy];

// How users write it.
export async function usage(a: Socket, b: KtlsSocket, signal: AbortSignal): Promise<string> {
  const { createProxy, relay, ProxyServer, Relay } = implementation as unknown as Declared;
  const timeout: number | undefined = undefined;
  await using handle = relay(a, b, { mode: 'auto', idleTimeout: 60_000, timeout, signal });
  const { bytesAtoB, recordB }: declaration.RelayProgress = handle.progress();
  const server = createProxy({ listen: 8080, target: 'host:9000', mode: 'sockmap', fallback: true });
  createProxy({ listen: '[::1]:443', target: { port: 80 }, tls: { key: 'PEM', cert: 'PEM' } });
  createProxy({ target: 'host:443', connectTls: { ca: 'PEM', servername: 'name' }, kernel: 'require' });
  createProxy({ target: 'host:443', connectTls: true });
  server.on('connection', (each, peer) => console.log(each.bytesAtoB, peer, recordB?.tx));
  server.on('connectionEnd', ({ mode, durationMs }) => console.log(mode, durationMs, bytesAtoB));
  const { port } = await server.listen();
  await server.close({ abort: true });
  // @ts-expect-error: no such mode
  relay(a, b, { mode: 'fast' });
  // @ts-expect-error: a proxy without a target
  createProxy({ listen: port });
  // @ts-expect-error: made by createProxy only
  new ProxyServer();
  // @ts-expect-error: made by relay only
  new Relay();
  const { aToB } = await relay(3, 4);
  return (await handle).reason + aToB.reason;
}
