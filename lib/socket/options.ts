// What sockets check of their options beyond what node:tls checks by itself.
import { KtlsError } from '../errors';
import type { KernelPolicy } from '../native';

const TIMEOUT_LIMIT_MS = 2 ** 31 - 1; // what setTimeout takes

export function invalid(option: string, message: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', `option '${option}' ${message}`);
}

/**
 * What net.Socket's setTimeout() takes, as the milliseconds of a timer: where no timer takes so many, as many as one
 * does, with a warning.
 *
 * @throws ERR_KTLS_INVALID_OPTION
 */
export function idleTimeout(value: unknown): number {
  const wanted = milliseconds('timeout', value, Number.MAX_VALUE);
  if (wanted <= TIMEOUT_LIMIT_MS) return wanted;
  const message = `a timeout of ${wanted} ms is longer than any timer: it is ${TIMEOUT_LIMIT_MS} ms`;
  process.emitWarning(message, 'TimeoutOverflowWarning');
  return TIMEOUT_LIMIT_MS;
}

function milliseconds(option: string, value: unknown, limit: number): number {
  if (typeof value !== 'number' || !(value >= 0) || value > limit) {
    throw invalid(option, `must be a number of milliseconds from 0 to ${limit}`);
  }
  return value;
}

const VERSIONS: unknown[] = ['TLSv1.2', 'TLSv1.3'];

/** Those of node:tls that cannot be followed here. */
const UNKNOWN_HERE = ['secureProtocol', 'pskCallback', 'socket', 'enableTrace'];

/** @throws ERR_KTLS_INVALID_OPTION */
export function checkCommon(options: unknown): asserts options is Record<string, unknown> {
  if (typeof options !== 'object' || options === null) {
    throw new KtlsError('ERR_KTLS_INVALID_OPTION', 'options must be an object');
  }
  const given = options as Record<string, unknown>;
  for (const name of UNKNOWN_HERE) {
    if (given[name] !== undefined)
      throw invalid(name, 'is one that kTLS sockets do not have: see docs/sockets.md');
  }
  for (const name of ['minVersion', 'maxVersion']) {
    if (given[name] !== undefined && !VERSIONS.includes(given[name])) {
      throw invalid(name, "must be 'TLSv1.2' or 'TLSv1.3': kTLS sockets speak no older version");
    }
  }
  const policies: KernelPolicy[] = ['auto', 'require', 'off'];
  if (given.kernel !== undefined && !policies.includes(given.kernel as KernelPolicy)) {
    throw invalid('kernel', "must be 'auto', 'require' or 'off'");
  }
  const limit = given.maxRecordsPerKey;
  if (
    limit !== undefined &&
    (!Number.isInteger(limit) || (limit as number) < 16 || (limit as number) > 2 ** 24)
  ) {
    throw invalid('maxRecordsPerKey', 'must be an integer from 16 to 16777216');
  }
  // Cut where a socket is given it.
  if (given.timeout !== undefined) milliseconds('timeout', given.timeout, Number.MAX_VALUE);
  for (const name of ['handshakeTimeout', 'connectTimeout', 'ticketKeysInterval']) {
    if (given[name] !== undefined) milliseconds(name, given[name], TIMEOUT_LIMIT_MS);
  }
}
