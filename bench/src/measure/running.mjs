// A server while it runs: started, asked for what it has used, stopped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

import { freePort, listening } from './ports.mjs';

/** Of /proc/PID/stat: the kernel's USER_HZ, 100 on every machine that Linux runs on today. */
const TICKS_PER_SECOND = 100;

/**
 * @typedef {object} Running
 * @property {number} port
 * @property {() => Promise<number>} cpuS Used so far, by all its processes.
 * @property {() => Promise<number>} memoryBytes Proportional set size of all its processes.
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} name For people.
 * @param {(port: number) => string[] | Promise<string[]>} command Of a server on a loopback port.
 * @returns {Promise<Running>}
 */
export async function start(name, command) {
  const port = await freePort();
  const [program, ...args] = await command(port);
  const child = spawn(String(program), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints = (complaints + text).slice(-2000);
  });
  const ended = once(child, 'exit');
  try {
    await listening(port, ended);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${name}: ${/** @type {Error} */ (error).message} ${complaints}`);
  }
  const pid = /** @type {number} */ (child.pid);
  return {
    port,
    cpuS: async () => sum((await family(pid)).map(cpuOf)),
    memoryBytes: async () => sum((await family(pid)).map(memoryOf)),
    async stop() {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 2000);
      await ended;
      clearTimeout(patience);
    },
  };
}

/** @param {Promise<number>[]} values */
async function sum(values) {
  return (await Promise.all(values)).reduce((total, value) => total + value, 0);
}

/** @param {number} pid @returns {Promise<number[]>} It and its children. */
async function family(pid) {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return [pid, ...children.trim().split(' ').filter(Boolean).map(Number)];
}

/** @param {number} pid */
async function cpuOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything: utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** @param {number} pid */
async function memoryOf(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(text.match(/^Pss:\s+(\d+)/m)?.[1] ?? 0) * 1024;
}
