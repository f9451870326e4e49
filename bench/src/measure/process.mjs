// One end of a transfer: a program run under native/measure.cc, which says what it used.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * @typedef {object} Usage
 * @property {number} startNs
 * @property {number} endNs When the command itself ended, not what it left behind.
 * @property {number} userUs
 * @property {number} systemUs
 * @property {number} peakKiB Of the largest process.
 * @property {number} code
 */

/**
 * @typedef {object} MeasuredProcess
 * @property {Promise<Usage>} done Settles when nothing of the program is left running.
 * @property {() => string} stdout The last 64 KiB of it.
 * @property {() => string} stderr
 * @property {() => void} stop SIGTERM, for a server.
 * @property {() => void} kill Everything, at once.
 */

const KEPT = 65536;

/**
 * @param {string} measure The measuring program.
 * @param {string} report Where it writes.
 * @param {string[]} command
 * @param {boolean} [openInput] A standard input that neither has data nor ends.
 * @returns {MeasuredProcess}
 */
export function measured(measure, report, command, openInput = false) {
  // A killed measurement writes none, and an earlier one's is not its.
  rmSync(report, { force: true });
  const child = spawn(measure, [report, ...command], {
    detached: true,
    stdio: [openInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const kept = [child.stdout, child.stderr].map((stream) => {
    let text = '';
    stream?.on('data', (/** @type {Buffer} */ chunk) => {
      text = (text + chunk).slice(-KEPT);
    });
    return () => text;
  });
  /** @type {Promise<Usage>} */
  const done = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const usage = readFile(report, 'utf8').then((text) => JSON.parse(text));
      usage.then(resolve, () =>
        reject(new Error(`${command[0]} ended without a measurement (${signal ?? code})`)),
      );
    });
  });
  done.catch(() => {});
  const group = () => -(/** @type {number} */ (child.pid));
  return {
    done,
    stdout: () => kept[0]?.() ?? '',
    stderr: () => kept[1]?.() ?? '',
    stop: () => child.kill('SIGTERM'),
    kill: () => {
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(group(), 'SIGKILL');
      }
    },
  };
}
