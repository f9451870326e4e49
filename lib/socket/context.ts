// The options of node:tls, made ready for handshakes: once, for any number of connections.
import {
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls';

import {
  CERTIFICATE_CIPHERS,
  certificateMissing,
  clientContext,
  refusalByChain,
  serverContext,
} from '../credentials';
import { escapeText, KtlsError } from '../errors';
import type { ServerContext } from '../handshake/accept';
import { CIPHER_NAMES, TLS12_CIPHERS } from '../handshake/cipher';
import type { ClientContext } from '../handshake/connect';
import type { Refusal } from '../handshake/failure';
import type { TlsSession } from '../handshake/tls-session';
import { invalid } from './options';
import type { TicketKeyRing } from './ticket-keys';

/** What one process resumes is resumed by another of the same ticketKeys. */
export const SESSION_ID_CONTEXT = 'ktls-transfer sockets';

/** Takes from a list in OpenSSL's words what the record layers do not know: CBC, CCM, no ECDHE. */
const UNKNOWN_CIPHERS =
  '!SHA1:!SHA256:!SHA384:!MD5:!AESCCM:!AESCCM8:!ARIAGCM:!kRSA:!kDHE:!kPSK:!kECDHEPSK:!kDHEPSK:!kRSAPSK:!aNULL';

/**
 * Of a list without suites of TLS 1.2, nothing of that version is wanted: node:tls then has TLS 1.3 alone.
 *
 * @throws ERR_KTLS_INVALID_OPTION where nothing is left
 */
function cipherList(ciphers: string | undefined): string {
  if (ciphers === undefined) return [...CERTIFICATE_CIPHERS, ...TLS12_CIPHERS].join(':');
  // Those of TLS 1.3 OpenSSL takes by their whole names only: none is left out by a rule.
  const known = ciphers.split(':').filter((name) => !name.startsWith('TLS_') || isCipher(name));
  if (known.length === 0) throw invalid('ciphers', `names no suite that kTLS sockets have: ${ciphers}`);
  if (!known.every(isCipher)) known.push(UNKNOWN_CIPHERS);
  return known.join(':');
}

const isCipher = (name: string): boolean => (CIPHER_NAMES as string[]).includes(name);

/** TLS 1.3 and 1.2, with those suites only that the record layers know. @throws ERR_KTLS_INVALID_OPTION */
export function withKnownCiphers(options: SecureContextOptions): SecureContextOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ...options,
    ciphers: cipherList(options.ciphers),
  };
}

export function socketSecureContext(options: SecureContextOptions): SecureContext {
  const known = withKnownCiphers(options);
  try {
    return createSecureContext(known);
  } catch (cause) {
    const message = `the TLS options cannot be used: ${escapeText((cause as Error).message)}`;
    throw new KtlsError('ERR_KTLS_INVALID_OPTION', message, { cause });
  }
}

export type Secret = string | Buffer | undefined;

/** @throws ERR_KTLS_INVALID_OPTION */
export async function socketClientContext(
  options: ConnectionOptions & { secret?: Secret },
): Promise<ClientContext> {
  const { secret, ALPNProtocols } = options;
  if (secret !== undefined) {
    const context = await clientContext({ secret });
    return ALPNProtocols === undefined
      ? context
      : { ...context, options: { ...context.options, ALPNProtocols } };
  }
  const { session, checkServerIdentity, rejectUnauthorized = true } = options;
  return {
    authentication: 'certificate',
    options: {
      secureContext: options.secureContext ?? socketSecureContext(options),
      ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
    },
    ...(session === undefined ? {} : { session }),
    ...(checkServerIdentity === undefined ? {} : { checkServerIdentity }),
    verify: (tls, host) => (rejectUnauthorized ? refusalByChain(tls.authorizationError, host) : undefined),
  };
}

type ServerOptions = Omit<TlsOptions, 'ticketKeys'>;

/** Of a server that both ends know a secret of. @throws ERR_KTLS_INVALID_OPTION */
export async function secretServerContext(
  options: ServerOptions & { secret: string | Buffer },
): Promise<ServerContext> {
  const { secret, ALPNProtocols, ALPNCallback } = options;
  const context = await serverContext({ secret });
  return { ...context, options: { ...context.options, ALPNProtocols, ALPNCallback } };
}

/** Of a server with certificates. @throws ERR_KTLS_INVALID_OPTION */
export function certificateServerContext(options: ServerOptions, ticketKeys: TicketKeyRing): ServerContext {
  const {
    ALPNProtocols,
    ALPNCallback,
    SNICallback,
    requestCert = false,
    rejectUnauthorized = true,
  } = options;
  const secureContext = socketSecureContext({ sessionIdContext: SESSION_ID_CONTEXT, ...options });
  return {
    authentication: 'certificate',
    secureContext: () => ticketKeys.attach(secureContext),
    options: {
      ALPNProtocols,
      ALPNCallback,
      requestCert,
      SNICallback: SNICallback && ticketKeys.attachChosen(SNICallback),
    },
    verify: (tls) => (requestCert && rejectUnauthorized ? refusalOfClient(tls) : undefined),
    identity: () => undefined,
  };
}

/** What is wrong with a client that has to show a certificate. */
export function refusalOfClient(tls: TlsSession): Refusal | undefined {
  // One that resumes has it in its ticket: a ticket without may be of a server that asks nobody.
  if (tls.getPeerX509Certificate() === undefined) return certificateMissing();
  return refusalByChain(tls.verifyError());
}

/** What a socket says of a peer, given what is wrong with its certificate. */
export function authorization(reason: string | undefined): {
  authorized: boolean;
  authorizationError: string | undefined;
} {
  return { authorized: reason === undefined, authorizationError: reason };
}
