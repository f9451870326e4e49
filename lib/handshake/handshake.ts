// One TLS handshake: node:tls's own, driven over a socket that it does not know, up to the record where it ends.
import type { TLSSocket } from 'node:tls';

import { KtlsError } from '../errors';
import { type CipherName, native, type TrafficState } from '../native';
import type { Version } from './cipher';
import {
  ALERTS,
  type Authentication,
  aborted,
  alertFailure,
  localFailure,
  notTls,
  type Refusal,
  type Role,
  refused,
  timedOut,
  withAddress,
} from './failure';
import { HandshakeKeys } from './keys';
import type { NativeHandshakeChannel } from './native';

export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** How long, and for how many bytes, a peer that was refused is heard out, so that it can read why. */
const LINGER_MS = 1000;

export interface HandshakeBounds {
  /** Aborts with AbortError. */
  signal?: AbortSignal | undefined;
  /** From the call to the end of the handshake; 10,000 by default. */
  timeoutMs?: number | undefined;
  /** host:port of the peer, for messages. */
  address?: string | undefined;
}

/** A connection whose handshake is done. Whoever has it owns the descriptor, and shall destroy() `tls`. */
export interface Established {
  fd: number;
  version: Version;
  /** What the record layer calls it: in TLS 1.2 the suite of TLS 1.3 that encrypts alike. */
  cipher: CipherName;
  tx: TrafficState;
  rx: TrafficState;
  /**
   * Knows the peer's certificate, ALPN, the session, the exporter. It is cut off from the network:
   * what is written to it, and its end, go nowhere.
   */
  tls: TLSSocket;
  /** What the peer proved to hold: the identity of a secret. */
  peerIdentity?: string;
  /** host:port of the peer, where it is known. */
  address?: string;
  /** How long the handshake took, in milliseconds. */
  durationMs: number;
  /**
   * A client's: hands a NewSessionTicket message (RFC 8446, 4.6.1), which the record layer received after the
   * hand-over, back to `tls`, whose getSession() then is the session that it resumes. In order of arrival.
   */
  feedTicket?: (message: Buffer) => void;
}

export interface HandshakeParty {
  role: Role;
  authentication: Authentication;
  /** Makes a TLSSocket without a stream. */
  open(): TLSSocket;
  /** Judges the peer when the handshake itself is done, before anything else is sent to it. */
  verify(tls: TLSSocket): Refusal | undefined;
  /** See Established. Asked for once, after verify(). */
  identity?(tls: TLSSocket): string | undefined;
}

/**
 * flight    from the start: the two ends' messages go to and fro
 * draining  after flight: what was written last waits for the kernel's buffer
 * refusing  after flight, when verify() said no: the alert is out, the peer may read it
 * over      after draining, refusing or any failure: nothing goes in or out any more
 */
type State = 'flight' | 'draining' | 'refusing' | 'over';

/** Ownership of `fd` moves here: it is in what the promise resolves with, or closed. */
export function handshake(fd: number, party: HandshakeParty, bounds: HandshakeBounds): Promise<Established> {
  return new Promise((resolve, reject) => {
    new Handshake(fd, party, bounds, resolve, reject).start();
  });
}

/** Of its TLSSocket, which lives as long as the connection: what is not to live as long is reached by this alone. */
const HANDSHAKE = Symbol('handshake');
type Driven = TLSSocket & { [HANDSHAKE]?: Handshake | undefined };

/** After the hand-over it is nobody's concern. */
function onTlsError(this: Driven, cause: Error): void {
  this[HANDSHAKE]?.onTlsError(cause);
}

function onTlsClose(this: Driven): void {
  this[HANDSHAKE]?.onTlsError(new Error('the TLS socket was destroyed'));
}

class Handshake {
  private state: State = 'flight';
  private readonly startedAt = performance.now();
  private readonly channel: NativeHandshakeChannel;
  private readonly timeoutMs: number;
  private timer: NodeJS.Timeout | undefined;
  private tls!: Driven;
  private keys!: HandshakeKeys;

  constructor(
    fd: number,
    private readonly party: HandshakeParty,
    private readonly bounds: HandshakeBounds,
    private readonly resolve: (established: Established) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.timeoutMs = bounds.timeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.channel = new (native().HandshakeChannel)(
      fd,
      () => this.advance(),
      (error) => this.onWritten(error),
    );
  }

  start(): void {
    const { signal } = this.bounds;
    if (signal?.aborted) {
      this.fail(aborted(signal));
      return;
    }
    signal?.addEventListener('abort', this.onAbort);
    this.timer = setTimeout(() => this.onDeadline(), this.timeoutMs);
    try {
      this.tls = this.channel.attach(() => this.party.open());
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    const { tls } = this;
    this.keys = new HandshakeKeys(this.party.role, tls, this.channel);
    tls[HANDSHAKE] = this;
    tls.on('error', onTlsError);
    tls.on('close', onTlsClose);
    this.advance();
  }

  private readonly onAbort = (): void => this.fail(aborted(this.bounds.signal as AbortSignal));

  private onDeadline(): void {
    this.fail(timedOut(this.timeoutMs, this.bounds.address));
  }

  private advance(): void {
    try {
      if (this.state === 'refusing' && !this.channel.drain()) this.fail(this.explain(undefined));
      if (this.state === 'flight' && this.channel.proceed()) this.settle();
    } catch (error) {
      this.fail(this.explain(error));
    }
  }

  /** Nothing of what this end wrote last is sent before the peer has been judged. */
  private settle(): void {
    const refusal = this.party.verify(this.tls);
    // A checkServerIdentity of the program's may have aborted it.
    if (this.state !== 'flight') return;
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    this.state = 'draining';
    if (this.channel.flush()) this.hand();
  }

  private onWritten(error?: Error): void {
    // A peer that takes nothing any more may have said why: reading finds that, or the end.
    if (error !== undefined && this.state === 'flight') setImmediate(() => this.advance());
    else if (error !== undefined) this.fail(this.explain(error));
    else if (this.state === 'draining') this.hand();
  }

  onTlsError(cause: Error): void {
    if (this.state !== 'over') this.fail(this.explain(cause));
  }

  // --- The end ---------------------------------------------------------------------------------------

  /** Gives everything to the record layer that follows. */
  private hand(): void {
    const { address } = this.bounds;
    const { channel } = this;
    const { role } = this.party;
    let established: Established;
    try {
      const peerIdentity = this.party.identity?.(this.tls);
      established = {
        ...this.keys.agreed,
        ...this.keys.states(),
        tls: this.tls,
        durationMs: performance.now() - this.startedAt,
        ...(peerIdentity === undefined ? {} : { peerIdentity }),
        ...(address === undefined ? {} : { address }),
        ...(role === 'client'
          ? { feedTicket: this.keys.ticketFeeder((record) => channel.feed(record)) }
          : {}),
        fd: channel.release(),
      };
    } catch (error) {
      this.fail(this.explain(error));
      return;
    }
    this.finish();
    this.resolve(established);
  }

  /** node:tls tells the peer nothing when a certificate does not please: we do, as RFC 8446, 6.2 wants. */
  private refuse(refusal: Refusal): void {
    const error = refused(refusal, this.bounds.address);
    this.state = 'refusing';
    this.explain = () => error;
    // In TLS 1.2 the alert belongs behind this end's Finished.
    const unsent = this.keys.agreed.version === 'TLSv1.3';
    const alert = this.keys.sealAlert(refusal.alert, unsent);
    if (unsent) this.channel.discard();
    else this.channel.flush();
    this.channel.write(alert);
    this.channel.shutDown();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail(error), Math.min(LINGER_MS, this.timeoutMs));
    // Closing with bytes unread resets the connection, and the alert with it.
    setImmediate(() => this.advance());
  }

  private fail(error: Error): void {
    if (this.state === 'over') return;
    this.finish();
    this.channel.close();
    this.tls?.destroy();
    this.reject(error);
  }

  private finish(): void {
    this.state = 'over';
    if (this.tls !== undefined) this.tls[HANDSHAKE] = undefined;
    clearTimeout(this.timer);
    this.bounds.signal?.removeEventListener('abort', this.onAbort);
  }

  private explain = (cause: unknown): Error => {
    const { authentication, role } = this.party;
    const { address } = this.bounds;
    const { peerAlert } = this.channel;
    if (peerAlert !== undefined && peerAlert !== ALERTS.close_notify) {
      return alertFailure(peerAlert, authentication, address);
    }
    if (cause instanceof KtlsError) {
      if (cause.code === 'ERR_KTLS_BAD_RECORD') return notTls(address);
      return cause.address === undefined ? withAddress(cause, address) : cause;
    }
    return localFailure(cause as Error, role, authentication, address);
  };
}
