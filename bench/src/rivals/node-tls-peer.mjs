// A tree over node:tls as a Node program would send it: for each entry a header of JSON, then the file
// through createReadStream. One connection, files in turn, times not kept.
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect, createServer } from 'node:tls';

const CIPHERS = 'TLS_AES_128_GCM_SHA256';

/**
 * @param {string} root
 * @param {number} port
 * @param {string} cert
 */
async function send(root, port, cert) {
  const start = performance.now();
  const socket = connect({ host: 'localhost', port, ca: await readFile(cert), ciphers: CIPHERS });
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { size, mode } = await stat(path);
    const header = Buffer.from(
      JSON.stringify({ path: relative(root, path), size, mode, folder: entry.isDirectory() }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(header.length);
    socket.write(Buffer.concat([length, header]));
    if (entry.isFile() && size > 0) {
      // Not pipeline(), which leaves a listener on the socket for each file: 100,000 need six minutes.
      for await (const piece of createReadStream(path)) {
        if (!socket.write(piece)) {
          await once(socket, 'drain');
        }
      }
    }
  }
  socket.end();
  const answer = (await socket.toArray()).join('');
  if (answer !== 'whole') {
    throw new Error('the receiver did not get everything');
  }
  process.stdout.write(String(performance.now() - start));
}

/**
 * @param {string} root
 * @param {number} port
 * @param {string} cert
 * @param {string} key
 */
async function receive(root, port, cert, key) {
  const server = createServer({
    cert: await readFile(cert),
    key: await readFile(key),
    ciphers: CIPHERS,
    allowHalfOpen: true,
  });
  server.on('secureConnection', async (socket) => {
    server.close();
    const bytes = reader(socket);
    for (let head = await bytes.exactly(4); head !== undefined; head = await bytes.exactly(4)) {
      const header = JSON.parse(String(await bytes.exactly(head.readUInt32LE())));
      const path = join(root, header.path);
      if (header.folder) {
        await mkdir(path, { recursive: true });
      } else {
        await pipeline(
          Readable.from(bytes.pieces(header.size)),
          createWriteStream(path, { mode: header.mode }),
        );
      }
    }
    socket.end('whole');
  });
  server.listen(port, '127.0.0.1');
}

/** @param {import('node:stream').Readable} stream */
function reader(stream) {
  const chunks = stream.iterator({ destroyOnReturn: false });
  let rest = Buffer.alloc(0);
  const fill = async () => {
    const { value, done } = await chunks.next();
    rest = done ? Buffer.alloc(0) : value;
    return !done;
  };
  /** @param {number} length */
  async function* pieces(length) {
    for (let left = length; left > 0; ) {
      if (rest.length === 0 && !(await fill())) {
        throw new Error('the stream ended within a file');
      }
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
  /** @param {number} length */
  async function exactly(length) {
    if (rest.length === 0 && !(await fill())) {
      return undefined;
    }
    const parts = [];
    for await (const piece of pieces(length)) {
      parts.push(piece);
    }
    return Buffer.concat(parts);
  }
  return { pieces, exactly };
}

const [role, root, port, cert, key] = /** @type {string[]} */ (process.argv.slice(2));
await (role === 'send'
  ? send(String(root), Number(port), String(cert))
  : receive(String(root), Number(port), String(cert), String(key)));
