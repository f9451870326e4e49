// recv: one transfer, or, with --keep, any number.
import type { AcceptorOptions, ListenOptions } from '../../types/index';
import { receiveTree } from '../receive-tree';
import { createReceiver } from '../receiver';
import { Stopped, statusOfSignal } from './exit-status';
import { follow } from './follow';
import { type SharedFlags, sharedOptions, type WriteFlags, writeOptions } from './options';
import { createOutput, type Output } from './output';
import { withStopSignals } from './signals';

interface RecvFlags extends SharedFlags, WriteFlags {
  listen?: ListenOptions;
  keep?: boolean;
  serve?: boolean;
}

export async function recv(directory: string, flags: RecvFlags): Promise<number> {
  const serve = flags.serve === true;
  const keep = serve || flags.keep === true;
  const output = createOutput(flags, keep);
  const warn = (text: string) => output.warning(text);
  const options = { ...(await sharedOptions(flags, warn)), ...writeOptions(flags) };
  const listen = flags.listen ?? {};
  return withStopSignals(warn, (signal) =>
    keep
      ? stay(directory, { ...options, serve }, listen, output, signal)
      : takeOne(directory, { ...options, ...listen, signal }, output),
  );
}

function takeOne(
  directory: string,
  options: AcceptorOptions & ListenOptions,
  output: Output,
): Promise<number> {
  const onConnectionError = (error: Error, peer: string) => output.connectionError(error, peer);
  const transfer = receiveTree(directory, { ...options, onConnectionError });
  transfer.listening.then(
    (address) => output.listening(address),
    () => {}, // the transfer fails with the same, which follow() shows
  );
  return follow(transfer, output);
}

/** Ends by a signal only. */
async function stay(
  root: string,
  options: AcceptorOptions & { serve: boolean },
  listen: ListenOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const receiver = createReceiver({ ...options, root });
  const followed = new Set<Promise<number>>();
  let count = 0;
  receiver.on('connectionError', (error, peer) => output.connectionError(error, peer));
  receiver.on('transfer', (transfer) => {
    const { kind, peer, path } = transfer;
    const label = { transfer: ++count, kind, peer, path };
    output.started(label);
    const ended = follow(transfer, output, label).finally(() => followed.delete(ended));
    followed.add(ended);
  });
  const failed = new Promise<never>((_, reject) => receiver.once('error', reject));
  failed.catch(() => {});
  output.listening(await receiver.listen(listen));
  const stopped = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  try {
    await Promise.race([stopped, failed]);
  } finally {
    await receiver.close({ abort: true });
    await Promise.all(followed);
  }
  return signal.reason instanceof Stopped ? statusOfSignal(signal.reason.signal) : 1;
}
