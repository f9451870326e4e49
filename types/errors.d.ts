// How everything of this package fails.

/** Permanent; docs/errors.md says what to do about each. */
export type KtlsErrorCode =
  | 'ERR_KTLS_UNSUPPORTED'
  | 'ERR_KTLS_INVALID_OPTION'
  | 'ERR_KTLS_KERNEL_REQUIRED'
  | 'ERR_KTLS_CONNECT_TIMEOUT'
  | 'ERR_KTLS_HANDSHAKE_TIMEOUT'
  | 'ERR_KTLS_IDLE_TIMEOUT'
  | 'ERR_KTLS_NOT_TLS'
  | 'ERR_KTLS_WRONG_SECRET'
  | 'ERR_KTLS_CERTIFICATE'
  | 'ERR_KTLS_HANDSHAKE'
  | 'ERR_KTLS_TRUNCATED'
  | 'ERR_KTLS_BAD_RECORD_MAC'
  | 'ERR_KTLS_BAD_RECORD'
  | 'ERR_KTLS_ALERT'
  | 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED'
  | 'ERR_KTLS_PROTOCOL'
  | 'ERR_KTLS_PROTOCOL_VERSION'
  | 'ERR_KTLS_LIMIT'
  | 'ERR_KTLS_INTEGRITY'
  | 'ERR_KTLS_COUNT_MISMATCH'
  | 'ERR_KTLS_UNSAFE_PATH'
  | 'ERR_KTLS_REFUSED'
  | 'ERR_KTLS_PEER'
  | 'ERR_KTLS_FILE_CHANGED'
  | 'ERR_KTLS_FILE_TYPE'
  | 'ERR_KTLS_EXISTS'
  | 'ERR_KTLS_SOCKMAP_UNAVAILABLE'
  | 'ERR_KTLS_RELAY_BACKLOG'
  | 'ERR_KTLS_TIMEOUT'
  | 'ERR_KTLS_SYSTEM';

/** Each code with its meaning in a sentence. */
export const ERROR_CODES: Readonly<Record<KtlsErrorCode, string>>;

/** What everything here throws or rejects with, an {@link AbortError} excepted. */
export class KtlsError extends Error {
  constructor(
    code: string,
    message: string,
    details?: {
      cause?: unknown;
      errno?: number;
      syscall?: string;
      path?: string;
      address?: string;
    },
  );
  /** One of {@link KtlsErrorCode}, or an errno name such as ENOSPC where a system call failed. */
  readonly code: string;
  /** Of a failed system call, positive. */
  readonly errno?: number;
  readonly syscall?: string;
  /** The path concerned, relative to the tree; control characters escaped. */
  readonly path?: string;
  /** The peer concerned: `host:port`. */
  readonly address?: string;
}

/** The package cannot work here; the message says why and what to do. `code` is ERR_KTLS_UNSUPPORTED. */
export class KtlsUnsupportedError extends KtlsError {
  constructor(message: string, details?: ConstructorParameters<typeof KtlsError>[2]);
}

/** A signal or `cancel()` ended it. `cause` is the reason given. */
export class AbortError extends Error {
  constructor(options?: { cause?: unknown });
  readonly code: 'ABORT_ERR';
}
