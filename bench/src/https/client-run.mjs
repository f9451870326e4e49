// A run of a program that loads a server, and what the server used meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Some of very many connections h2load never stops, and then says nothing of its own accord. */
const STOP_WITHIN_S = 3;

/**
 * @typedef {object} Load
 * @property {number} requests
 * @property {number} bytes Of HTTP.
 * @property {number} seconds
 * @property {number} cpuS Of the server.
 */

/**
 * The program says when what is measured has started, and when it is over.
 *
 * @param {import('../measure/running.mjs').Running} server
 * @param {string} program
 * @param {string[]} args
 * @param {number} withinS When it is stopped.
 * @returns {Promise<{ text: string, startedAt: number, cpuS: number }>} All that it said; in ms since the epoch; of the server.
 */
export async function runClient(server, program, args, withinS) {
  const client = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: withinS * 1000 });
  const closed = once(client, 'close');
  let text = '';
  /** @type {Record<string, { cpuS: Promise<number>, at: number }>} By what the first thread said. */
  const marks = {};
  /** @type {NodeJS.Timeout | undefined} */
  let stopping;
  for await (const line of createInterface(client.stdout)) {
    const [, mark] = /^(?:Main benchmark duration is )?(started|over)\b/.exec(line) ?? [];
    if (mark !== undefined && marks[mark] === undefined) {
      marks[mark] = { cpuS: server.cpuS(), at: Date.now() };
      if (mark === 'over') stopping = setTimeout(() => client.kill('SIGKILL'), STOP_WITHIN_S * 1000);
    }
    text += `${line}\n`;
  }
  await closed;
  clearTimeout(stopping);
  const { started, over } = marks;
  if (started === undefined || over === undefined) throw new Error(`nothing was served: ${text}`);
  return { text, startedAt: started.at, cpuS: (await over.cpuS) - (await started.cpuS) };
}
