// What node:tls sends: which of it goes out, and how many records of it are under the keys that the record
// layer goes on with.
import type { Role } from './failure';
import type { Hellos } from './hellos';
import { ContentType, cutRecords } from './record';

/** What is written through node:tls behind its handshake, to see what it had still to send before. */
export const MARKER = Buffer.of(0);

export class SentRecords {
  /** TLS 1.3: encrypted records after the peer's Finished. */
  afterFinished = 0;
  /** TLS 1.2: the record of this end's Finished. */
  finished: Buffer | undefined;
  /** The end of what node:tls wrote, when that is not the end of a record. */
  private partial: Buffer = Buffer.alloc(0);
  /** TLS 1.2: ChangeCipherSpec was sent. */
  private ciphered = false;
  private counting = false;
  private awaiting: ((record: Buffer) => boolean) | undefined;

  constructor(
    private readonly self: Role,
    private readonly hellos: Hellos,
  ) {}

  /** The peer's Finished was read: what is sent encrypted from now on is counted. */
  startCounting(): void {
    this.counting = true;
  }

  /** The marker was written; `isMarker` tells an encrypted record of TLS 1.3 from it, each asked once. */
  awaitMarker(isMarker: (record: Buffer) => boolean): void {
    this.awaiting = isMarker;
  }

  /** What of these chunks shall go out, and whether the marker came behind it. */
  take(chunks: Buffer[]): { data: Buffer; last: boolean } {
    const data = chunks.length === 1 && this.partial.length === 0 ? chunks[0] : undefined;
    const whole = data ?? Buffer.concat([this.partial, ...chunks]);
    const { records, rest } = cutRecords(whole);
    let end = 0;
    for (const record of records) {
      if (this.isMarker(record)) return { data: whole.subarray(0, end), last: true };
      end += record.length;
    }
    this.partial = rest;
    return { data: whole.subarray(0, end), last: false };
  }

  private isMarker(record: Buffer): boolean {
    const type = record[0];
    if (!this.ciphered) this.hellos.note(this.self, record);
    if (this.hellos.version === 'TLSv1.2') {
      if (this.ciphered && type === ContentType.handshake) this.finished = record;
      if (type === ContentType.changeCipherSpec) this.ciphered = true;
      // Nothing else is ever written through node:tls.
      return type === ContentType.applicationData;
    }
    if (!this.counting || type !== ContentType.applicationData) return false;
    if (this.awaiting?.(record)) return true;
    this.afterFinished++;
    return false;
  }
}
