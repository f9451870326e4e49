// The end that listens: the server's side of the handshake.
import { type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';

import type { Authentication, Refusal } from './failure';
import { type Established, type HandshakeBounds, handshake } from './handshake';

/** What a server brings to its handshakes: made once, for any number of connections. */
export interface ServerContext {
  authentication: Authentication;
  /** Asked for at the beginning of each handshake; shared by connections. */
  secureContext(): SecureContext;
  /** For new TLSSocket(): requestCert, ALPNProtocols, SNICallback, … */
  options: TLSSocketOptions & { pskCallback?: (tls: TLSSocket, identity: string) => Buffer | null };
  /** Judges the client. */
  verify(tls: TLSSocket): Refusal | undefined;
  /** Whom the client proved to be; see Established.peerIdentity. */
  identity(tls: TLSSocket): string | undefined;
}

/** Ownership of `fd` moves here: it is in what the promise resolves with, or closed. */
export function acceptTls(
  fd: number,
  context: ServerContext,
  bounds: HandshakeBounds = {},
): Promise<Established> {
  return handshake(
    fd,
    {
      role: 'server',
      authentication: context.authentication,
      open: () =>
        new TLSSocket(undefined as never, {
          ...context.options,
          isServer: true,
          secureContext: context.secureContext(),
          // verify() judges, and tells the peer, which node:tls would not.
          rejectUnauthorized: false,
        }),
      verify: (tls) => context.verify(tls),
      identity: (tls) => context.identity(tls),
    },
    bounds,
  );
}
