// A peer that speaks the transfer protocol by hand, over bare TCP (`encryption: 'none'`), as
// docs/protocol.md has it: to say what no end of ours would say, or nothing more.
import { connect, type Socket } from 'node:net';

const MAGIC = Buffer.from('KTXF');

export const open = { encryption: 'none', insecure: true } as const;

export const FrameType = { hello: 0x01, helloOk: 0x02, error: 0x03 } as const;

export function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

export interface RawHello {
  version?: number;
  /** 1 push, 2 pull, 3 join. */
  kind?: number;
  flags?: number;
  connections?: number;
  token?: Buffer;
  components?: Buffer[];
}

export function helloFrame(hello: RawHello = {}): Buffer {
  const {
    version = 1,
    kind = 1,
    flags = 2,
    connections = 1,
    token = Buffer.alloc(16),
    components = [],
  } = hello;
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(version, 0);
  fixed.writeUInt8(kind, 2);
  fixed.writeUInt16BE(flags, 3);
  fixed.writeUInt8(connections, 5);
  const path = components.flatMap((name) => [Buffer.of(name.length), name]);
  const payload = [MAGIC, fixed, token, Buffer.alloc(16, 7), Buffer.of(components.length), ...path];
  return frame(FrameType.hello, Buffer.concat(payload));
}

export function helloOkFrame(version = 1): Buffer {
  const fixed = Buffer.alloc(5);
  fixed.writeUInt16BE(version, 0);
  fixed.writeUInt8(1, 4);
  return frame(FrameType.helloOk, Buffer.concat([MAGIC, fixed, Buffer.alloc(16, 9)]));
}

/** ERROR with a text of any kind. */
export function errorFrame(code: string, message: string): Buffer {
  const number = Buffer.alloc(4 + 2 + 2);
  number.writeUInt16BE(message.length, 6);
  const payload = [Buffer.of(code.length), Buffer.from(code), number, Buffer.from(message, 'latin1')];
  return frame(FrameType.error, Buffer.concat(payload));
}

/** Connects, says `first`, and collects what comes back. */
export class RawClient {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  readonly closed: Promise<void>;

  constructor(port: number, first: Buffer = Buffer.alloc(0)) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('data', (data) => {
      this.received = Buffer.concat([this.received, data]);
    });
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
    if (first.length > 0) this.socket.write(first);
  }

  /** When the peer has answered with so many bytes. */
  async bytes(count: number): Promise<Buffer> {
    while (this.received.length < count) {
      await new Promise<void>((resolve, reject) => {
        this.socket.once('data', () => resolve());
        this.closed.then(() => reject(new Error('closed')));
      });
    }
    return this.received;
  }
}
