// Finds, in the peer's records, the one that ends its handshake.
import { type CipherName, type NativeRecordKey, native, type OpenedRecord } from '../native';
import { suitesBySecret } from './cipher';

/** RFC 8446, 4. */
const FINISHED = 20;
const MESSAGE_HEADER_LENGTH = 4;

/**
 * The peer's encrypted flight. Each record is opened under the peer's handshake traffic secret, and
 * the messages in it are counted out: the order of events tells nothing, as libraries log their keys
 * and report their handshake at different moments.
 */
export class PeerFlight {
  private candidates: CipherName[];
  private key: NativeRecordKey | undefined;
  private header = Buffer.alloc(0);
  private bodyLeft = 0;
  private messageType = 0;

  constructor(private readonly secret: Buffer) {
    this.candidates = suitesBySecret(secret);
  }

  /** The record's content, or undefined: not of this key (early data, say), node:tls shall judge it. */
  open(record: Buffer): OpenedRecord | undefined {
    // Two suites share a hash: the first record shows which of them it is.
    for (const cipher of this.candidates) {
      const { secret } = this;
      const key = this.key ?? new (native().RecordKey)('open', { cipher, secret, sequence: 0n });
      const opened = key.open(record);
      if (opened !== undefined) {
        this.key = key;
        this.candidates = [cipher];
        return opened;
      }
    }
    return undefined;
  }

  /** Whether the content of a handshake record ends with Finished: its sender's keys change there. */
  endsIn(content: Buffer): boolean {
    let finished = false;
    for (let rest = content; rest.length > 0; ) {
      if (this.bodyLeft === 0) {
        const missing = MESSAGE_HEADER_LENGTH - this.header.length;
        this.header = Buffer.concat([this.header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.header.length < MESSAGE_HEADER_LENGTH) return false;
        this.messageType = this.header.readUInt8(0);
        this.bodyLeft = this.header.readUIntBE(1, 3);
      }
      const taken = Math.min(this.bodyLeft, rest.length);
      this.bodyLeft -= taken;
      rest = rest.subarray(taken);
      if (this.bodyLeft === 0) {
        this.header = Buffer.alloc(0);
        finished = this.messageType === FINISHED;
      }
    }
    return finished;
  }
}
