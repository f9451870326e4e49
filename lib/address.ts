// How a peer is named: 'host:9999/sub/dir', '[::1]:9999', 'ktls://host:9999/sub%20dir'.
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import { KtlsError } from './errors';
import { DEFAULT_PORT } from './options';

export interface Target {
  host: string;
  port: number;
  /** Components below the peer's root, as bytes. */
  below: Buffer[];
}

const SCHEME = /^ktls:\/\//i;
const AUTHORITY = /^(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([^\s:/[\]@?#%]+))(?::(\d{1,5}))?$/i;
/** docs/protocol.md, HELLO. */
const MAX_COMPONENTS = 64;

export function isUrl(text: unknown): text is string {
  return typeof text === 'string' && SCHEME.test(text);
}

function invalidTarget(text: string, why: string): KtlsError {
  return new KtlsError(
    'ERR_KTLS_INVALID_OPTION',
    `target ${JSON.stringify(text)} ${why}; it should look like host:9999, [::1]:9999 or ktls://host:9999/sub/dir`,
  );
}

/**
 * In a URL the path is percent-decoded; without `ktls://` it is taken as it stands.
 *
 * @throws ERR_KTLS_INVALID_OPTION
 */
export function parseTarget(text: string): Target {
  if (typeof text !== 'string') {
    throw new KtlsError('ERR_KTLS_INVALID_OPTION', 'target must be a string such as host:9999');
  }
  const decode = isUrl(text);
  const rest = text.replace(SCHEME, '');
  const slash = rest.indexOf('/');
  const authority = AUTHORITY.exec(slash === -1 ? rest : rest.slice(0, slash));
  if (authority === null) throw invalidTarget(text, 'does not name a host and a port');
  const host = (authority[1] ?? authority[2]) as string;
  const port = authority[3] === undefined ? DEFAULT_PORT : Number(authority[3]);
  if (port < 1 || port > 65_535) throw invalidTarget(text, 'has a port outside 1 to 65535');
  const path = slash === -1 ? '' : rest.slice(slash);
  if (decode && /[?#]/.test(path)) throw invalidTarget(text, 'has a query or a fragment (write %3F and %23)');
  return { host, port, below: parsePath(text, path, decode) };
}

function parsePath(text: string, path: string, decode: boolean): Buffer[] {
  const components = path
    .split('/')
    .filter((component) => component !== '')
    .map((component) => (decode ? percentDecode(text, component) : Buffer.from(component)));
  if (components.length > MAX_COMPONENTS) {
    throw invalidTarget(text, `has a path of more than ${MAX_COMPONENTS} components`);
  }
  if (!components.every(isPlainName)) {
    throw invalidTarget(
      text,
      "has '.', '..', a slash, NUL or more than 255 bytes as a component of its path",
    );
  }
  return components;
}

/** Whether it can only name an entry of the folder that it is looked up in. */
export function isPlainName(name: Buffer): boolean {
  if (name.length === 0 || name.length > 255 || name.includes(0) || name.includes('/')) return false;
  return !['.', '..'].includes(name.toString('latin1'));
}

// Not decodeURIComponent: names are bytes, and need not be UTF-8.
function percentDecode(text: string, component: string): Buffer {
  if (/%(?![0-9a-f]{2})/i.test(component))
    throw invalidTarget(text, "has '%' without two hexadecimal digits");
  const parts = component.split(/(%[0-9a-f]{2})/i);
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 1 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  );
}

/** For messages and events: an IPv6 address in brackets; an IPv4 one that came in over IPv6 as itself. */
export function formatAddress(host: string, port: number): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '');
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Of a socket's peer; empty where it has none, as that of a UNIX socket. */
export function peerAddress({
  remoteAddress,
  remotePort = 0,
}: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return remoteAddress === undefined ? '' : formatAddress(remoteAddress, remotePort);
}
