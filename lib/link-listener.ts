// A listening socket that gives on authenticated connections only; with encryption: 'none', all.
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';

import type { AcceptorOptions } from '../types/index';
import { formatAddress, peerAddress } from './address';
import { serverContext } from './credentials';
import { AbortError, KtlsError } from './errors';
import { Acceptor } from './handshake/acceptor';
import { takeDescriptor } from './handshake/descriptor';
import { type Link, plainLink, secureLink } from './link';
import { listen } from './listen';
import { DEFAULTS, resolveTimeouts } from './options';

export interface LinkEvents {
  /** A peer has authenticated. Resolves when it has said what it wants. Never rejects. */
  link(link: Link): Promise<void>;
  /** A connection failed before that. */
  failed(error: KtlsError, peer: string): void;
  /** The listening socket failed. */
  error(error: Error): void;
}

/** What the two kinds of listening have in common. */
interface Backend {
  readonly server: Server;
  listen(options: ListenOptions): Promise<AddressInfo>;
  close(): Promise<void>;
}

const HANG_UPS = ['ERR_KTLS_TRUNCATED', 'ECONNRESET', 'EPIPE'];

/**
 * A peer that goes away before it takes part in a transfer, as health checks and port scanners do, is no failure.
 * A transfer that ends while further connections are being opened for it gives them up likewise.
 */
export function isHangUp(error: unknown): boolean {
  return error instanceof KtlsError && HANG_UPS.includes(error.code);
}

export class LinkListener {
  readonly #options: AcceptorOptions;
  readonly #events: LinkEvents;
  #backend: Backend | undefined;
  #keepsAlive = true;

  constructor(options: AcceptorOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** @throws KtlsError: ERR_KTLS_INVALID_OPTION for credentials that cannot be used, EADDRINUSE, … */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    const backend = this.#options.encryption === 'none' ? this.#plain() : await this.#secure();
    this.#backend = backend;
    if (!this.#keepsAlive) backend.server.unref();
    try {
      return await backend.listen({ port, ...(host === undefined ? {} : { host }) });
    } catch (cause) {
      throw listenFailure(cause as NodeJS.ErrnoException, formatAddress(host ?? '::', port));
    }
  }

  address(): AddressInfo | null {
    return (this.#backend?.server.address() as AddressInfo | null | undefined) ?? null;
  }

  ref(): void {
    this.#keepsAlive = true;
    this.#backend?.server.ref();
  }

  unref(): void {
    this.#keepsAlive = false;
    this.#backend?.server.unref();
  }

  /** Listens no more; handshakes that are under way end at once. Idempotent. */
  async close(): Promise<void> {
    await this.#backend?.close();
  }

  async #secure(): Promise<Backend> {
    return new Acceptor({
      context: await serverContext(this.#options),
      maxUnauthenticated: this.#options.maxUnauthenticated ?? DEFAULTS.maxUnauthenticated,
      handshakeTimeoutMs: resolveTimeouts(this.#options.timeouts).handshake,
      onEstablished: (established) => {
        const peer = established.address ?? '';
        this.#give(() => secureLink(established, this.#options, peer), peer);
      },
      onRefused: (error, peer) => this.#failed(error, peer),
      onError: (error) => this.#events.error(error),
    });
  }

  #plain(): Backend {
    const most = this.#options.maxUnauthenticated ?? DEFAULTS.maxUnauthenticated;
    return new PlainAcceptor(most, {
      accepted: (fd, peer) => this.#give(() => plainLink(fd, peer), peer),
      error: (error) => this.#events.error(error),
    });
  }

  async #give(create: () => Link, peer: string): Promise<void> {
    let link: Link;
    try {
      link = create();
    } catch (error) {
      this.#failed(error as Error, peer);
      return;
    }
    await this.#events.link(link);
  }

  #failed(error: Error, peer: string): void {
    if (error instanceof AbortError) return; // this end closes
    if (isHangUp(error)) return;
    this.#events.failed(error as KtlsError, peer);
  }
}

interface PlainEvents {
  /** Ownership of the descriptor moves. Resolves when the peer has said what it wants. */
  accepted(fd: number, peer: string): Promise<void>;
  error(error: Error): void;
}

/** Without TLS nobody ever authenticates: the bound is on those that have not said what they want. */
class PlainAcceptor implements Backend {
  readonly server: Server;
  readonly #most: number;
  readonly #events: PlainEvents;
  #silent = 0;

  constructor(most: number, events: PlainEvents) {
    this.#most = most;
    this.#events = events;
    this.server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  listen(options: ListenOptions): Promise<AddressInfo> {
    return listen(this.server, options, (error) => this.#events.error(error));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const address = peerAddress(socket);
    if (this.#silent >= this.#most) {
      socket.destroy();
      return;
    }
    let fd: number;
    try {
      fd = takeDescriptor(socket);
    } catch {
      return; // it hung up already, or there is no descriptor left for it
    }
    this.#silent += 1;
    this.#events.accepted(fd, address).finally(() => {
      this.#silent -= 1;
    });
  }
}

function listenFailure(cause: NodeJS.ErrnoException, address: string): Error {
  if (cause instanceof KtlsError || cause.code === undefined) return cause;
  const advice: Record<string, string> = {
    EADDRINUSE: 'something listens there already',
    EACCES: 'ports below 1024 are for root',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'no such host',
  };
  const text = advice[cause.code] ?? cause.message;
  return new KtlsError(cause.code, `${cause.code}: cannot listen on ${address}: ${text}`, {
    cause,
    errno: Math.abs(cause.errno ?? 0),
    syscall: cause.syscall ?? 'listen',
    address,
  });
}
