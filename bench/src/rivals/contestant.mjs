// What the harness asks of a contestant, and what several of them need.
import { basename, dirname } from 'node:path';

import { freePort } from '../measure/ports.mjs';
import { which } from '../process.mjs';

/** @typedef {import('../workshop.mjs').Workshop} Workshop */
/** @typedef {import('../measure/transfer.mjs').Plan} Plan */

/**
 * The source and the destination are folders of the same name; the destination is there and empty.
 *
 * @typedef {object} Contestant
 * @property {string} name In the tables and for `--rivals`.
 * @property {boolean} encrypted
 * @property {() => string | undefined} missing What this machine lacks to run it.
 * @property {(workshop: Workshop, source: string, destination: string) => Promise<Plan>} plan
 */

/**
 * @param {...string} programs
 * @returns {() => string | undefined}
 */
export function needs(...programs) {
  return () => programs.find((program) => which(program) === undefined);
}

/**
 * @param {string} text
 * @returns {string} As one word of a shell.
 */
export function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * A plan over a fresh sshd of one's own.
 *
 * @param {Workshop} workshop
 * @param {(config: string, port: number, ssh: import('../workshop.mjs').Ssh) => string[]} send
 * @returns {Promise<Plan>}
 */
export async function overSsh(workshop, send) {
  const ssh = await workshop.ssh();
  const port = await freePort();
  const config = await ssh.config(port);
  return { send: send(config, port, ssh), receive: { command: await ssh.daemon(port), port, once: false } };
}

/**
 * A plan that copies `basename(source)` into the folder above the destination, for programs that have
 * no way to say "what is in it".
 *
 * @param {string} source
 * @param {string} destination
 */
export function parentOf(source, destination) {
  if (basename(source) !== basename(destination)) {
    throw new Error('source and destination differ in name');
  }
  return dirname(destination);
}
