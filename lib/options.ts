// Every option of every function: how it is checked, what it defaults to. One table, so that all
// functions complain alike.
import { Buffer } from 'node:buffer';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

import type { PathLike, Timeouts } from '../types/index';
import { KtlsError } from './errors';

export const DEFAULT_PORT = 9999;

export const DEFAULTS = {
  connectTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  maxConnections: 16,
  maxUnauthenticated: 64,
  maxTransfers: 16,
} as const;

/** More connections help nobody; the bound is the protocol's (docs/protocol.md). */
export const CONNECTIONS_LIMIT = 64;

const TIMEOUT_LIMIT_MS = 2 ** 31 - 1; // what setTimeout and poll(2) take
const RECORDS_LIMIT = 2 ** 24; // RFC 8446, 5.5, as docs/security.md has it

const CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

export function invalidOption(name: string, expected: string): KtlsError {
  return new KtlsError('ERR_KTLS_INVALID_OPTION', `option '${name}' ${expected}`);
}

/** Throws ERR_KTLS_INVALID_OPTION, or says nothing. Never called with undefined. */
type Check = (value: unknown, name: string) => void;

const isText = (value: unknown): value is string | Buffer =>
  (typeof value === 'string' || Buffer.isBuffer(value)) && value.length > 0;

const bool: Check = (value, name) => {
  if (typeof value !== 'boolean') throw invalidOption(name, 'must be true or false');
};

const string: Check = (value, name) => {
  if (typeof value !== 'string' || value === '') throw invalidOption(name, 'must be a string, not empty');
};

const text: Check = (value, name) => {
  if (!isText(value)) throw invalidOption(name, 'must be a string or a Buffer, not empty');
};

const texts: Check = (value, name) => {
  if (Array.isArray(value) ? value.length === 0 || !value.every(isText) : !isText(value)) {
    throw invalidOption(name, 'must be a string or a Buffer, or an array of them, not empty');
  }
};

const strings: Check = (value, name) => {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || !list.every((entry) => typeof entry === 'string' && entry !== '')) {
    throw invalidOption(name, 'must be a string or an array of strings, not empty');
  }
};

const path: Check = (value, name) => {
  pathBuffer(value as PathLike, name);
};

const callback: Check = (value, name) => {
  if (typeof value !== 'function') throw invalidOption(name, 'must be a function');
};

const signal: Check = (value, name) => {
  if (!(value instanceof AbortSignal)) throw invalidOption(name, 'must be an AbortSignal');
};

const oneOf =
  (...values: readonly string[]): Check =>
  (value, name) => {
    if (!values.includes(value as string)) {
      throw invalidOption(name, `must be one of ${values.map((choice) => `'${choice}'`).join(', ')}`);
    }
  };

const integer =
  (least: number, most: number): Check =>
  (value, name) => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw invalidOption(name, `must be an integer from ${least} to ${most}`);
    }
  };

const timeouts: Check = (value, name) => {
  if (!isObject(value)) {
    throw invalidOption(name, 'must be an object { connect, handshake, idle } of milliseconds');
  }
  for (const [key, entry] of Object.entries(value)) {
    if (!['connect', 'handshake', 'idle'].includes(key)) throw unknownOption(`${name}.${key}`);
    if (entry !== undefined) integer(1, TIMEOUT_LIMIT_MS)(entry, `${name}.${key}`);
  }
};

const SECURITY = {
  secret: text,
  cert: text,
  key: text,
  passphrase: string,
  ca: texts,
  fingerprint: strings,
  servername: string,
  cipher: oneOf(...CIPHERS),
  kernel: oneOf('auto', 'require', 'off'),
  encryption: oneOf('tls', 'none'),
  insecure: bool,
  maxRecordsPerKey: integer(16, RECORDS_LIMIT),
};
const COMMON = { ...SECURITY, timeouts, signal, onError: oneOf('stop', 'continue'), ownership: bool };
const INITIATOR = { ...COMMON, connections: integer(1, CONNECTIONS_LIMIT), verify: bool };
const mode = oneOf('auto', 'read-send', 'sendfile', 'splice');
const SENDER = {
  mode,
  blockThreshold: integer(1, Number.MAX_SAFE_INTEGER),
};
const WRITER = { overwrite: bool, fsync: oneOf('none', 'end', 'file') };
const ACCEPTOR = {
  ...COMMON,
  ...WRITER,
  maxConnections: integer(1, CONNECTIONS_LIMIT),
  maxUnauthenticated: integer(1, 65_535),
};
const LISTEN = { port: integer(0, 65_535), host: string };

/** function → option → check. */
const TABLE = {
  send: { ...INITIATOR, ...SENDER },
  pull: { ...INITIATOR, ...WRITER },
  receiveTree: { ...ACCEPTOR, ...LISTEN, onConnectionError: callback },
  createReceiver: { ...ACCEPTOR, root: path, serve: bool, mode, maxTransfers: integer(1, 65_535) },
  listen: LISTEN,
  close: { abort: bool },
} satisfies Record<string, Record<string, Check>>;

function unknownOption(name: string): KtlsError {
  return invalidOption(name, 'is unknown here');
}

/** @throws ERR_KTLS_INVALID_OPTION, naming the first option that is unknown, wrong, or alone without another. */
export function checkOptions(kind: keyof typeof TABLE, options: unknown): void {
  if (!isObject(options)) throw new KtlsError('ERR_KTLS_INVALID_OPTION', 'options must be an object');
  const checks: Record<string, Check> = TABLE[kind];
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) throw unknownOption(name);
    if (value !== undefined) check(value, name);
  }
  checkEncryption(options);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkEncryption(options: Record<string, unknown>): void {
  if (options.encryption !== 'none') {
    if (options.insecure === true)
      throw invalidOption('insecure', "means nothing without encryption: 'none'");
    return;
  }
  if (options.insecure !== true) {
    throw invalidOption(
      'encryption',
      "is 'none': everything would travel in clear, to and from anybody; confirm with insecure: true",
    );
  }
  for (const name of ['secret', 'cert', 'key', 'passphrase', 'ca', 'fingerprint', 'servername', 'cipher']) {
    if (options[name] !== undefined) throw invalidOption(name, "means nothing with encryption: 'none'");
  }
}

/** @throws ERR_KTLS_INVALID_OPTION when it is no path. */
export function pathBuffer(value: PathLike, name: string): Buffer {
  let bytes: Buffer | undefined;
  if (Buffer.isBuffer(value)) bytes = value;
  else if (typeof value === 'string') bytes = Buffer.from(value);
  else if (value instanceof URL && value.protocol === 'file:') bytes = Buffer.from(fileURLToPath(value));
  if (bytes === undefined || bytes.length === 0 || bytes.includes(0)) {
    throw invalidOption(name, 'must be a path: a string, a Buffer or a file: URL, not empty, without NUL');
  }
  return bytes;
}

export interface ResolvedTimeouts {
  connect: number;
  handshake: number;
  idle: number;
}

export function resolveTimeouts(given: Timeouts = {}): ResolvedTimeouts {
  return {
    connect: given.connect ?? DEFAULTS.connectTimeoutMs,
    handshake: given.handshake ?? DEFAULTS.handshakeTimeoutMs,
    idle: given.idle ?? DEFAULTS.idleTimeoutMs,
  };
}

/** What is far takes more connections than there are cores: each waits for its window most of the time. */
const CONNECTIONS_FAR = 8;

/**
 * Beyond four, connections gained nothing between ends that are near; below, cores are the limit.
 *
 * @param far - See NativeConnection.
 */
export function defaultConnections(far: boolean): number {
  return far ? CONNECTIONS_FAR : Math.min(4, availableParallelism());
}
