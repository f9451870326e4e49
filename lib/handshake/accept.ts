// The end that listens: the server's side of the handshake.
import type { SecureContext, TLSSocketOptions } from 'node:tls';

import { KtlsError } from '../errors';
import type { Authentication, Refusal } from './failure';
import { type CertificateAnswer, type Established, type HandshakeBounds, handshake } from './handshake';
import type { NativeTlsContext, PreSharedKey } from './native';
import { type AlpnOptions, tlsContext } from './tls-context';
import type { TlsSession } from './tls-session';

/** Of tls.createServer(), and beside them: */
export interface ServerHandshakeOptions extends AlpnOptions {
  /** Whoever the client is then: ServerContext.verify() judges. */
  requestCert?: boolean | undefined;
  SNICallback?: TLSSocketOptions['SNICallback'] | undefined;
  /** Asked where the client would like an OCSP response (RFC 6066, 8); `chosen` is what SNICallback chose. */
  staple?:
    | ((done: (error: Error | null, response?: Uint8Array) => void, chosen?: SecureContext | null) => void)
    | undefined;
  psk?: PreSharedKey | undefined;
}

/** What a server brings to its handshakes: made once, for any number of connections. */
export interface ServerContext {
  authentication: Authentication;
  /** Asked for at the beginning of each handshake; shared by connections. */
  secureContext(): SecureContext;
  options: ServerHandshakeOptions;
  /** Judges the client. */
  verify(tls: TlsSession): Refusal | undefined;
  /** Whom the client proved to be; see Established.peerIdentity. */
  identity(tls: TlsSession): string | undefined;
}

/** Ownership of `fd` moves here: it is in what the promise resolves with, or closed. */
export function acceptTls(
  fd: number,
  context: ServerContext,
  bounds: HandshakeBounds = {},
): Promise<Established> {
  const { authentication, options } = context;
  const { requestCert, ALPNCallback, SNICallback, staple, psk } = options;
  return handshake(
    fd,
    {
      role: 'server',
      authentication,
      begin: () => ({
        context: tlsContext(context.secureContext(), options),
        server: true,
        requestCert,
        asks: SNICallback !== undefined || staple !== undefined,
        psk,
      }),
      ALPNCallback,
      certificate: (servername, wantsStaple, answer) => choose(options, servername, wantsStaple, answer),
      verify: (tls) => context.verify(tls),
      identity: (tls) => context.identity(tls),
    },
    bounds,
  );
}

function choose(
  options: ServerHandshakeOptions,
  servername: string | undefined,
  wantsStaple: boolean,
  answer: CertificateAnswer,
): void {
  const { SNICallback, staple } = options;
  const withStaple = (context?: SecureContext | null): void => {
    let chosen: NativeTlsContext | undefined;
    try {
      if (context) chosen = tlsContext(context, options);
    } catch (cause) {
      const message = 'SNICallback gave no secure context: tls.createSecureContext() makes one';
      answer(new KtlsError('ERR_KTLS_INVALID_OPTION', message, { cause }));
      return;
    }
    if (!wantsStaple || staple === undefined) answer(null, chosen);
    else staple((error, response) => answer(error, chosen, response), context);
  };
  if (SNICallback === undefined || servername === undefined) withStaple();
  else SNICallback(servername, (error, context) => (error ? answer(error) : withStaple(context)));
}
