// The error classes and the one table of permanent codes. docs/errors.md documents each; a test
// holds the table, the documentation and src-native/base/code.cc against one another.
import { getSystemErrorName } from 'node:util';

/** code → what it means and what to do, in one sentence. Codes are permanent. */
export const ERROR_CODES = {
  ERR_KTLS_UNSUPPORTED: 'this system or process cannot do what was asked',
  ERR_KTLS_INVALID_OPTION: 'an option has a wrong type or value, or options exclude each other',
  ERR_KTLS_KERNEL_REQUIRED: "kernel: 'require' was given, and the kernel cannot take this record layer over",
  ERR_KTLS_CONNECT_TIMEOUT: 'the TCP connection was not established in time',
  ERR_KTLS_HANDSHAKE_TIMEOUT: 'the peer did not finish the TLS handshake in time',
  ERR_KTLS_IDLE_TIMEOUT: 'the peer neither sent nor took a byte for the idle limit',
  ERR_KTLS_NOT_TLS: 'what the peer sent is not TLS 1.3: is that the right port?',
  ERR_KTLS_WRONG_SECRET: 'the peers do not hold the same secret',
  ERR_KTLS_CERTIFICATE: 'a certificate was refused, or one is missing',
  ERR_KTLS_HANDSHAKE: 'the TLS handshake failed',
  ERR_KTLS_TRUNCATED: 'the connection ended without close_notify: the peer, or something between, went away',
  ERR_KTLS_BAD_RECORD_MAC: 'a record failed authentication: bytes were changed on the way',
  ERR_KTLS_BAD_RECORD: 'a record breaks RFC 8446',
  ERR_KTLS_ALERT: 'the peer sent a fatal TLS alert',
  ERR_KTLS_KEY_UPDATE_UNSUPPORTED:
    'the peer changed its keys, and this kernel cannot follow (Linux 6.14 can)',
  ERR_KTLS_PROTOCOL: 'the peer broke the transfer protocol',
  ERR_KTLS_PROTOCOL_VERSION: 'the peer speaks another version of the transfer protocol',
  ERR_KTLS_LIMIT: 'a limit of this side was reached',
  ERR_KTLS_INTEGRITY: 'the content that arrived is not the content that was sent',
  ERR_KTLS_COUNT_MISMATCH: 'sender and receiver do not agree on what was transferred',
  ERR_KTLS_UNSAFE_PATH: 'a path off the wire would leave the root',
  ERR_KTLS_REFUSED: 'the peer refused the transfer',
  ERR_KTLS_PEER: 'the peer reported a failure of its own',
  ERR_KTLS_FILE_CHANGED: 'a file changed while it was read',
  ERR_KTLS_FILE_TYPE: 'neither a regular file, a directory nor a symbolic link',
  ERR_KTLS_EXISTS: 'the file is there already, and overwrite is off',
  ERR_KTLS_SOCKMAP_UNAVAILABLE:
    "mode: 'sockmap' was asked for, and this process, kernel or pair of sockets cannot have it",
  ERR_KTLS_RELAY_BACKLOG:
    'the reader of a sockmap relay fell behind by more than backlogLimit: sockmap cannot hold a writer back',
  ERR_KTLS_TIMEOUT: 'it was not done within the time limit that was given',
  ERR_KTLS_SYSTEM: 'a system call failed; normally `code` is the errno name instead',
} as const;

export type KtlsErrorCode = keyof typeof ERROR_CODES;

export interface KtlsErrorDetails {
  cause?: unknown;
  /** errno of a failed system call, positive. */
  errno?: number;
  syscall?: string;
  /** The path concerned, relative to the tree; control characters escaped. */
  path?: string;
  /** The peer concerned: host:port. */
  address?: string;
}

/** What every function of the package throws or rejects with, an AbortError excepted. */
export class KtlsError extends Error {
  /** One of ERROR_CODES, or an errno name such as ENOSPC where a system call failed. */
  readonly code: string;
  declare readonly errno?: number;
  declare readonly syscall?: string;
  declare readonly path?: string;
  declare readonly address?: string;

  constructor(code: string, message: string, details: KtlsErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KtlsError';
    this.code = code;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.path !== undefined) this.path = details.path;
    if (details.address !== undefined) this.address = details.address;
  }
}

/** The package does not work here; the message says why and what to do. */
export class KtlsUnsupportedError extends KtlsError {
  constructor(message: string, details: KtlsErrorDetails = {}) {
    super('ERR_KTLS_UNSUPPORTED', message, details);
    this.name = 'KtlsUnsupportedError';
  }
}

/** What AbortSignal's users expect: name AbortError, code ABORT_ERR. */
export class AbortError extends Error {
  readonly code = 'ABORT_ERR';

  constructor(options?: { cause?: unknown }) {
    super('The operation was aborted', options);
    this.name = 'AbortError';
  }
}

export type CreateNativeError = (
  code: string,
  message: string,
  errno: number,
  syscall: string,
  path: Buffer,
) => Error;

/** Text off the wire or off a disk, made safe for a terminal: control characters and bad UTF-8 escaped. */
export function escapeText(text: Buffer | string): string {
  const decoded = typeof text === 'string' ? text : text.toString('utf8');
  return decoded.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]/g,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** What src-native/napi/error.cc calls. */
export const createNativeError: CreateNativeError = (code, message, errno, syscall, rawPath) => {
  if (code === 'ABORT_ERR') return new AbortError();
  const path = escapeText(rawPath);
  const details: KtlsErrorDetails = {};
  if (errno !== 0) details.errno = errno;
  if (syscall !== '') details.syscall = syscall;
  if (path !== '') details.path = path;
  const shown = code === 'ERR_KTLS_SYSTEM' && errno !== 0 ? getSystemErrorName(-errno) : code;
  const subject = [syscall, path === '' ? '' : `'${path}'`].filter((part) => part !== '').join(' ');
  const text = code === 'ERR_KTLS_SYSTEM' ? `${shown}: ${escapeText(message)}` : escapeText(message);
  const full = subject === '' ? text : `${text}, ${subject}`;
  return code === 'ERR_KTLS_UNSUPPORTED'
    ? new KtlsUnsupportedError(full, details)
    : new KtlsError(shown, full, details);
};
