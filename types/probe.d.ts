// What this machine can do.

import type { CipherName } from './security.js';

export interface ProbeDirection {
  available: boolean;
  /** Empty when available; else what is missing and what to do about it. */
  reason: string;
}

/** What this machine can do. */
export interface ProbeReport {
  /** As `uname -r` has it. */
  kernelRelease: string;
  /** Whether the kernel has TLS at all. */
  ulp: boolean;
  /** Why not. */
  ulpReason: string;
  /** Whether it can follow a KeyUpdate (Linux 6.14 and later). */
  rekey: boolean;
  /** Whether OpenSSL was found in the process, which the user-space record layer uses. */
  openssl: boolean;
  opensslVersion: string;
  ciphers: {
    cipher: CipherName;
    tx: ProbeDirection;
    rx: ProbeDirection;
    /** The same for the suites of TLS 1.2 that encrypt alike; sockets alone use them. */
    tls12: { tx: ProbeDirection; rx: ProbeDirection };
  }[];
}

/**
 * What this machine's kernel can do for TLS, found out by trying on a connected loopback pair. Tried at
 * the first call, then kept for the life of the process.
 *
 * @throws ERR_KTLS_UNSUPPORTED where the addon cannot be loaded.
 */
export function probe(): ProbeReport;
