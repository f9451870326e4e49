// Where a proxy listens and where it connects to.
import type { Endpoint } from '../../types/relay';
import { invalid } from './options';

const TEXT = /^(?:(?:\[([^\]\s]+)\]|([^:\s[\]/]*)):)?(\d{1,5})$/;

/**
 * 8080, '8080', 'host:8080', '[::1]:8080' or { host, port }.
 *
 * @throws ERR_KTLS_INVALID_OPTION
 */
export function parseEndpoint(value: unknown, name: string, leastPort: 0 | 1): Endpoint {
  const endpoint =
    typeof value === 'object' && value !== null ? (value as Endpoint) : fromText(String(value));
  const { host, port } = endpoint ?? { port: -1 };
  const fits = Number.isInteger(port) && port >= leastPort && port <= 65_535;
  if (!fits || (host !== undefined && typeof host !== 'string')) {
    throw invalid(name, `must be a port from ${leastPort} to 65535, host:port, or { host, port }`);
  }
  return { port, ...(host === undefined || host === '' ? {} : { host }) };
}

function fromText(text: string): Endpoint | undefined {
  const match = TEXT.exec(text);
  return match === null ? undefined : { host: match[1] ?? match[2], port: Number(match[3]) };
}
