// Why a handshake failed, in this package's codes and in one sentence that says what to do.
import { inspect } from 'node:util';

import { AbortError, escapeText, KtlsError } from '../errors';

export type Role = 'client' | 'server';

/** What the two ends authenticate each other with. */
export type Authentication = 'secret' | 'certificate';

/** RFC 8446, 6. */
export const ALERTS = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

export type AlertName = keyof typeof ALERTS;

/** Why this end refuses a peer whose handshake went well, and the alert that tells the peer. */
export interface Refusal {
  code: 'ERR_KTLS_WRONG_SECRET' | 'ERR_KTLS_CERTIFICATE';
  message: string;
  alert: AlertName;
}

const CERTIFICATE_ALERTS: AlertName[] = [
  'bad_certificate',
  'unsupported_certificate',
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'unknown_ca',
  'access_denied',
  'certificate_required',
];
const WRONG_SECRET_ALERTS: AlertName[] = ['illegal_parameter', 'decrypt_error', 'unknown_psk_identity'];

export function alertName(description: number): AlertName | undefined {
  return (Object.keys(ALERTS) as AlertName[]).find((name) => ALERTS[name] === description);
}

/** An alert that the peer sent in place of going on. Also for one that arrives after the handshake. */
export function alertFailure(
  description: number,
  authentication: Authentication,
  address?: string,
): KtlsError {
  const name = alertName(description);
  if (name !== undefined && CERTIFICATE_ALERTS.includes(name)) {
    return failure(
      'ERR_KTLS_CERTIFICATE',
      name === 'certificate_required'
        ? 'the peer demands a certificate of this side: give cert and key'
        : name === 'access_denied'
          ? 'the peer lets this side not in (access_denied): it may expect a shared secret instead of certificates'
          : `the peer refused the certificate of this side (${name}): check cert, and the ca or fingerprint that the peer trusts`,
      address,
    );
  }
  if (name !== undefined && authentication === 'secret' && WRONG_SECRET_ALERTS.includes(name)) {
    return failure(
      'ERR_KTLS_WRONG_SECRET',
      `the peer holds another secret (${name}): give both ends the same`,
      address,
    );
  }
  if (name === 'protocol_version') {
    return failure(
      'ERR_KTLS_NOT_TLS',
      'the peer speaks no version of TLS that this side does: is that the right port?',
      address,
    );
  }
  if (name === 'handshake_failure') {
    return failure(
      'ERR_KTLS_HANDSHAKE',
      authentication === 'secret'
        ? 'the peer found nothing in common (handshake_failure): it uses certificates, or another cipher'
        : 'the peer found nothing in common (handshake_failure): it uses a shared secret, or another cipher',
      address,
    );
  }
  return failure(
    'ERR_KTLS_HANDSHAKE',
    `the peer ended the handshake (alert ${name ?? description})`,
    address,
  );
}

/** An error that was found at this end: `code` is OpenSSL's reason, or Node's. A callback may throw anything. */
export function localFailure(
  thrown: unknown,
  role: Role,
  authentication: Authentication,
  address?: string,
): KtlsError {
  const cause = thrown instanceof Error ? thrown : new Error(inspect(thrown));
  const reason = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const words = escapeText('reason' in cause ? String(cause.reason) : cause.message);
  const details = { cause };
  if (/BINDER_DOES_NOT_VERIFY|BAD_PSK|DIGEST_CHECK_FAILED/.test(reason) && authentication === 'secret') {
    return failure(
      'ERR_KTLS_WRONG_SECRET',
      'the peer holds another secret: give both ends the same',
      address,
      details,
    );
  }
  if (
    /UNSUPPORTED_PROTOCOL|WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL|VERSION_TOO_LOW/.test(reason)
  ) {
    return failure(
      'ERR_KTLS_NOT_TLS',
      'the peer speaks no version of TLS that this side does: is that the right port?',
      address,
      details,
    );
  }
  // A server that holds no certificate finds none that fits, when the client offers no secret.
  if (
    role === 'server' &&
    authentication === 'secret' &&
    /NO_SUITABLE_SIGNATURE|NO_CERTIFICATE_SET/.test(reason)
  ) {
    return failure(
      'ERR_KTLS_WRONG_SECRET',
      'the peer does not offer the shared secret: give it one',
      address,
      details,
    );
  }
  if (/NO_SHARED_CIPHER/.test(reason)) {
    return failure(
      'ERR_KTLS_HANDSHAKE',
      authentication === 'secret'
        ? 'the peer shares neither cipher nor secret with this side: give both ends the same secret and cipher'
        : 'the peer shares no cipher with this side: give both ends the same cipher option',
      address,
      details,
    );
  }
  if (/CERT|X509|SIGNATURE/.test(reason)) {
    return failure('ERR_KTLS_CERTIFICATE', `a certificate cannot be used (${words})`, address, details);
  }
  return failure('ERR_KTLS_HANDSHAKE', `the TLS handshake failed (${words})`, address, details);
}

export function notTls(address?: string): KtlsError {
  return failure('ERR_KTLS_NOT_TLS', 'what the peer sent is not TLS: is that the right port?', address);
}

export function timedOut(timeoutMs: number, address?: string): KtlsError {
  return failure(
    'ERR_KTLS_HANDSHAKE_TIMEOUT',
    `the peer did not finish the TLS handshake within ${timeoutMs} ms: is it up, and is that the right port?`,
    address,
  );
}

export function refused(refusal: Refusal, address?: string): KtlsError {
  return failure(refusal.code, refusal.message, address);
}

export function aborted(signal: AbortSignal): AbortError {
  return new AbortError({ cause: signal.reason });
}

/** The same error, with the address of the peer that it came from. */
export function withAddress(error: unknown, address?: string): Error {
  if (!(error instanceof KtlsError) || address === undefined) return error as Error;
  const { code, message, errno, syscall, cause } = error;
  return failure(code, message, address, {
    cause,
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
  });
}

function failure(
  code: string,
  message: string,
  address: string | undefined,
  details: { cause?: unknown; errno?: number; syscall?: string } = {},
): KtlsError {
  const at = address === undefined ? {} : { address };
  return new KtlsError(code, address === undefined ? message : `${address}: ${message}`, {
    ...details,
    ...at,
  });
}
