// send and pull: the commands that dial.
import type { SendTreeOptions, TransferHandle } from '../../types/index';
import { pullTree } from '../pull-tree';
import { sendTree } from '../send-tree';
import { follow } from './follow';
import {
  type InitiatorFlags,
  initiatorOptions,
  sharedOptions,
  type WriteFlags,
  writeOptions,
} from './options';
import { createOutput, type Output } from './output';
import { withStopSignals } from './signals';

interface SendFlags extends InitiatorFlags {
  mode?: NonNullable<SendTreeOptions['mode']>;
  blockThreshold?: number;
}

export async function send(directory: string, target: string, flags: SendFlags): Promise<number> {
  const output = createOutput(flags);
  const options = { ...(await sharedOptions(flags, warn(output))), ...initiatorOptions(flags) };
  const { mode, blockThreshold } = flags;
  return run(output, (signal) => sendTree(directory, target, { ...options, mode, blockThreshold, signal }));
}

export async function pull(
  source: string,
  directory: string,
  flags: InitiatorFlags & WriteFlags,
): Promise<number> {
  const output = createOutput(flags);
  const options = {
    ...(await sharedOptions(flags, warn(output))),
    ...initiatorOptions(flags),
    ...writeOptions(flags),
  };
  return run(output, (signal) => pullTree(source, directory, { ...options, signal }));
}

function warn(output: Output): (text: string) => void {
  return (text) => output.warning(text);
}

function run(output: Output, start: (signal: AbortSignal) => TransferHandle): Promise<number> {
  return withStopSignals(warn(output), (signal) => follow(start(signal), output));
}
