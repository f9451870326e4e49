// The TLS of a proxy, on either side: who it is, whom it trusts, and the way into a relay.
import { rootCertificates } from 'node:tls';

import type { ProxyConnectTlsOptions, ProxyTlsOptions } from '../../types/relay';
import { clientContext, publicServerContext, serverContext } from '../credentials';
import type { ServerContext } from '../handshake/accept';
import type { ClientContext } from '../handshake/connect';
import type { Established } from '../handshake/handshake';
import type { KernelPolicy, NativeRelayEnd } from '../native';
import { invalid } from './options';

/** @throws ERR_KTLS_INVALID_OPTION */
export async function acceptingContext(options: ProxyTlsOptions): Promise<ServerContext> {
  const asksClients = options.ca !== undefined || options.fingerprint !== undefined;
  const context = await (asksClients ? serverContext : publicServerContext)(options);
  const { ALPNProtocols } = options;
  return ALPNProtocols ? { ...context, options: { ...context.options, ALPNProtocols } } : context;
}

/** @throws ERR_KTLS_INVALID_OPTION */
export async function connectingContext(options: ProxyConnectTlsOptions): Promise<ClientContext> {
  const { ALPNProtocols, servername, ...credentials } = options;
  if (servername !== undefined && (typeof servername !== 'string' || servername === '')) {
    throw invalid('servername', 'must be a string, not empty');
  }
  const trusts = credentials.ca !== undefined || credentials.fingerprint !== undefined;
  const context = await clientContext(trusts ? credentials : { ...credentials, ca: rootCertificates });
  return ALPNProtocols ? { ...context, options: { ...context.options, ALPNProtocols } } : context;
}

/** What a relay takes, out of what a handshake left. */
export function tlsEnd(established: Established, kernel: KernelPolicy): NativeRelayEnd {
  const { fd, role, cipher, tx, rx, tls } = established;
  tls.destroy();
  return { fd, initial: Buffer.alloc(0), tls: { role, cipher, tx, rx, kernel } };
}
