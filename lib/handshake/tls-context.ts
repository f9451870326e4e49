// Secure contexts of node:tls, as handshakes take them.
import { type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';

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
const lenders = new FinalizationRegistry<TLSSocket>((lender) => lender.destroy());

/** Whose handshake a callback is called for. */
interface Driven {
  channel: NativeHandshakeChannel;
  ALPNCallback?: AlpnOptions['ALPNCallback'];
}
let driven: Driven | undefined;

/** Made once for a context and a list of protocols. */
export function tlsContext(secureContext: SecureContext, alpn: AlpnOptions = NO_ALPN): NativeTlsContext {
  let known = contexts.get(secureContext);
  if (known === undefined) {
    known = new WeakMap();
    contexts.set(secureContext, known);
  }
  const key = alpn.ALPNCallback ? BY_CALLBACK : (alpn.ALPNProtocols ?? NO_ALPN);
  let context = known.get(key);
  if (context === undefined) {
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
  lenders.register(context, made as TLSSocket);
  return context;
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

function answerAlpn(protocols: string[]): string | undefined {
  // Node says false where the client gave no name, whatever the types say.
  const servername = (driven?.channel.servername ?? false) as string;
  return driven?.ALPNCallback?.({ servername, protocols });
}

/** NativeHandshakeChannel.proceed(), for whom ALPNCallback is asked. */
export function proceed(handshake: Driven): boolean {
  const outer = driven;
  driven = handshake;
  try {
    return handshake.channel.proceed();
  } finally {
    driven = outer;
  }
}
