// The keys of one connection, from what its handshake agreed on, and what its records looked like.
import { native, type TrafficState } from '../native';
import { ALERTS, type AlertName, type Role } from './failure';
import type { NativeHandshakeChannel, NativeRecordKey } from './native';
import type { Agreement, TlsSession } from './tls-session';
import { tls12States } from './tls12-keys';

/** RFC 8446, 5.1. */
const ContentType = { alert: 21, handshake: 22 } as const;
const MAX_PLAINTEXT = 16384;

const FATAL = 2;

export class HandshakeKeys {
  private known: Agreement | undefined;

  constructor(
    private readonly role: Role,
    private readonly tls: Pick<TlsSession, 'agreed'>,
    private readonly channel: Pick<
      NativeHandshakeChannel,
      'secret' | 'sentAfterFinished' | 'lastSent' | 'randoms'
    >,
  ) {}

  /** @throws where it is something that the record layers do not know. */
  get agreed(): Agreement {
    this.known ??= this.tls.agreed();
    return this.known;
  }

  /** What the record layers start with, once all that the handshake wrote is out. */
  states(): { tx: TrafficState; rx: TrafficState } {
    const { version, cipher } = this.agreed;
    if (version === 'TLSv1.2') {
      const secrets = { cipher, master: this.secretOf('CLIENT_RANDOM'), randoms: this.channel.randoms() };
      return tls12States(secrets, this.role, this.channel.lastSent);
    }
    return {
      // A client's own flight is under its handshake key, so that its first application record is 0.
      tx: this.state(this.self, this.channel.sentAfterFinished),
      // The peer's Finished was the last record read: nothing under its application key was.
      rx: this.state(this.peer, 0n),
    };
  }

  /**
   * The record that tells the peer why it is refused.
   *
   * @param unsent - Whether what the handshake of TLS 1.3 wrote last was not sent, a client's Finished among it.
   */
  sealAlert(alert: AlertName, unsent: boolean): Buffer {
    const handshakeKey = () => this.secretOf(`${this.self}_HANDSHAKE_TRAFFIC_SECRET`);
    const state = !unsent
      ? this.states().tx
      : this.role === 'client'
        ? { secret: handshakeKey(), sequence: 0n }
        : this.state(this.self, 0n);
    return this.sealer(state).seal(ContentType.alert, Buffer.of(FATAL, ALERTS[alert]));
  }

  /** Makes records of the messages that the peer sends after the handshake, for `push`. */
  ticketFeeder(push: (record: Buffer) => void): (message: Buffer) => void {
    let key: NativeRecordKey | undefined;
    return (message) => {
      // OpenSSL counts from 0, however many records the record layer has read by then.
      key ??= this.sealer(this.state(this.peer, 0n));
      for (let at = 0; at < message.length; at += MAX_PLAINTEXT) {
        push(key.seal(ContentType.handshake, message.subarray(at, at + MAX_PLAINTEXT)));
      }
    };
  }

  private state(end: string, sequence: bigint): TrafficState {
    return { secret: this.secretOf(`${end}_TRAFFIC_SECRET_0`), sequence };
  }

  private secretOf(label: string): Buffer {
    const secret = this.channel.secret(label);
    if (secret === undefined) throw new Error(`the handshake left no ${label}`);
    return secret;
  }

  private sealer(state: TrafficState): NativeRecordKey {
    return new (native().RecordKey)({ ...this.agreed, ...state });
  }

  private get self(): string {
    return this.role === 'client' ? 'CLIENT' : 'SERVER';
  }

  private get peer(): string {
    return this.role === 'client' ? 'SERVER' : 'CLIENT';
  }
}
