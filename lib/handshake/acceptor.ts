// Listens, and gives on only those connections whose handshake is done.

import type { AddressInfo } from 'node:net';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';

import { peerAddress } from '../address';
import { listen } from '../listen';
import { sharedAbortController } from '../shared-abort';
import { acceptTls, type ServerContext } from './accept';
import { takeDescriptor } from './descriptor';
import type { Established } from './handshake';

export const MAX_UNAUTHENTICATED = 64;

export interface AcceptorOptions {
  context: ServerContext;
  /** Connections whose handshake is not done; a further one is closed at once. 64 by default. */
  maxUnauthenticated?: number | undefined;
  /** 10,000 by default. */
  handshakeTimeoutMs?: number | undefined;
  /** Ownership of the descriptor moves to the listener. */
  onEstablished(established: Established): void;
  /** A connection failed before that; it is closed. */
  onRefused?(error: Error, address: string): void;
  /** The listening socket failed after listen() had resolved. */
  onError?(error: Error): void;
}

/** A listening socket. It keeps the event loop alive as a net.Server does. */
export class Acceptor {
  /** Connections that were closed at once, because maxUnauthenticated was reached. */
  turnedAway = 0;

  readonly server: Server;
  private readonly pending = new Set<Promise<void>>();
  private readonly closing = sharedAbortController();

  constructor(private readonly options: AcceptorOptions) {
    this.server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) =>
      this.onConnection(socket),
    );
  }

  /** @throws with the errno name: EADDRINUSE, EACCES, … */
  listen(options: ListenOptions): Promise<AddressInfo> {
    return listen(this.server, options, (error) => this.options.onError?.(error));
  }

  /** Connections whose handshake is not done. */
  get unauthenticated(): number {
    return this.pending.size;
  }

  /** Listens no more and ends unfinished handshakes; resolves when none of them is left. Idempotent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.closing.abort();
    await Promise.all([closed, ...this.pending]);
  }

  private onConnection(socket: Socket): void {
    const { maxUnauthenticated = MAX_UNAUTHENTICATED } = this.options;
    const address = peerAddress(socket);
    if (this.pending.size >= maxUnauthenticated || this.closing.signal.aborted) {
      this.turnedAway++;
      socket.destroy();
      return;
    }
    const handshake = this.accept(socket, address).finally(() => this.pending.delete(handshake));
    this.pending.add(handshake);
  }

  private async accept(socket: Socket, address: string): Promise<void> {
    const { context, handshakeTimeoutMs, onEstablished, onRefused } = this.options;
    const { signal } = this.closing;
    let established: Established;
    try {
      const fd = takeDescriptor(socket);
      established = await acceptTls(fd, context, { signal, timeoutMs: handshakeTimeoutMs, address });
    } catch (error) {
      onRefused?.(error as Error, address);
      return;
    }
    onEstablished(established);
  }
}
