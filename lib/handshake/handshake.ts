// One TLS handshake, by the runtime's OpenSSL, up to the record where it ends.
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
import type { NativeHandshakeChannel, NativeHandshakeOptions, NativeTlsContext } from './native';
import { type AlpnOptions, proceed } from './tls-context';
import { TlsSession } from './tls-session';

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
  /** Is waited for before anything is done; that time counts. What it rejects with fails the handshake. */
  after?: Promise<unknown> | undefined;
}

/** A connection whose handshake is done. Whoever has it owns the descriptor, and shall destroy() `tls`. */
export interface Established {
  fd: number;
  role: Role;
  version: Version;
  /** What the record layer calls it: in TLS 1.2 the suite of TLS 1.3 that encrypts alike. */
  cipher: CipherName;
  tx: TrafficState;
  rx: TrafficState;
  /** Knows the peer's certificate, ALPN, the session, the exporter. */
  tls: TlsSession;
  /** What the peer proved to hold: the identity of a secret. */
  peerIdentity: string | undefined;
  /** host:port of the peer, where it is known. */
  address: string | undefined;
  /** How long the handshake took, in milliseconds. */
  durationMs: number;
  /**
   * A client's: hands a NewSessionTicket message (RFC 8446, 4.6.1), which the record layer received after the
   * hand-over, back to `tls`, whose getSession() then is the session that it resumes. In order of arrival.
   */
  feedTicket: ((message: Buffer) => void) | undefined;
}

/** What a client is to see; nothing but what there is where neither is given. */
export type CertificateAnswer = (
  error: Error | null,
  context?: NativeTlsContext,
  staple?: Uint8Array,
) => void;

export interface HandshakeParty {
  role: Role;
  authentication: Authentication;
  begin(): NativeHandshakeOptions;
  /** A server's. */
  ALPNCallback?: AlpnOptions['ALPNCallback'];
  /** A server's, where its options say that it `asks`. */
  certificate?(servername: string | undefined, wantsStaple: boolean, answer: CertificateAnswer): void;
  /** Judges the peer when the handshake itself is done, before anything else is sent to it. */
  verify(tls: TlsSession): Refusal | undefined;
  /** See Established. Asked for once, after verify(). */
  identity?(tls: TlsSession): string | undefined;
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

class Handshake {
  private state: State = 'flight';
  private readonly startedAt = performance.now();
  private readonly channel: NativeHandshakeChannel;
  private readonly timeoutMs: number;
  private timer: NodeJS.Timeout | undefined;
  private tls!: TlsSession;
  private proceeding = false;
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
      (servername, wantsStaple) => this.onCertificate(servername, wantsStaple),
    );
  }

  start(): void {
    const { after, signal } = this.bounds;
    if (signal?.aborted) {
      this.fail(aborted(signal));
      return;
    }
    signal?.addEventListener('abort', this.onAbort);
    this.timer = setTimeout(() => this.onDeadline(), this.timeoutMs);
    if (after === undefined) this.begin();
    else
      after.then(
        () => this.begin(),
        (error) => this.fail(error),
      );
  }

  private begin(): void {
    if (this.state === 'over') return;
    try {
      const options = this.party.begin();
      this.channel.begin(options);
      this.tls = new TlsSession(this.channel, options);
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    this.keys = new HandshakeKeys(this.party.role, this.tls, this.channel);
    this.advance();
  }

  private readonly onAbort = (): void => this.fail(aborted(this.bounds.signal as AbortSignal));

  private onDeadline(): void {
    this.fail(timedOut(this.timeoutMs, this.bounds.address));
  }

  private advance(): void {
    try {
      if (this.state === 'refusing' && !this.channel.drain()) this.fail(this.explain(undefined));
      if (this.state === 'flight' && this.proceed()) this.settle();
    } catch (error) {
      this.fail(this.explain(error));
    }
  }

  private proceed(): boolean {
    this.proceeding = true;
    try {
      const { channel, party, tls } = this;
      return proceed({ channel, context: tls.context, ALPNCallback: party.ALPNCallback });
    } finally {
      this.proceeding = false;
    }
  }

  private onCertificate(servername: string | undefined, wantsStaple: boolean): void {
    let answered = false;
    this.party.certificate?.(servername, wantsStaple, (error, context, staple) => {
      if (answered || this.state !== 'flight') return;
      answered = true;
      try {
        if (error) throw error;
        this.channel.answer(context, staple);
      } catch (cause) {
        this.fail(this.explain(cause));
        return;
      }
      // An answer that is given at once is found without that.
      if (!this.proceeding) this.advance();
    });
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

  // --- The end ---------------------------------------------------------------------------------------

  /** Gives everything to the record layer that follows. */
  private hand(): void {
    const { channel, keys, party, tls } = this;
    let established: Established;
    try {
      const peerIdentity = party.identity?.(tls);
      const { version, cipher } = keys.agreed;
      const { tx, rx } = keys.states();
      const feedTicket =
        party.role === 'client' ? keys.ticketFeeder((record) => channel.feed(record)) : undefined;
      const { address } = this.bounds;
      const { role } = party;
      const durationMs = performance.now() - this.startedAt;
      const fd = channel.release();
      established = { fd, role, version, cipher, tx, rx, tls, peerIdentity, address, durationMs, feedTicket };
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
    // Whoever judges the peer just now, and aborts that, finds nothing more to ask.
    this.tls?.destroy();
    this.channel.close();
    this.reject(error);
  }

  private finish(): void {
    this.state = 'over';
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
    return localFailure(cause, role, authentication, address);
  };
}
