// The keys of one connection, from what node:tls logs and says when it is asked.
import type { TLSSocket } from 'node:tls';

import { type CipherName, type NativeRecordKey, native, type TrafficState } from '../native';
import { recordCipher, type Version } from './cipher';
import { ALERTS, type AlertName, type Role } from './failure';
import type { Hellos } from './hellos';
import { KeyLog } from './key-log';
import { ContentType, MAX_PLAINTEXT } from './record';
import type { SentRecords } from './sent';
import { tls12States } from './tls12-keys';

export interface Agreement {
  version: Version;
  cipher: CipherName;
}

export class HandshakeKeys {
  readonly log = new KeyLog();
  private known: Agreement | undefined;

  constructor(
    private readonly role: Role,
    private readonly tls: TLSSocket,
    private readonly hellos: Hellos,
    private readonly sent: SentRecords,
  ) {}

  /** @throws where it is something that the record layers do not know. */
  get agreed(): Agreement {
    this.known ??= this.ask();
    return this.known;
  }

  private ask(): Agreement {
    const version = this.tls.getProtocol() as Version;
    const { standardName } = this.tls.getCipher();
    const cipher = recordCipher(standardName, version);
    if (cipher === undefined || version !== this.hellos.version) {
      throw new Error(`node:tls negotiated ${version} ${standardName}`);
    }
    return { version, cipher };
  }

  /** What the record layers start with, once both Finished are out. */
  states(): { tx: TrafficState; rx: TrafficState } {
    const { version, cipher } = this.agreed;
    if (version === 'TLSv1.2') {
      const master = this.log.secretOf('CLIENT_RANDOM');
      const { randoms } = this.hellos;
      return tls12States({ cipher, master, randoms }, this.role, this.sent.finished ?? Buffer.alloc(0));
    }
    return {
      tx: { secret: this.log.secretOf(`${this.self}_TRAFFIC_SECRET_0`), sequence: this.txSequence },
      // The peer's Finished was the last record read: nothing under its application key was.
      rx: { secret: this.log.secretOf(`${this.peer}_TRAFFIC_SECRET_0`), sequence: 0n },
    };
  }

  /** A client's own flight is under its handshake key, so that its first application record is 0. */
  private get txSequence(): bigint {
    return this.role === 'server' ? BigInt(this.sent.afterFinished) : 0n;
  }

  /** Tells whether a record of TLS 1.3 that node:tls sent is application data. */
  findMarker(): (record: Buffer) => boolean {
    if (this.agreed.version === 'TLSv1.2') return () => false;
    const key = this.key('open', this.states().tx);
    return (record) => key.open(record)?.type === ContentType.applicationData;
  }

  /** The record that tells the peer why it is refused. */
  sealAlert(alert: AlertName): Buffer {
    // A client that has not yet sent its Finished is still under its handshake key.
    const early =
      this.agreed.version === 'TLSv1.3' && this.role === 'client' && this.sent.afterFinished === 0;
    const state = early
      ? { secret: this.log.secretOf(`${this.self}_HANDSHAKE_TRAFFIC_SECRET`), sequence: 0n }
      : this.states().tx;
    return this.key('seal', state).seal(ContentType.alert, Buffer.of(2, ALERTS[alert]));
  }

  /** See Established.feedTicket. */
  ticketFeeder(push: (record: Buffer) => void): (message: Buffer) => void {
    let key: NativeRecordKey | undefined;
    return (message) => {
      // node:tls counts from 0, however many records the record layer has read by then.
      key ??= this.key('seal', this.states().rx);
      for (let at = 0; at < message.length; at += MAX_PLAINTEXT) {
        push(key.seal(ContentType.handshake, message.subarray(at, at + MAX_PLAINTEXT)));
      }
    };
  }

  private key(direction: 'open' | 'seal', state: TrafficState): NativeRecordKey {
    return new (native().RecordKey)(direction, { ...this.agreed, ...state });
  }

  get self(): string {
    return this.role === 'client' ? 'CLIENT' : 'SERVER';
  }

  get peer(): string {
    return this.role === 'client' ? 'SERVER' : 'CLIENT';
  }
}
