// ktls-transfer/relay: socket to socket, outside JavaScript. types/relay.d.ts documents what is public.
export type { RelaySocket } from './relay/end';
export type { Endpoint } from './relay/endpoint';
export type { RelayMode, RelayOptions } from './relay/options';
export { createProxy, type ProxyOptions, ProxyServer } from './relay/proxy';
export type { ProxyConnectTlsOptions, ProxyTlsOptions } from './relay/proxy-tls';
export { Relay, type RelayDirection, type RelayProgress, type RelayResult, relay } from './relay/relay';
