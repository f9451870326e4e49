// Programs that others wrote, while they run.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

export interface ForeignProgram extends ChildProcess {
  /** What it has written so far, to either stream. */
  output(): string;
  /** Until it has written that; rejects when it ends before. */
  says(text: string | RegExp): Promise<void>;
}

/** Killed after the test. */
export function start(
  t: { teardown(handler: () => unknown): void },
  command: string,
  args: string[],
): ForeignProgram {
  const child = spawn(command, args);
  let output = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
      child.emit('said');
    });
  }
  child.once('error', (error) => {
    output += error.message;
  });
  child.once('close', () => {
    ended = true;
    child.emit('said');
  });
  t.teardown(() => child.kill('SIGKILL'));
  const says = async (text: string | RegExp) => {
    while (typeof text === 'string' ? !output.includes(text) : !text.test(output)) {
      if (ended) throw new Error(`${command} ended: ${output}`);
      await once(child, 'said');
    }
  };
  return Object.assign(child, { output: () => output, says });
}

/** For those that cannot choose one by themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
