// What the peer sends, up to the record that ends its handshake. That one must be known exactly: what comes
// behind it belongs to the record layer.
import type { Role } from './failure';
import { PeerFlight } from './flight';
import type { Hellos } from './hellos';
import { ContentType, HEADER_LENGTH } from './record';

export class ReceivedRecords {
  /** The alert with which the peer ended the handshake. */
  alert: number | undefined;
  /** TLS 1.3: what the peer sends encrypted. Undefined until its key is known. */
  private flight: PeerFlight | undefined;
  /** TLS 1.2: ChangeCipherSpec came, what follows is encrypted. */
  private ciphered = false;

  constructor(
    private readonly peer: Role,
    private readonly hellos: Hellos,
  ) {}

  /** The peer's handshake traffic secret (RFC 8446, 7.1). */
  setSecret(secret: Buffer): void {
    this.flight = new PeerFlight(secret);
  }

  /** Whether the record is encrypted under a key that is not known yet. */
  mustWait(record: Buffer): boolean {
    return record[0] === ContentType.applicationData && this.flight === undefined;
  }

  /** Whether the record is the last of the peer's handshake. Also takes note of a fatal alert. */
  endWith(record: Buffer): boolean {
    // Of TLS 1.2, where Finished is the only handshake message that is encrypted.
    if (this.ciphered) return record[0] === ContentType.handshake;
    this.hellos.note(this.peer, record);
    switch (record[0]) {
      case ContentType.changeCipherSpec:
        // In TLS 1.3 it means nothing (RFC 8446, D.4).
        this.ciphered = this.hellos.version === 'TLSv1.2';
        return false;
      case ContentType.alert:
        this.alert = record[HEADER_LENGTH + 1];
        return false;
      case ContentType.applicationData:
        return this.endsFlight(record);
      default:
        return false;
    }
  }

  private endsFlight(record: Buffer): boolean {
    const opened = this.flight?.open(record);
    if (opened?.type === ContentType.alert) this.alert = opened.content[1];
    return opened?.type === ContentType.handshake && (this.flight as PeerFlight).endsIn(opened.content);
  }
}
