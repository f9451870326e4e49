// The sockets that are compared, and how each is opened and sends a file. The rest is the same for all.
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { connect } from 'node:tls';

/** @typedef {import('node:stream').Duplex & { getCipher(): { standardName: string }, setNoDelay(on: boolean): unknown }} Socket */
/** @typedef {{ port: number, host: string, ca: Buffer, ALPNProtocols: string[], ciphers: string, minVersion: 'TLSv1.3' }} Target */

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {() => Promise<string | undefined>} missing What this machine lacks to run it.
 * @property {(target: Target) => Promise<Socket>} open
 * @property {(socket: Socket, path: string) => Promise<unknown>} sendFile Leaves the socket open.
 */

export const OURS = new URL('../../../dist/index.js', import.meta.url);

export const CIPHER = 'TLS_AES_128_GCM_SHA256';
export const BASELINE = 'node:tls';

/**
 * @param {string} name
 * @param {'off' | 'require'} kernel
 * @param {() => Promise<string | undefined>} missing
 * @returns {Contestant}
 */
function ours(name, kernel, missing) {
  return {
    name,
    missing: async () => (existsSync(OURS) ? missing() : 'build of the package'),
    open: async (target) => (await import(OURS.href)).connect({ ...target, kernel }),
    sendFile: (socket, path) =>
      /** @type {import('../../../types/index.js').KtlsSocket} */ (/** @type {unknown} */ (socket)).sendFile(
        path,
      ),
  };
}

async function noKernel() {
  /** @type {import('../../../types/index.js').ProbeReport} */
  const { ciphers } = (await import(OURS.href)).probe();
  const there = ciphers.some(({ cipher, tx, rx }) => cipher === CIPHER && tx.available && rx.available);
  return there ? undefined : 'kTLS in this kernel';
}

/** @type {Contestant[]} */
export const contestants = [
  ours('ktls-transfer, kernel', 'require', noKernel),
  ours('ktls-transfer', 'off', async () => undefined),
  {
    name: BASELINE,
    missing: async () => undefined,
    async open(target) {
      const socket = connect(target);
      // As ours has it by itself.
      socket.setNoDelay(true);
      await once(socket, 'secureConnect');
      return socket;
    },
    sendFile: (socket, path) => pipeline(createReadStream(path), socket, { end: false }),
  },
];
