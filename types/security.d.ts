// Who may talk to whom, and who encrypts.
/// <reference types="node" />

/** RFC 8446, appendix B.4. */
export type CipherName = 'TLS_AES_128_GCM_SHA256' | 'TLS_AES_256_GCM_SHA384' | 'TLS_CHACHA20_POLY1305_SHA256';

/** Where a direction's records are made or opened. */
export type Placement = 'kernel' | 'user' | 'none';

/**
 * `'auto'`: the kernel where a probe says that it works, else user space. `'require'`: the kernel in both
 * directions, or ERR_KTLS_KERNEL_REQUIRED. `'off'`: user space.
 */
export type KernelPolicy = 'auto' | 'require' | 'off';

/**
 * Who may talk to whom. Either `secret`, or certificates, or `encryption: 'none'` with `insecure: true`;
 * the two ends must be told the same.
 */
export interface SecurityOptions {
  /**
   * What both ends hold: best a string that {@link generateSecret} made. Anything else is taken for a
   * passphrase and stretched by scrypt.
   */
  secret?: string | Buffer | undefined;
  /** This end's certificate chain, PEM. A receiver without a secret needs one. */
  cert?: string | Buffer | undefined;
  /** The private key of `cert`, PEM. */
  key?: string | Buffer | undefined;
  /** Opens `key` where it is encrypted. */
  passphrase?: string | undefined;
  /**
   * The authorities, PEM, that the peer's certificate must come from. A receiver with `ca` asks its peers
   * for a certificate. Default of a sender: Node's own list.
   */
  ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /**
   * The peer's public key: SHA-256 of its SubjectPublicKeyInfo, as `ktls-transfer fingerprint` prints it.
   * Then neither a CA nor the host's name counts. Several are alternatives.
   */
  fingerprint?: string | readonly string[] | undefined;
  /** The name that the peer's certificate must bear. Default: the host dialled. */
  servername?: string | undefined;
  /** The one cipher to offer or accept. Default: TLS_AES_128_GCM_SHA256. AES-256 needs certificates. */
  cipher?: CipherName | undefined;
  /** Default `'auto'`. */
  kernel?: KernelPolicy | undefined;
  /**
   * `'none'` sends everything in clear, with no authentication of anybody: only together with
   * `insecure: true`, and both ends must say so. Default `'tls'`.
   */
  encryption?: 'tls' | 'none' | undefined;
  /** Confirms `encryption: 'none'`. Default false. */
  insecure?: boolean | undefined;
  /** For tests: records under one key before it is changed. From 16 to 2^24, the default. */
  maxRecordsPerKey?: number | undefined;
}

/** Who encrypts, and why. */
export interface RecordReport {
  /** Of what this end sends. */
  tx: Placement;
  /** Of what this end receives. */
  rx: Placement;
  /** In words. */
  reason: string;
}

/** A new secret: 256 random bits as text, for {@link SecurityOptions.secret} at both ends. */
export function generateSecret(): string;

/**
 * The fingerprint of a certificate, as {@link SecurityOptions.fingerprint} takes it.
 *
 * @param cert - PEM or DER.
 * @throws ERR_KTLS_INVALID_OPTION
 */
export function certificateFingerprint(cert: string | Buffer): string;
