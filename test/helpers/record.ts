// A TLS 1.3 record layer of the tests' own (RFC 8446, 5 and 7.3), so that what the library hands over is
// judged by something that shares no code with it.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { Socket } from 'node:net';

import type { CipherName, TrafficState } from '../../lib/native';

export const ALERT = 21;
export const HANDSHAKE = 22;
export const APPLICATION_DATA = 23;

const SUITES = {
  TLS_AES_128_GCM_SHA256: ['aes-128-gcm', 16, 'sha256'],
  TLS_AES_256_GCM_SHA384: ['aes-256-gcm', 32, 'sha384'],
  TLS_CHACHA20_POLY1305_SHA256: ['chacha20-poly1305', 32, 'sha256'],
} as const;

class Direction {
  private readonly algorithm;
  private readonly key: Buffer;
  private readonly iv: Buffer;
  private sequence: bigint;

  constructor(cipher: CipherName, { secret, sequence }: TrafficState) {
    const [algorithm, keyLength, hash] = SUITES[cipher];
    const expand = (label: string, length: number) => {
      const info = Buffer.concat([
        Buffer.of(0, length, label.length + 6),
        Buffer.from(`tls13 ${label}`),
        Buffer.of(0),
      ]);
      return createHmac(hash, secret).update(info).update(Buffer.of(1)).digest().subarray(0, length);
    };
    this.algorithm = algorithm as 'aes-128-gcm';
    this.key = expand('key', keyLength);
    this.iv = expand('iv', 12);
    this.sequence = sequence;
  }

  seal(type: number, content: Buffer): Buffer {
    const header = Buffer.of(23, 3, 3, (content.length + 17) >> 8, (content.length + 17) & 255);
    const cipher = createCipheriv(this.algorithm, this.key, this.nonce(), { authTagLength: 16 });
    cipher.setAAD(header);
    const body = Buffer.concat([cipher.update(content), cipher.update(Buffer.of(type)), cipher.final()]);
    return Buffer.concat([header, body, cipher.getAuthTag()]);
  }

  /** Throws when key or number are wrong. */
  open(record: Buffer): Opened {
    const decipher = createDecipheriv(this.algorithm, this.key, this.nonce(), { authTagLength: 16 });
    decipher.setAAD(record.subarray(0, 5)).setAuthTag(record.subarray(-16));
    const inner = Buffer.concat([decipher.update(record.subarray(5, -16)), decipher.final()]);
    let end = inner.length - 1;
    while (inner[end] === 0) end--;
    return { type: inner[end] as number, content: inner.subarray(0, end) };
  }

  private nonce(): Buffer {
    const nonce = Buffer.from(this.iv);
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ this.sequence++, 4);
    return nonce;
  }
}

export interface Opened {
  type: number;
  content: Buffer;
}

/** Speaks TLS over a descriptor whose handshake is done. Owns it. */
export class RecordSocket {
  readonly socket: Socket;
  private readonly tx: Direction;
  private readonly rx: Direction;
  private readonly chunks: AsyncIterator<Buffer>;
  private buffered = Buffer.alloc(0);

  constructor(of: { fd: number; cipher: CipherName; tx: TrafficState; rx: TrafficState }) {
    this.socket = new Socket({ fd: of.fd, readable: true, writable: true, allowHalfOpen: true });
    this.socket.on('error', () => {});
    this.tx = new Direction(of.cipher, of.tx);
    this.rx = new Direction(of.cipher, of.rx);
    this.chunks = this.socket[Symbol.asyncIterator]();
  }

  send(text: string | Buffer, type = APPLICATION_DATA): void {
    this.socket.write(this.tx.seal(type, Buffer.from(text)));
  }

  /** Undefined at the end of the stream. */
  async receive(): Promise<Opened | undefined> {
    while (this.buffered.length < 5 || this.buffered.length < 5 + this.buffered.readUInt16BE(3)) {
      const { value, done } = await this.chunks.next();
      if (done) return undefined;
      this.buffered = Buffer.concat([this.buffered, value]);
    }
    const length = 5 + this.buffered.readUInt16BE(3);
    const record = this.buffered.subarray(0, length);
    this.buffered = this.buffered.subarray(length);
    return this.rx.open(record);
  }

  /** The next application data as text; what else comes before it goes to `others`. */
  async receiveText(others: Opened[] = []): Promise<string | undefined> {
    for (;;) {
      const opened = await this.receive();
      if (opened === undefined) return undefined;
      if (opened.type === APPLICATION_DATA) return opened.content.toString();
      others.push(opened);
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
