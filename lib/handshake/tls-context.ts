// Secure contexts of node:tls, as handshakes take them.
import { type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';
import { inspect } from 'node:util';

import { native } from '../native';
import type { NativeHandshakeChannel, NativeTlsContext } from './native';

/** Of a server: what it has to say to the protocols that a client offers (RFC 7301). */
export interface AlpnOptions {
  ALPNProtocols?: TLSSocketOptions['ALPNProtocols'] | undefined;
  ALPNCallback?: TLSSocketOptions['ALPNCallback'] | undefined;
}

/** By what answers ALPN. A context that the program lets go of is let go of here, too. */
const contexts = new WeakMap<SecureContext, WeakMap<object, NativeTlsContext>>();
const NO_ALPN: AlpnOptions = {};
const BY_CALLBACK = {};

/**
 * Node holds each lender until it is destroyed, and the lender Node's own context: so it may know neither the public
 * one, nor anything of the program's that might.
 */
const unneeded = new FinalizationRegistry<TLSSocket>((lender) => lender.destroy());

/** OpenSSL's callbacks look for what a lender is made of: of one that is destroyed, for freed memory. */
const lenders = new WeakMap<NativeTlsContext, TLSSocket>();

/** Whose handshake a callback is called for. */
interface Driven {
  channel: NativeHandshakeChannel;
  /** With which it began. */
  context: NativeTlsContext;
  ALPNCallback?: AlpnOptions['ALPNCallback'];
}
let driven: (Driven & { failure?: { cause: unknown } }) | undefined;

/** Made once for a context and a list of protocols; again where something destroyed what Node has of it. */
export function tlsContext(secureContext: SecureContext, alpn: AlpnOptions = NO_ALPN): NativeTlsContext {
  let known = contexts.get(secureContext);
  if (known === undefined) {
    known = new WeakMap();
    contexts.set(secureContext, known);
  }
  const key = alpn.ALPNCallback ? BY_CALLBACK : (alpn.ALPNProtocols ?? NO_ALPN);
  let context = known.get(key);
  if (context === undefined || isDead(context)) {
    context = makeContext(secureContext, alpn);
    known.set(key, context);
  }
  return context;
}

function makeContext(secureContext: SecureContext, alpn: AlpnOptions): NativeTlsContext {
  const { context: inner = secureContext } = secureContext as { context?: object };
  let made: TLSSocket | undefined;
  const context = new (native().TlsContext)(() => {
    made = lender({ context: inner } as SecureContext, alpn);
  });
  lenders.set(context, made as TLSSocket);
  unneeded.register(context, made as TLSSocket);
  return context;
}

function isDead(context: NativeTlsContext): boolean {
  return lenders.get(context)?.destroyed ?? true;
}

/** A TLSSocket that is never connected, whose answers to ALPN are those of each handshake of the context. */
function lender(secureContext: SecureContext, { ALPNProtocols, ALPNCallback }: AlpnOptions): TLSSocket {
  const socket = new TLSSocket(undefined as never, {
    isServer: true,
    secureContext,
    ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
    // It knows neither whose handshake it answers for, nor that client's name for the server.
    ...(ALPNCallback === undefined ? {} : { ALPNCallback: ({ protocols }) => answerAlpn(protocols) }),
  });
  // Nobody shall take it for something that keeps the process running.
  return socket.unref();
}

/** Node destroys the socket whose callback throws, or names what was not offered: here that of all handshakes. */
function answerAlpn(protocols: string[]): string | undefined {
  const current = driven;
  if (current === undefined) return undefined;
  try {
    // Node says false where the client gave no name, whatever the types say.
    const servername = (current.channel.servername ?? false) as string;
    const answer = current.ALPNCallback?.({ servername, protocols });
    if (answer === undefined || protocols.includes(answer)) return answer;
    throw notOffered(answer, protocols);
  } catch (cause) {
    current.failure = { cause };
    return undefined;
  }
}

/** As node:tls has it. */
function notOffered(answer: unknown, protocols: string[]): TypeError {
  const message = `ALPNCallback returned ${inspect(answer)}, which is none of what the client offers: ${protocols.join(', ')}`;
  return Object.assign(new TypeError(message), { code: 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT' });
}

/**
 * NativeHandshakeChannel.proceed(), for whom ALPNCallback is asked.
 *
 * @throws also what that threw
 */
export function proceed(handshake: Driven): boolean {
  if (isDead(handshake.context)) throw new Error('its secure context was destroyed');
  const outer = driven;
  const current: typeof driven = { ...handshake };
  driven = current;
  try {
    return handshake.channel.proceed();
  } catch (error) {
    // OpenSSL knows only that no protocol was chosen.
    throw current.failure === undefined ? error : current.failure.cause;
  } finally {
    driven = outer;
  }
}
