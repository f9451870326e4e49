// ktls-transfer/relay: socket to socket, outside JavaScript. types/relay.d.ts documents what is public.
export type {
  Endpoint,
  ProxyConnectTlsOptions,
  ProxyOptions,
  ProxyTlsOptions,
  RelayDirection,
  RelayMode,
  RelayOptions,
  RelayProgress,
  RelayResult,
} from '../types/relay';
export type { RelaySocket } from './relay/end';
export { createProxy, ProxyServer } from './relay/proxy';
export { Relay, relay } from './relay/relay';
