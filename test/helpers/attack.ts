// A receiver of the package with something to lose beside its root, for hostile senders to try.
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { createReceiver, generateSecret } from '../../lib/index';
import type {
  IncomingTransfer,
  KtlsError,
  Receiver,
  ReceiverOptions,
  TransferResult,
} from '../../types/index';
import { type HostilePeer, openHostile } from './hostile-peer';
import { namesBelow } from './names-below';
import { temporaryFolder } from './temporary-folder';
import type { HelloFields } from './transfer-frames';

type Test = { teardown(handler: () => unknown): void };

/** No machine is so slow: what is to end by a limit of time has one of its own. */
export const PATIENT = { handshake: 240_000, idle: 240_000 };

export interface Outcome {
  /** Of the transfer at the receiver. */
  error?: KtlsError;
  result?: TransferResult;
}

export class Target {
  readonly base: string;
  readonly root: string;
  readonly secret = generateSecret();
  readonly receiver: Receiver;
  /** Of connections that did not become a transfer. */
  readonly connectionErrors: KtlsError[] = [];
  port = 0;
  readonly #before: string;
  readonly #outcomes: Promise<Outcome>[] = [];
  #waiting: ((outcome: Promise<Outcome>) => void) | undefined;

  constructor(t: Test, options: Partial<ReceiverOptions> = {}) {
    this.base = temporaryFolder(t);
    this.root = join(this.base, 'root');
    for (const folder of [this.root, join(this.base, 'canary'), join(this.root, 'old')]) mkdirSync(folder);
    writeFileSync(join(this.base, 'canary', 'file'), 'still here');
    symlinkSync('file', join(this.base, 'canary', 'link'));
    symlinkSync('../../canary', join(this.root, 'old', 'way out'));
    this.#before = this.#outside();
    this.receiver = createReceiver({
      root: this.root,
      secret: this.secret,
      timeouts: PATIENT,
      maxTransfers: 1000,
      maxUnauthenticated: 1000,
      ...options,
    });
    this.receiver.on('connectionError', (error) => this.connectionErrors.push(error));
    this.receiver.on('transfer', (transfer) => this.#add(settle(transfer)));
  }

  async listen(t: Test): Promise<this> {
    this.port = (await this.receiver.listen({ port: 0, host: '127.0.0.1' })).port;
    t.teardown(() => this.receiver.close({ abort: true }));
    return this;
  }

  open(fields: HelloFields = {}): Promise<{ peer: HostilePeer; token: Buffer }> {
    return openHostile(this.port, this.secret, fields);
  }

  /** Of the transfer that began next. A later call takes the place of one that still waits. */
  outcome(): Promise<Outcome> {
    const first = this.#outcomes.shift();
    if (first !== undefined) return first;
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** What is not as it was outside the root, and whatever has a temporary name: none of it may be. */
  damage(): string[] {
    const found = listing(this.base).filter((line) => line.includes('.ktls-transfer-'));
    if (this.#outside() !== this.#before) found.push(`outside the root: ${this.#outside()}`);
    return found;
  }

  #outside(): string {
    const lines = [...listing(join(this.base, 'canary')), ...readdirSync(this.base).sort()];
    return lines.join('\n');
  }

  #add(outcome: Promise<Outcome>): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#outcomes.push(outcome);
    else waiting(outcome);
  }
}

async function settle(transfer: IncomingTransfer): Promise<Outcome> {
  try {
    return { result: await transfer };
  } catch (error) {
    // A failure is told as soon as it is known: what is temporary is gone when the transfer is.
    await transfer[Symbol.asyncDispose]();
    return { error: error as KtlsError };
  }
}

/** A line for everything below a folder, and the folder itself. */
function listing(folder: string): string[] {
  const names = [folder, ...namesBelow(folder).map((name) => join(folder, name))];
  return names.sort().map((path) => {
    const { mode, nlink, mtimeMs, uid } = lstatSync(path);
    const kind = mode & 0o170000;
    const content =
      kind === 0o100000 ? readFileSync(path, 'latin1') : kind === 0o120000 ? readlinkSync(path) : '';
    return `${path} ${mode} ${nlink} ${kind === 0o040000 ? '' : mtimeMs} ${uid} ${content}`;
  });
}
