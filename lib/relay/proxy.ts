// A TCP proxy: each accepted connection is relayed to one that is made to the target.
import { EventEmitter } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

import type { Endpoint, ProxyOptions, RelayOptions, RelayResult } from '../../types/relay';
import { formatAddress, peerAddress } from '../address';
import { acceptTls, type ServerContext } from '../handshake/accept';
import { type ClientContext, connectTls, dialSocket } from '../handshake/connect';
import { takeDescriptor } from '../handshake/descriptor';
import { listen } from '../listen';
import type { KernelPolicy, NativeRelayEnd } from '../native';
import { sharedAbortController } from '../shared-abort';
import { resetEnd } from './end';
import { parseEndpoint } from './endpoint';
import { IDLE_TIMEOUT_MS, integer, invalid, MAX_CONNECTIONS, MAX_TIMEOUT_MS, relayOptions } from './options';
import { acceptingContext, connectingContext, tlsEnd } from './proxy-tls';
import { Relay } from './relay';

interface ProxyEvents {
  listening: [address: AddressInfo];
  connection: [relay: Relay, peer: string];
  connectionEnd: [result: RelayResult, peer: string];
  connectionError: [error: Error, peer: string];
  error: [error: Error];
  close: [];
}

export class ProxyServer extends EventEmitter<ProxyEvents> {
  /** Connections that were closed at once, because maxConnections was reached. */
  turnedAway = 0;

  private readonly server: Server;
  private readonly target: Endpoint & { host: string };
  private readonly relayOptions: RelayOptions;
  private readonly kernel: KernelPolicy;
  private readonly contexts: Promise<{ accepting?: ServerContext; connecting?: ClientContext }>;
  private readonly where: Endpoint | undefined;
  private started: Promise<AddressInfo> | undefined;
  /** Somebody called listen(), and learns of its failure there. */
  private awaited = false;
  private closed = false;
  /** Ends what is not yet a relay; the second, what is one. */
  private readonly closing = sharedAbortController();
  private readonly aborting = sharedAbortController();
  private readonly serving = new Set<Promise<void>>();

  constructor(private readonly options: ProxyOptions) {
    super();
    const target = parseEndpoint(options.target, 'target', 1);
    this.target = { ...target, host: target.host ?? 'localhost' };
    this.where = options.listen === undefined ? undefined : parseEndpoint(options.listen, 'listen', 0);
    this.kernel = options.kernel ?? 'auto';
    if (!['auto', 'require', 'off'].includes(this.kernel)) {
      throw invalid('kernel', 'must be one of auto, require, off');
    }
    const { mode, fallback, backlogLimit, timeout, idleTimeout = IDLE_TIMEOUT_MS } = options;
    this.relayOptions = { mode, fallback, backlogLimit, timeout, idleTimeout };
    relayOptions(this.relayOptions);
    const { connectTimeout = 1, handshakeTimeout = 1, maxConnections = 1 } = options;
    integer(connectTimeout, 'connectTimeout', 1, MAX_TIMEOUT_MS);
    integer(handshakeTimeout, 'handshakeTimeout', 1, MAX_TIMEOUT_MS);
    integer(maxConnections, 'maxConnections', 1, Number.MAX_SAFE_INTEGER);
    this.contexts = this.prepare();
    // Met again by listen(), which fails with it.
    this.contexts.catch(() => {});
    this.server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.onSocket(socket));
    if (this.where !== undefined) {
      this.started = this.start(this.where);
      this.started.catch((error: Error) => {
        if (!this.awaited) this.emit('error', error);
      });
    }
  }

  /** Connections that are relayed, or on their way to be. */
  get connections(): number {
    return this.serving.size;
  }

  listen(where?: number | string | Endpoint): Promise<AddressInfo> {
    if (where !== undefined && this.started !== undefined) throw invalid('listen', 'was given before');
    this.awaited = true;
    this.started ??= this.start(parseEndpoint(where ?? 0, 'listen', 0));
    return this.started;
  }

  address(): AddressInfo | null {
    return this.server.address() as AddressInfo | null;
  }

  async close(options: { abort?: boolean } = {}): Promise<void> {
    this.closing.abort();
    if (options.abort === true) this.aborting.abort();
    await this.started?.catch(() => {});
    if (this.server.listening) await new Promise<void>((resolve) => this.server.close(() => resolve()));
    await Promise.all(this.serving);
    if (this.closed) return;
    this.closed = true;
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ abort: true });
  }

  private async prepare(): Promise<{ accepting?: ServerContext; connecting?: ClientContext }> {
    const { tls, connectTls } = this.options;
    return {
      ...(tls === undefined ? {} : { accepting: await acceptingContext(tls) }),
      ...(connectTls === undefined || connectTls === false
        ? {}
        : { connecting: await connectingContext(connectTls === true ? {} : connectTls) }),
    };
  }

  private async start(where: Endpoint): Promise<AddressInfo> {
    await this.contexts;
    const { host, port } = where;
    const address = await listen(this.server, { port, host, backlog: 4096 }, (error) =>
      this.emit('error', error),
    );
    this.emit('listening', address);
    return address;
  }

  private onSocket(socket: Socket): void {
    const { maxConnections = MAX_CONNECTIONS } = this.options;
    if (this.serving.size >= maxConnections || this.closing.signal.aborted) {
      this.turnedAway++;
      socket.destroy();
      return;
    }
    const peer = peerAddress(socket);
    const served = this.serve(socket, peer)
      .catch((error: Error) => {
        this.emit('connectionError', error, peer);
      })
      .finally(() => this.serving.delete(served));
    this.serving.add(served);
  }

  private async serve(socket: Socket, peer: string): Promise<void> {
    const near = await this.accept(takeDescriptor(socket), peer);
    let far: NativeRelayEnd;
    try {
      far = await this.connect();
    } catch (error) {
      resetEnd(near);
      throw error;
    }
    const relay = new Relay(async () => [near, far], { ...this.relayOptions, signal: this.aborting.signal });
    try {
      this.emit('connection', relay, peer);
    } catch (error) {
      // By a listener: the relay runs all the same, and counts until it ends.
      this.emit('connectionError', error as Error, peer);
    }
    this.emit('connectionEnd', await relay, peer);
  }

  private async accept(fd: number, peer: string): Promise<NativeRelayEnd> {
    const { accepting } = await this.contexts;
    if (accepting === undefined) return { fd, initial: Buffer.alloc(0) };
    const { handshakeTimeout: timeoutMs } = this.options;
    const bounds = { signal: this.closing.signal, timeoutMs, address: peer };
    return tlsEnd(await acceptTls(fd, accepting, bounds), this.kernel);
  }

  private async connect(): Promise<NativeRelayEnd> {
    const { connecting } = await this.contexts;
    const { connectTimeout, handshakeTimeout: timeoutMs, connectTls: tls } = this.options;
    const { host, port } = this.target;
    const { signal } = this.closing;
    const fd = await dialSocket(host, port, { signal, timeoutMs: connectTimeout });
    if (connecting === undefined) return { fd, initial: Buffer.alloc(0) };
    const name = (typeof tls === 'object' ? tls.servername : undefined) ?? host;
    const bounds = { signal, timeoutMs, host: name, address: formatAddress(host, port) };
    return tlsEnd(await connectTls(fd, connecting, bounds), this.kernel);
  }
}

export function createProxy(options: ProxyOptions): ProxyServer {
  return new ProxyServer(options);
}
