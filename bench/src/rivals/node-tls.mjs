import { fileURLToPath } from 'node:url';

import { freePort } from '../measure/ports.mjs';

const PEER = fileURLToPath(new URL('node-tls-peer.mjs', import.meta.url));

/** @type {import('./contestant.mjs').Contestant} */
export const nodeTls = {
  name: 'node:tls + createReadStream',
  encrypted: true,
  missing: () => undefined,
  async plan(workshop, source, destination) {
    const { cert, key } = await workshop.certificate();
    const port = String(await freePort());
    return {
      send: [process.execPath, PEER, 'send', source, port, cert],
      receive: {
        command: [process.execPath, PEER, 'receive', destination, port, cert, key],
        port: Number(port),
        once: true,
      },
      inside: (stdout) => ({ ms: Number(stdout), details: {} }),
    };
  },
};
