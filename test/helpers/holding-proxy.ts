// A proxy that stops in the middle: what a test does then, it does to a transfer that cannot end meanwhile.
import { connect, createServer, type Socket } from 'node:net';

import { duplicate } from '../../lib/handshake/descriptor';
import { plainLink } from '../../lib/link';
import { listening } from './listening';

interface Connection {
  down: Socket;
  up: Socket;
}

export class HoldingProxy {
  port = 0;
  /** Resolves when it holds. */
  readonly held: Promise<void>;
  readonly #connections: Connection[] = [];
  #holding = false;
  #left: number;
  #hold: () => void = () => {};

  private constructor(after: number) {
    this.#left = after;
    this.held = new Promise((resolve) => {
      this.#hold = () => {
        this.#holding = true;
        resolve();
      };
    });
  }

  /**
   * Listens on `port` of 127.0.0.1, and forwards to `target` there; closed after the test. When `after` bytes have come
   * from those who dialled, over all connections, it takes no more of theirs, until let go. The other way is open.
   */
  static async open(
    t: { teardown(handler: () => unknown): void },
    target: number,
    after: number,
  ): Promise<HoldingProxy> {
    const proxy = new HoldingProxy(after);
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (down) => {
      const up = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
      for (const socket of [down, up]) sockets.add(socket);
      // Bounds its buffers for good, as those of a transfer's own ends are: autotuning may make them 32 MiB.
      plainLink(duplicate(down), '').connection.close();
      proxy.#join({ down, up });
    });
    proxy.port = await listening(t, server, sockets);
    return proxy;
  }

  letGo(): void {
    this.#holding = false;
    this.#left = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) this.#resume(connection);
  }

  #join(connection: Connection): void {
    const { down, up } = connection;
    this.#connections.push(connection);
    down.on('error', () => up.destroy());
    up.on('error', () => down.destroy());
    down.on('data', (data) => {
      this.#left -= data.length;
      if (!up.write(data)) down.pause();
      if (this.#left > 0) return;
      this.#hold();
      for (const each of this.#connections) each.down.pause();
    });
    down.on('end', () => up.end());
    up.on('drain', () => this.#resume(connection));
    up.pipe(down);
    this.#resume(connection);
  }

  #resume({ down, up }: Connection): void {
    if (!this.#holding && !up.writableNeedDrain) down.resume();
  }
}
