// An end of the transfer protocol that says whatever a test makes it say: Node's own TLS with the package's
// pre-shared key (docs/security.md), and the frames of docs/protocol.md.
import { hkdfSync } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';

import { listening } from './listening';
import { type Frame, frame, type HelloFields, hello, readReport, TYPES } from './transfer-frames';

const TLS = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
} as const;

const IDENTITY = 'ktls-transfer client 1';

/** Of a secret that generateSecret() made. */
function preSharedKey(secret: string): Buffer {
  const bits = Buffer.from(secret.slice('ktls_'.length), 'base64url').subarray(0, 32);
  return Buffer.from(hkdfSync('sha256', bits, '', 'ktls-transfer psk 1', 32));
}

/** The frames that arrive, and those that go out, of one authenticated connection. */
export class HostilePeer {
  readonly socket: TLSSocket;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffered = Buffer.alloc(0);

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** The same, and resolves when it is with the kernel, or when the connection has ended. */
  async sendAll(bytes: Buffer): Promise<void> {
    const step = 1 << 18;
    for (let at = 0; at < bytes.length && !this.socket.destroyed; at += step) {
      await new Promise<void>((resolve) => {
        const settle = () => {
          this.socket.off('close', settle);
          resolve();
        };
        this.socket.once('close', settle);
        this.socket.write(bytes.subarray(at, at + step), settle);
      });
    }
  }

  /** null when the peer has ended the connection, in whatever way. */
  async next(): Promise<Frame | null> {
    while (this.#buffered.length < 5 || this.#buffered.length < 5 + this.#buffered.readUInt32BE(1)) {
      const { value, done } = await this.#chunks.next().catch(() => ({ value: undefined, done: true }));
      if (done === true) return null;
      this.#buffered = Buffer.concat([this.#buffered, value as Buffer]);
    }
    const end = 5 + this.#buffered.readUInt32BE(1);
    const taken = { type: this.#buffered[0] as number, payload: this.#buffered.subarray(5, end) };
    this.#buffered = this.#buffered.subarray(end);
    return taken;
  }

  /** The next frame of this type; what comes before is dropped. */
  async expect(type: number): Promise<Frame> {
    for (;;) {
      const taken = await this.next();
      if (taken === null) throw new Error(`the connection ended before a frame of type ${type}`);
      if (taken.type === type) return taken;
    }
  }

  /** The code of the ERROR that the peer says before it ends the connection; null where it says none. */
  async errorCode(): Promise<string | null> {
    for (let taken = await this.next(); taken !== null; taken = await this.next()) {
      if (taken.type === TYPES.ERROR) return readReport(taken.payload).code;
    }
    return null;
  }

  /** With close_notify. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export async function dialHostile(port: number, secret: string): Promise<HostilePeer> {
  const psk = preSharedKey(secret);
  const socket = connect({
    ...TLS,
    host: '127.0.0.1',
    port,
    ca: [],
    pskCallback: () => ({ psk, identity: IDENTITY }),
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  return new HostilePeer(socket);
}

/** Dials, says HELLO, and has been answered. */
export async function openHostile(
  port: number,
  secret: string,
  fields: HelloFields = {},
): Promise<{ peer: HostilePeer; token: Buffer }> {
  const peer = await dialHostile(port, secret);
  peer.send(hello(fields));
  const { payload } = await peer.expect(TYPES.HELLO_OK);
  return { peer, token: payload.subarray(9, 25) };
}

/** A server that does to each authenticated connection what a test says, closed after the test. */
export async function hostileServer(
  t: { teardown(handler: () => unknown): void },
  secret: string,
  onPeer: (peer: HostilePeer) => void,
): Promise<number> {
  const psk = preSharedKey(secret);
  const peers = new Set<HostilePeer>();
  const server = createServer({ ...TLS, pskCallback: () => psk }, (socket) => {
    const peer = new HostilePeer(socket);
    peers.add(peer);
    onPeer(peer);
  });
  return listening(t, server, peers);
}

/** Frames that any end may pass over. */
export const ignorable = (type: number) => frame(type | 0x80);
