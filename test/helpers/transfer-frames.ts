// The frames of docs/protocol.md, written from that page alone: shares no code with the package, so that what a
// peer may send can be sent wrong on purpose.
import { createCipheriv } from 'node:crypto';

export const TYPES = {
  HELLO: 0x01,
  HELLO_OK: 0x02,
  ERROR: 0x03,
  DIR: 0x10,
  FILE_HDR: 0x11,
  FILE_DATA: 0x12,
  FILE_END: 0x13,
  FILE_ABORT: 0x14,
  SYMLINK: 0x15,
  HARD_LINK: 0x16,
  BLOCK_FILE: 0x17,
  BLOCK: 0x18,
  BLOCK_END: 0x19,
  BLOCK_FILE_END: 0x1a,
  SKIPPED: 0x1b,
  TOTALS: 0x20,
  PROGRESS: 0x21,
  FILE_ERROR: 0x22,
  CONNECTION_NEEDED: 0x23,
  CONN_DONE: 0x30,
  ALL_DONE: 0x31,
} as const;

export const VERIFY = 2;
export const CONTINUE_ON_ERROR = 8;

export interface Frame {
  type: number;
  payload: Buffer;
}

export type Bytes = string | Buffer;

export const u8 = (value: number) => Buffer.of(value);
export const u16 = (value: number) => Buffer.of(value >> 8, value & 255);

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

export const name = (value: Bytes) => Buffer.concat([u8(Buffer.from(value).length), Buffer.from(value)]);
export const text = (value: Bytes) => Buffer.concat([u16(Buffer.from(value).length), Buffer.from(value)]);

/** `length` lies about the payload where it is given. */
export function frame(type: number, payload: Buffer | Buffer[] = [], length?: number): Buffer {
  const body = Array.isArray(payload) ? Buffer.concat(payload) : payload;
  return Buffer.concat([u8(type), u32(length ?? body.length), body]);
}

export interface Attributes {
  mode?: number;
  seconds?: bigint;
  nanoseconds?: number;
}

export const attributes = ({ mode = 0o644, seconds = 1_700_000_000n, nanoseconds = 0 }: Attributes = {}) =>
  Buffer.concat([u16(mode), u32(0), u32(0), u64(seconds), u32(nanoseconds)]);

export interface HelloFields {
  magic?: string;
  version?: number;
  /** 1 push, 2 pull, 3 join. */
  kind?: number;
  flags?: number;
  connections?: number;
  token?: Buffer;
  path?: Bytes[];
}

/** Of the content hashes on every connection that hello() opens. */
export const HASH_KEY = Buffer.alloc(16, 7);

export function hello(fields: HelloFields = {}): Buffer {
  const { magic = 'KTXF', version = 1, kind = 1, flags = 0, connections = 1, path = [] } = fields;
  const token = fields.token ?? Buffer.alloc(16);
  const fixed = [Buffer.from(magic), u16(version), u8(kind), u16(flags), u8(connections), token, HASH_KEY];
  return frame(TYPES.HELLO, [...fixed, u8(path.length), ...path.map(name)]);
}

export const helloOk = (token = Buffer.alloc(16, 3), connections = 1) =>
  frame(TYPES.HELLO_OK, [Buffer.from('KTXF'), u16(1), u16(0), u8(connections), token]);

export const directory = (id: number, parent: number, called: Bytes, given: Attributes = { mode: 0o755 }) =>
  frame(TYPES.DIR, [u32(id), u32(parent), attributes(given), name(called)]);

export const fileHeader = (called: Bytes, size: number | bigint, inside = 0, given: Attributes = {}) =>
  frame(TYPES.FILE_HDR, [u32(inside), u64(size), attributes(given), name(called)]);

export const fileData = (content: Bytes) => frame(TYPES.FILE_DATA, Buffer.from(content));

export const fileEnd = (hash: Buffer = Buffer.alloc(0)) => frame(TYPES.FILE_END, hash);

/** A whole file, in frames of at most 64 KiB of content. */
export function file(called: Bytes, content: Bytes = '', inside = 0, hash?: Buffer): Buffer {
  const bytes = Buffer.from(content);
  const parts = [];
  for (let at = 0; at < bytes.length; at += 65536) parts.push(fileData(bytes.subarray(at, at + 65536)));
  return Buffer.concat([fileHeader(called, bytes.length, inside), ...parts, fileEnd(hash)]);
}

export const symlink = (called: Bytes, target: Bytes, inside = 0) =>
  frame(TYPES.SYMLINK, [u32(inside), attributes({ mode: 0o777 }), name(called), text(target)]);

export const hardLink = (called: Bytes, target: Bytes, inside = 0, targetInside = 0) =>
  frame(TYPES.HARD_LINK, [u32(inside), name(called), u32(targetInside), name(target)]);

export const blockFile = (id: number, called: Bytes, size: number | bigint, inside = 0) =>
  frame(TYPES.BLOCK_FILE, [u32(id), u32(inside), u64(size), attributes(), name(called)]);

export const blockHeader = (id: number, offset: number | bigint, length: number | bigint) =>
  frame(TYPES.BLOCK, [u32(id), u64(offset), u64(length)]);

/** A whole block; without a hash. */
export const block = (id: number, offset: number, content: Bytes) =>
  Buffer.concat([
    blockHeader(id, offset, Buffer.from(content).length),
    fileData(content),
    frame(TYPES.BLOCK_END),
  ]);

export const blockFileEnd = (id: number, whole = 1) => frame(TYPES.BLOCK_FILE_END, [u32(id), u8(whole)]);

export interface Report {
  code: string;
  errno: number;
  path: string;
  message: string;
}

export const report = (type: number, { code, errno, path, message }: Report) =>
  frame(type, [name(code), u32(errno), text(path), text(message)]);

/** Of an ERROR, FILE_ERROR or SKIPPED. */
export function readReport(payload: Buffer): Report {
  const codeEnd = 1 + (payload[0] as number);
  const pathAt = codeEnd + 6;
  const pathEnd = pathAt + payload.readUInt16BE(codeEnd + 4);
  return {
    code: payload.toString('utf8', 1, codeEnd),
    errno: payload.readUInt32BE(codeEnd),
    path: payload.toString('utf8', pathAt, pathEnd),
    message: payload.toString('utf8', pathEnd + 2),
  };
}

export interface Counts {
  files?: number | bigint;
  directories?: number | bigint;
  symlinks?: number | bigint;
  hardLinks?: number | bigint;
  bytes?: number | bigint;
  failed?: number | bigint;
}

export const allDone = (counts: Counts = {}) => {
  const { files = 0, directories = 0, symlinks = 0, hardLinks = 0, bytes = 0, failed = 0 } = counts;
  return frame(TYPES.ALL_DONE, [files, directories, symlinks, hardLinks, bytes, failed].map(u64));
};

const PRIME = 2n ** 61n - 1n;

/** The content hash under HASH_KEY of the `count`th file or block on a connection. */
export function contentHash(content: Bytes, count: number): Buffer {
  const data = Buffer.from(content);
  const stream = createCipheriv('aes-128-gcm', HASH_KEY, Buffer.alloc(12)).update(Buffer.alloc(2064));
  const halves = [0, 1].map((half) => {
    const key = stream.subarray(1024 * half, 1024 * (half + 1));
    const point = stream.readBigUInt64LE(2048 + 8 * half) % PRIME;
    let value = BigInt(count);
    for (let at = 0; at < data.length; at += 1024) {
      const digest = nh(key, data.subarray(at, at + 1024));
      value = (value * point + (digest >> 32n)) % PRIME;
      value = (value * point + (digest & 0xffffffffn)) % PRIME;
    }
    const hash = Buffer.alloc(8);
    hash.writeBigUInt64LE((value * point + BigInt(data.length)) % PRIME);
    return hash;
  });
  return Buffer.concat(halves);
}

function nh(key: Buffer, piece: Buffer): bigint {
  const padded = Buffer.alloc(Math.ceil(piece.length / 32) * 32);
  piece.copy(padded);
  const word = (at: number) => BigInt((padded.readUInt32LE(at) + key.readUInt32LE(at)) % 2 ** 32);
  let sum = 0n;
  for (let at = 0; at < padded.length; at += 8) {
    sum += word(at) * word(at + 4);
  }
  return BigInt.asUintN(64, sum);
}
