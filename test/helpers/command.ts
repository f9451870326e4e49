// Runs the command `ktls-transfer` as a process of its own, and listens to its JSON lines.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

export interface CommandOptions {
  env?: Record<string, string>;
  input?: string;
}

export interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

export function commandLine(args: readonly string[]): string[] {
  if (!existsSync(MAIN)) throw new Error('dist/cli/main.js is missing: npm run build:ts');
  return [process.execPath, MAIN, ...args];
}

function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { KTLS_TRANSFER_SECRET: _, ...inherited } = process.env;
  return { ...inherited, ...extra };
}

/** To its end. */
export function runCommand(args: readonly string[], options: CommandOptions = {}): Finished {
  const [program, ...rest] = commandLine(args) as [string, ...string[]];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    encoding: 'utf8',
    env: environment(options.env),
    input: options.input ?? '',
  });
  return { status, stdout, stderr };
}

/** On a terminal of its own, which script(1) makes; `typed` is typed when `prompt` has appeared. */
export function runOnTerminal(args: readonly string[], prompt?: string, typed?: string): Promise<Finished> {
  const quoted = commandLine(args).map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const child = spawn('script', ['-qec', quoted.join(' '), '/dev/null'], { env: environment() });
  let stdout = '';
  let stderr = '';
  let waiting = prompt !== undefined;
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  child.stdout.on('data', (data) => {
    stdout += data;
    if (!waiting || !stdout.includes(prompt as string)) return;
    waiting = false;
    child.stdin.write(typed as string);
  });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: lines of JSON, whose fields the tests are about
export type Line = Record<string, any> & { event: string };

/** A process with --json, while it runs. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly #ended: Promise<Finished>;
  readonly #heard = new EventEmitter();

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const [program, ...rest] = commandLine([...args, '--json']) as [string, ...string[]];
    this.child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: environment(options.env) });
    let stdout = '';
    let stderr = '';
    this.child.stderr?.on('data', (data) => {
      stderr += data;
    });
    const reader = createInterface({ input: this.child.stdout as NodeJS.ReadableStream });
    reader.on('line', (line) => {
      stdout += `${line}\n`;
      this.lines.push(JSON.parse(line) as Line);
      this.#heard.emit('line');
    });
    this.#ended = new Promise((resolve) => {
      this.child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
  }

  /** The first line of this event, now or later; rejects when the process ends without it. */
  async event(name: string): Promise<Line> {
    return (await this.events(name, 1))[0] as Line;
  }

  /** All lines of this event, when there are so many; rejects when the process ends with fewer. */
  async events(name: string, count: number): Promise<Line[]> {
    let over: Finished | undefined;
    const ended = this.#ended.then((finished) => {
      over = finished;
    });
    for (;;) {
      const found = this.lines.filter(({ event }) => event === name);
      if (found.length >= count) return found;
      if (over !== undefined) {
        const { status, stdout, stderr } = over;
        throw new Error(`ended (${status}) without '${name}': ${stdout}${stderr}`);
      }
      await Promise.race([once(this.#heard, 'line'), ended]);
    }
  }

  get ended(): Promise<Finished> {
    return this.#ended;
  }

  get last(): Line | undefined {
    return this.lines.at(-1);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
