// One TLS handshake: node:tls over a stream of ours, up to the record where it ends.
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

import { KtlsError } from '../errors';
import { type CipherName, type NativeHandshakeChannel, native, type TrafficState } from '../native';
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
  tooLarge,
  truncated,
  withAddress,
} from './failure';
import { Hellos } from './hellos';
import { HandshakeKeys } from './keys';
import { ReceivedRecords } from './received';
import { ContentType } from './record';
import { MARKER, SentRecords } from './sent';

export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Of everything the peer sends before it is authenticated. OpenSSL's own bound on a chain is 100 KiB. */
const MAX_HANDSHAKE_BYTES = 128 * 1024;
/** How long, and for how many bytes, a peer that was refused is heard out, so that it can read why. */
const LINGER_MS = 1000;

const HANG_UPS = ['ERR_KTLS_TRUNCATED', 'ECONNRESET', 'EPIPE'];
const HANDSHAKE_TYPES: number[] = [ContentType.alert, ContentType.handshake];

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
   * Hands a NewSessionTicket message (RFC 8446, 4.6.1), which the record layer received after the
   * hand-over, back to `tls`: its `session` event then fires. Clients only; in order of arrival.
   */
  feedTicket(message: Buffer): void;
}

export interface HandshakeParty {
  role: Role;
  authentication: Authentication;
  /** Makes the TLSSocket over the stream; it must not have started to read. */
  open(stream: Duplex): TLSSocket;
  /** Judges the peer when the handshake itself is done, before anything else is sent to it. */
  verify(tls: TLSSocket): Refusal | undefined;
  /** See Established. Asked for once, after verify(). */
  identity?(tls: TLSSocket): string | undefined;
}

/**
 * flight    from the start: the peer's records are read and handed to node:tls, up to its Finished
 * settling  after flight: node:tls digests that, and what it sends is counted, up to the marker
 * draining  after settling: what was sent waits for the kernel's buffer
 * refusing  after flight, when verify() said no: the alert is out, the peer may read it
 * over      after draining, refusing or any failure: nothing goes in or out any more
 */
type State = 'flight' | 'settling' | 'draining' | 'refusing' | 'over';

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
  private readonly stream: Duplex;
  private readonly timeoutMs: number;
  private timer: NodeJS.Timeout | undefined;
  private tls!: TLSSocket;

  private readonly hellos = new Hellos();
  private readonly received: ReceivedRecords;
  private readonly sent: SentRecords;
  private keys!: HandshakeKeys;
  /** An encrypted record that came before its key: node:tls may still be at work on what precedes it. */
  private held: Buffer | undefined;
  private receivedBytes = 0;
  private receivedRecords = 0;
  private pumping = false;

  private secured = false;
  private markerWritten = false;

  constructor(
    fd: number,
    private readonly party: HandshakeParty,
    private readonly bounds: HandshakeBounds,
    private readonly resolve: (established: Established) => void,
    private readonly reject: (error: Error) => void,
  ) {
    const { role } = party;
    this.received = new ReceivedRecords(role === 'client' ? 'server' : 'client', this.hellos);
    this.sent = new SentRecords(role, this.hellos);
    this.timeoutMs = bounds.timeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.channel = new (native().HandshakeChannel)(
      fd,
      () => this.pump(),
      (error) => this.onWritten(error),
    );
    this.stream = new Duplex({
      read: () => {},
      writev: (chunks, done) => {
        this.onTlsWrites(chunks.map(({ chunk }) => chunk));
        done();
      },
    });
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
      this.tls = this.party.open(this.stream);
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    const { tls } = this;
    this.keys = new HandshakeKeys(this.party.role, tls, this.hellos, this.sent);
    // From this socket, never from a server's shared event by client_random: an attacker may repeat the
    // random of another connection, and its keys must not be taken for that one's.
    tls.on('keylog', (line: Buffer) => this.onKeyLog(line));
    tls.on('error', (error) => this.onTlsError(error));
    tls.on('close', () => this.onTlsError());
    tls.on(this.party.role === 'client' ? 'secureConnect' : 'secure', () => this.onSecure());
    this.pump();
  }

  private readonly onAbort = (): void => this.fail(aborted(this.bounds.signal as AbortSignal));

  private onDeadline(): void {
    this.fail(timedOut(this.timeoutMs, this.bounds.address));
  }

  // --- From the peer ---------------------------------------------------------------------------------

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.state === 'flight') {
        const record = this.held ?? this.receive();
        this.held = undefined;
        if (record === undefined) break;
        if (this.received.mustWait(record)) {
          this.held = record;
          break;
        }
        if (this.received.endWith(record)) {
          this.state = 'settling';
          this.sent.startCounting();
        }
        this.stream.push(record);
      }
      while (this.state === 'refusing' && this.receive() !== undefined);
      if (this.state === 'settling' && this.secured) this.writeMarker();
    } catch (error) {
      // A peer may hang up because of an alert of node:tls, whose own error is on its way: it says more.
      const hangUp = HANG_UPS.includes((error as NodeJS.ErrnoException).code ?? '');
      if (hangUp) setImmediate(() => this.fail(this.explain(error)));
      else this.fail(this.explain(error));
    } finally {
      this.pumping = false;
    }
  }

  private receive(): Buffer | undefined {
    const record = this.channel.readRecord();
    if (record === undefined) return undefined;
    if (record === null) throw truncated(this.bounds.address);
    this.receivedBytes += record.length;
    if (this.receivedBytes > MAX_HANDSHAKE_BYTES) throw tooLarge(MAX_HANDSHAKE_BYTES, this.bounds.address);
    if (this.receivedRecords++ === 0 && !HANDSHAKE_TYPES.includes(record[0] as number)) throw notTls();
    return record;
  }

  // --- From node:tls ---------------------------------------------------------------------------------

  private onKeyLog(line: Buffer): void {
    const { log, peer } = this.keys;
    const label = log.add(line);
    if (label === `${peer}_HANDSHAKE_TRAFFIC_SECRET`) {
      this.received.setSecret(log.secretOf(label));
      // Not from here, where OpenSSL is at work.
      if (this.held !== undefined) setImmediate(() => this.pump());
    }
  }

  private onSecure(): void {
    if (this.state === 'over') return;
    if (this.state !== 'settling') {
      // Never seen; the count of records would be wrong, so nothing is handed over.
      this.fail(this.explain(new Error('node:tls ended the handshake before the Finished of the peer')));
      return;
    }
    let refusal: Refusal | undefined;
    try {
      refusal = this.party.verify(this.tls);
    } catch (error) {
      this.fail(this.explain(error));
      return;
    }
    if (refusal !== undefined) {
      // In TLS 1.2 this end's Finished, behind which the alert belongs, may come after this event.
      if (this.hellos.version === 'TLSv1.2') setImmediate(() => this.refuse(refusal));
      else this.refuse(refusal);
      return;
    }
    this.secured = true;
    // Tickets are written when this event has been handled; within pump() that is before it goes on.
    if (!this.pumping) setImmediate(() => this.writeMarker());
  }

  private writeMarker(): void {
    if (this.state !== 'settling' || this.markerWritten) return;
    this.markerWritten = true;
    try {
      this.sent.awaitMarker(this.keys.findMarker());
    } catch (error) {
      this.fail(this.explain(error));
      return;
    }
    this.tls.write(MARKER);
  }

  private onTlsWrites(chunks: Buffer[]): void {
    if (this.state !== 'flight' && this.state !== 'settling') return;
    const { data, last } = this.sent.take(chunks);
    this.send(data, last);
  }

  private send(data: Buffer, last: boolean): void {
    try {
      const written = data.length === 0 || this.channel.write(data);
      if (!last) return;
      this.state = 'draining';
      if (written) this.hand();
    } catch (error) {
      this.onWritten(error as Error);
    }
  }

  private onWritten(error?: Error): void {
    // A peer that takes nothing any more may have said why: reading finds that, or the end.
    if (error !== undefined && this.state === 'flight') setImmediate(() => this.pump());
    else if (error !== undefined) this.fail(this.explain(error));
    else if (this.state === 'draining') this.hand();
  }

  /** Also when the TLSSocket closes without one; after the hand-over that is nobody's concern. */
  private onTlsError(cause?: Error): void {
    if (this.state !== 'over') this.fail(this.explain(cause ?? new Error('the TLS socket was destroyed')));
  }

  // --- The end ---------------------------------------------------------------------------------------

  /** Gives everything to the record layer that follows. */
  private hand(): void {
    const { address } = this.bounds;
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
        feedTicket: this.keys.ticketFeeder((record) => this.stream.push(record)),
        fd: this.channel.release(),
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
    if (this.state !== 'settling') return;
    const error = refused(refusal, this.bounds.address);
    this.state = 'refusing';
    this.explain = () => error;
    try {
      this.channel.write(this.keys.sealAlert(refusal.alert));
      this.channel.shutDown();
    } catch (failed) {
      this.fail(this.explain(failed));
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail(error), Math.min(LINGER_MS, this.timeoutMs));
    // Closing with bytes unread resets the connection, and the alert with it.
    setImmediate(() => this.pump());
  }

  private fail(error: Error): void {
    if (this.state === 'over') return;
    this.finish();
    this.channel.close();
    this.tls?.destroy();
    this.stream.destroy();
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
    const { alert } = this.received;
    if (alert !== undefined && alert !== ALERTS.close_notify) {
      return alertFailure(alert, authentication, address);
    }
    if (cause instanceof KtlsError) {
      if (cause.code === 'ERR_KTLS_BAD_RECORD' && this.receivedRecords === 0) return notTls(address);
      if (cause.code === 'ERR_KTLS_NOT_TLS') return notTls(address);
      return cause.address === undefined ? withAddress(cause, address) : cause;
    }
    return localFailure(cause as Error, role, authentication, address);
  };
}
