import { freePort } from '../measure/ports.mjs';
import { needs, overSsh, quote } from './contestant.mjs';

/** @typedef {import('./contestant.mjs').Contestant} Contestant */

/** @param {string} source */
const pack = (source) => `tar -C ${quote(source)} -cf - .`;

/** @param {string} destination */
const unpack = (destination) => `tar -C ${quote(destination)} -xpf -`;

/** @param {string} pipeline */
const shell = (pipeline) => ['bash', '-o', 'pipefail', '-c', pipeline];

/** @type {Contestant} */
export const tarSsh = {
  name: 'tar + ssh (aes128-gcm)',
  encrypted: true,
  missing: needs('tar', 'bash', 'ssh', 'sshd'),
  plan: (workshop, source, destination) =>
    overSsh(workshop, (config) =>
      shell(`${pack(source)} | ssh -F ${quote(config)} aes ${quote(unpack(destination))}`),
    ),
};

const TLS = '-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 -quiet';

/** @type {Contestant} */
export const tarOpenssl = {
  name: 'tar + openssl',
  encrypted: true,
  missing: needs('tar', 'bash', 'openssl'),
  async plan(workshop, source, destination) {
    const { cert, key } = await workshop.certificate();
    const port = await freePort();
    const server = `openssl s_server -accept 127.0.0.1:${port} -naccept 1 ${TLS} -cert ${quote(cert)} -key ${quote(key)}`;
    // -no_ign_eof ends with the archive; -nocommands: else an archive's "Q" at the start of a read ends it too
    const trust = `-CAfile ${quote(cert)} -verify_return_error -verify_hostname localhost`;
    const client = `openssl s_client -connect 127.0.0.1:${port} ${TLS} -no_ign_eof -nocommands ${trust}`;
    return {
      send: shell(`${pack(source)} | ${client}`),
      receive: { command: shell(`${server} | ${unpack(destination)}`), port, once: true, openInput: true },
    };
  },
};
