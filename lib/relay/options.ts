// The options of a relay: their defaults, and the check of what came.
import type { RelayMode, RelayOptions } from '../../types/relay';
import { KtlsError } from '../errors';
import type { NativeRelayOptions } from '../native';

export const MODES: readonly RelayMode[] = ['auto', 'copy', 'splice', 'sockmap'];

/** Of a proxy's relays. */
export const IDLE_TIMEOUT_MS = 600_000;
/** Of a proxy, at once. */
export const MAX_CONNECTIONS = 10_000;

/** What nobody waits for: about 24 days, the longest timer there is. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @throws ERR_KTLS_INVALID_OPTION */
export function relayOptions(options: RelayOptions): NativeRelayOptions {
  const { mode = 'auto', fallback = false, signal } = options;
  if (!MODES.includes(mode)) throw invalid('mode', `must be one of ${MODES.join(', ')}`);
  if (typeof fallback !== 'boolean') throw invalid('fallback', 'must be true or false');
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid('signal', 'must be an AbortSignal');
  return {
    mode,
    fallback,
    idleTimeoutMs: integer(options.idleTimeout ?? 0, 'idleTimeout', 0, MAX_TIMEOUT_MS),
    timeoutMs: integer(options.timeout ?? 0, 'timeout', 0, MAX_TIMEOUT_MS),
    backlogLimit: integer(
      options.backlogLimit ?? 64 * 1024 * 1024,
      'backlogLimit',
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

/** @throws ERR_KTLS_INVALID_OPTION */
export function integer(value: number, name: string, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(name, `must be a whole number from ${least} to ${most}`);
}

export function invalid(name: string, message: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', `option '${name}' ${message}`);
}
