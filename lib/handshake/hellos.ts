// What the two hellos say, which pass in plain text: the version that was agreed on, and for TLS 1.2 the
// randoms that its keys are made of.
import type { Version } from './cipher';
import { ContentType, HEADER_LENGTH } from './record';

const MESSAGE_HEADER_LENGTH = 4;
const RANDOM_LENGTH = 32;
/** RFC 8446, 4.2.1. */
const SUPPORTED_VERSIONS = 43;
/** A hello that is longer is left to node:tls to judge. */
const MAX_HELLO = 64 * 1024;

/** The first handshake message of one direction, put together from its records. */
class FirstMessage {
  body: Buffer | undefined;
  private pending: Buffer | undefined = Buffer.alloc(0);

  /** True when the message has just become whole. */
  add(record: Buffer): boolean {
    if (this.pending === undefined || record[0] !== ContentType.handshake) return false;
    this.pending = Buffer.concat([this.pending, record.subarray(HEADER_LENGTH)]);
    if (this.pending.length < MESSAGE_HEADER_LENGTH) return false;
    const end = MESSAGE_HEADER_LENGTH + this.pending.readUIntBE(1, 3);
    if (end <= MAX_HELLO && this.pending.length < end) return false;
    if (end <= MAX_HELLO) this.body = this.pending.subarray(MESSAGE_HEADER_LENGTH, end);
    this.pending = undefined;
    return this.body !== undefined;
  }
}

export class Hellos {
  /** Undefined until the ServerHello has passed. */
  version: Version | undefined;
  private readonly client = new FirstMessage();
  private readonly server = new FirstMessage();

  /** A record in plain text, on its way from that end. */
  note(from: 'client' | 'server', record: Buffer): void {
    if (this.version !== undefined) return;
    if (this[from].add(record) && from === 'server') this.version = agreedVersion(this.server.body as Buffer);
  }

  /** RFC 5246, 6.3: the server's comes first where keys are made. */
  get randoms(): { client: Buffer; server: Buffer } {
    const of = ({ body }: FirstMessage) => {
      if (body === undefined || body.length < 2 + RANDOM_LENGTH) throw new Error('a hello was not seen');
      return body.subarray(2, 2 + RANDOM_LENGTH);
    };
    return { client: of(this.client), server: of(this.server) };
  }
}

/** A HelloRetryRequest, which looks like a ServerHello, says TLS 1.3 in the same way. */
function agreedVersion(hello: Buffer): Version | undefined {
  // version, random, session_id<0..32>, cipher_suite, compression_method, extensions<..>
  const sessionId = hello[2 + RANDOM_LENGTH] ?? 0;
  let at = 2 + RANDOM_LENGTH + 1 + sessionId + 2 + 1 + 2;
  while (at + 4 <= hello.length) {
    if (hello.readUInt16BE(at) === SUPPORTED_VERSIONS) return 'TLSv1.3';
    at += 4 + hello.readUInt16BE(at + 2);
  }
  return hello.length >= 2 && hello.readUInt16BE(0) === 0x0303 ? 'TLSv1.2' : undefined;
}
