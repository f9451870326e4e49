// A connection to an authenticated peer, whichever end dialled: all that the transfer code knows of
// sockets, handshakes and credentials.
import type { SecurityOptions } from '../types/index';
import { formatAddress, type Target } from './address';
import { clientContext } from './credentials';
import { KtlsError } from './errors';
import { type ClientContext, connectTls, dialSocket } from './handshake/connect';
import { alertFailure } from './handshake/failure';
import type { Established } from './handshake/handshake';
import { type CipherName, type NativeConnection, native, type RecordReport } from './native';
import type { ResolvedTimeouts } from './options';

export interface Link {
  readonly connection: NativeConnection;
  /** Who encrypts. */
  readonly record: RecordReport;
  /** null with encryption: 'none'. */
  readonly cipher: CipherName | null;
  /** The peer's host:port. */
  readonly peer: string;
}

/** Ownership of the descriptor moves to the link, also when it throws. */
export function secureLink(established: Established, options: SecurityOptions, peer: string): Link {
  const { fd, role, cipher, tx, rx, tls } = established;
  tls.destroy(); // it is cut off from the network already, and nobody asks it anything any more
  const { kernel = 'auto', maxRecordsPerKey } = options;
  const limit = maxRecordsPerKey === undefined ? {} : { maxRecordsPerKey };
  const connection = new (native().Connection)({ fd, tls: { role, cipher, tx, rx, kernel, ...limit } });
  return { connection, record: connection.record, cipher, peer };
}

/** Without TLS, and so with anybody. Ownership of the descriptor as above. */
export function plainLink(fd: number, peer: string): Link {
  const connection = new (native().Connection)({ fd, tls: null });
  return { connection, record: connection.record, cipher: null, peer };
}

/** Dials one target any number of times, with credentials that are read and stretched once. */
export class Dialer {
  readonly peer: string;
  readonly #target: Target;
  readonly #options: SecurityOptions;
  readonly #timeouts: ResolvedTimeouts;
  /** null: no TLS. */
  readonly #context: Promise<ClientContext> | null;

  constructor(target: Target, options: SecurityOptions, timeouts: ResolvedTimeouts) {
    this.peer = formatAddress(target.host, target.port);
    this.#target = target;
    this.#options = options;
    this.#timeouts = timeouts;
    this.#context = options.encryption === 'none' ? null : clientContext(options);
  }

  /** @throws KtlsError, or AbortError. */
  async dial(signal: AbortSignal): Promise<Link> {
    // Wrong credentials are told before the network is touched.
    const context = await this.#context;
    const { host, port } = this.#target;
    const fd = await dialSocket(host, port, { signal, timeoutMs: this.#timeouts.connect });
    if (context === null) return plainLink(fd, this.peer);
    const established = await connectTls(fd, context, {
      signal,
      host: this.#options.servername ?? host,
      timeoutMs: this.#timeouts.handshake,
      address: this.peer,
    });
    return secureLink(established, this.#options, this.peer);
  }

  /**
   * In TLS 1.3 a client is done before its server has judged it: why it does not please arrives as an alert
   * in place of the first answer.
   */
  explain(error: unknown): unknown {
    if (!(error instanceof KtlsError) || error.code !== 'ERR_KTLS_ALERT') return error;
    const description = /\balert (\d+)/.exec(error.message)?.[1];
    const authentication = this.#options.secret === undefined ? 'certificate' : 'secret';
    return description === undefined ? error : alertFailure(Number(description), authentication, this.peer);
  }
}
