// createReceiver: listens, and runs any number of transfers.
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';

import type {
  Receiver as DeclaredReceiver,
  IncomingTransfer,
  ListenOptions,
  ReceiverEvents,
  ReceiverOptions,
} from '../types/index';
import { isPlainName } from './address';
import { KtlsError } from './errors';
import { Incoming } from './incoming-transfer';
import type { Link } from './link';
import { isHangUp, LinkListener } from './link-listener';
import { type Hello, type NativeTransfer, native } from './native';
import { checkOptions, DEFAULT_PORT, DEFAULTS, pathBuffer, resolveTimeouts } from './options';

const TOKEN_BYTES = 16;

/** What may be wrong with a peer whose connection is in order. */
const TOLD = [
  'ERR_KTLS_PROTOCOL',
  'ERR_KTLS_PROTOCOL_VERSION',
  'ERR_KTLS_UNSAFE_PATH',
  'ERR_KTLS_HANDSHAKE_TIMEOUT',
];

/** Beyond those granted: they join before the one that they replace has ended. */
const REPLACEMENTS = 64;

/** How long a peer that is turned away may take to hear why. */
const LAST_WORDS_MS = 1000;

/** A transfer from the moment a token is given out for it. */
interface Session {
  granted: number;
  end: NativeTransfer;
  /** Resolves when `end` runs, or when it is known that it never will. */
  started: Promise<void>;
  running: boolean;
}

export function createReceiver(options: ReceiverOptions): Receiver {
  return new Receiver(options);
}

export class Receiver extends EventEmitter<ReceiverEvents> implements DeclaredReceiver {
  readonly #options: ReceiverOptions;
  readonly #root: Buffer;
  readonly #timeouts;
  readonly #listener: LinkListener;
  /** By token in hexadecimal: what a joining connection asks for. */
  readonly #sessions = new Map<string, Session>();
  readonly #transfers = new Set<Incoming>();
  /** Authenticated, and not yet part of a transfer. */
  readonly #guests = new Set<Link>();
  #state: 'new' | 'open' | 'closing' | 'closed' = 'new';

  constructor(options: ReceiverOptions) {
    super();
    checkOptions('createReceiver', options);
    this.#options = { ...options };
    this.#root = pathBuffer(options.root, 'root');
    this.#timeouts = resolveTimeouts(options.timeouts);
    this.#listener = new LinkListener(this.#options, {
      link: (link) => this.#welcome(link),
      failed: (error, peer) => this.emit('connectionError', error, peer),
      error: (error) => this.emit('error', error),
    });
  }

  get transfers(): readonly IncomingTransfer[] {
    return [...this.#transfers];
  }

  async listen(options: ListenOptions = {}): Promise<AddressInfo> {
    checkOptions('listen', options);
    native(); // where the addon cannot work, say so before a peer connects
    if (this.#state !== 'new') {
      throw new KtlsError('ERR_KTLS_LIMIT', 'a receiver listens once: create another');
    }
    const { signal } = this.#options;
    signal?.throwIfAborted();
    this.#state = 'open';
    const address = await this.#listener.listen(options.port ?? DEFAULT_PORT, options.host);
    signal?.addEventListener('abort', () => void this.close({ abort: true }), { once: true });
    this.emit('listening');
    return address;
  }

  address(): AddressInfo | null {
    return this.#listener.address();
  }

  ref(): this {
    this.#listener.ref();
    return this;
  }

  unref(): this {
    this.#listener.unref();
    return this;
  }

  // It goes on listening while transfers run: theirs are the connections that still may join.
  async close(options: { abort?: boolean | undefined } = {}): Promise<void> {
    checkOptions('close', options);
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    const transfers = [...this.#transfers];
    if (options.abort === true)
      await Promise.all(transfers.map((transfer) => transfer[Symbol.asyncDispose]()));
    else await Promise.allSettled(transfers);
    for (const link of this.#guests) link.connection.close();
    await this.#listener.close();
    if ((this.#state as string) === 'closed') return; // by a second call meanwhile
    this.#state = 'closed';
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ abort: true });
  }

  async #welcome(link: Link): Promise<void> {
    this.#guests.add(link);
    try {
      const hello = await link.connection.readHello(this.#timeouts.handshake);
      if (hello.kind === 'join') await this.#join(link, hello);
      else await this.#begin(link, hello);
    } catch (error) {
      // Whoever comes to a receiver that closes is nobody's error.
      if (this.#state === 'open' && !isHangUp(error))
        this.emit('connectionError', error as KtlsError, link.peer);
      await this.#explain(link, error as KtlsError).catch(() => {});
      link.connection.close();
    } finally {
      this.#guests.delete(link);
    }
  }

  /** Tells the peer what was wrong with what it said, where it can hear. */
  async #explain(link: Link, { code, message }: KtlsError): Promise<void> {
    if (!TOLD.includes(code)) return;
    await link.connection.refuse(code, message, LAST_WORDS_MS);
  }

  async #begin(link: Link, hello: Hello): Promise<void> {
    const refusal = this.#refusal(hello);
    if (refusal !== null) return this.#refuse(link, refusal);
    if (!hello.path?.every(isPlainName)) {
      throw new KtlsError('ERR_KTLS_UNSAFE_PATH', 'the peer asked for a path that would leave the root');
    }
    const token = randomBytes(TOKEN_BYTES);
    const granted = Math.min(hello.connections ?? 1, this.#options.maxConnections ?? DEFAULTS.maxConnections);
    const end = this.#createNative(hello);
    const accepted = link.connection.accept({ token, connections: granted }, this.#timeouts.handshake);
    const session: Session = { granted, end, started: accepted.catch(() => {}), running: false };
    const key = token.toString('hex');
    this.#sessions.set(key, session);
    try {
      await accepted;
      this.#options.signal?.throwIfAborted();
    } catch (error) {
      this.#sessions.delete(key);
      end.cancel();
      throw error;
    }
    this.#run(key, session, new Incoming(end, link, hello, this.#options.signal));
  }

  #run(key: string, session: Session, transfer: Incoming): void {
    session.running = true;
    this.#transfers.add(transfer);
    const forget = () => {
      this.#sessions.delete(key);
      this.#transfers.delete(transfer);
    };
    transfer.then(forget, forget);
    this.emit('transfer', transfer);
  }

  async #join(link: Link, hello: Hello): Promise<void> {
    const token = hello.token as Buffer;
    const session = this.#sessions.get(token.toString('hex'));
    // A connection that was dialled for a transfer which has just ended: nobody's error.
    if (session === undefined) return this.#turnAway(link, 'the transfer to join has ended');
    const { granted, end } = session;
    const open = end.connectionsOpen() + (session.running ? 0 : 1);
    if (open >= granted + REPLACEMENTS) {
      return this.#refuse(link, `${open} connections take part already`);
    }
    end.expectConnection();
    try {
      await link.connection.accept({ token, connections: granted }, this.#timeouts.handshake);
      await session.started;
    } catch (error) {
      end.callOffConnection();
      throw error;
    }
    // Both continue after the same promise, #begin first: by now it runs, or what is added is dropped.
    end.addConnection(link.connection);
  }

  /** Why not; null when there is no reason. */
  #refusal(hello: Hello): string | null {
    if (this.#state !== 'open') return 'the receiver is closing';
    if (hello.kind === 'push' && this.#options.serve === true) return 'this receiver only gives trees out';
    if (hello.kind === 'pull' && this.#options.serve !== true) return 'this receiver gives no trees out';
    const most = this.#options.maxTransfers ?? DEFAULTS.maxTransfers;
    if (this.#sessions.size >= most) return `${most} transfers run here already: try again later`;
    return null;
  }

  async #refuse(link: Link, why: string): Promise<void> {
    this.emit('connectionError', new KtlsError('ERR_KTLS_REFUSED', `refused: ${why}`), link.peer);
    await this.#turnAway(link, why);
  }

  async #turnAway(link: Link, why: string): Promise<void> {
    await link.connection.refuse('ERR_KTLS_REFUSED', why, LAST_WORDS_MS);
  }

  #createNative(hello: Hello): NativeTransfer {
    const { ownership, onError, overwrite, fsync, mode } = this.#options;
    const common = {
      root: this.#root,
      below: hello.path ?? [],
      verify: hello.verify ?? true,
      continueOnError: onError === undefined ? hello.continueOnError === true : onError === 'continue',
      idleTimeoutMs: this.#timeouts.idle,
    };
    if (hello.kind === 'pull') {
      return new (native().Sender)({
        ...common,
        mode: mode ?? 'auto',
        initiator: false,
      });
    }
    return new (native().Receiver)({
      ...common,
      overwrite: overwrite ?? true,
      ownership: ownership === true && hello.ownership === true,
      fsync: fsync ?? 'none',
    });
  }
}
