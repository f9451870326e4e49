// The pulling half of transferDirectory: this end dials and receives.
import type { InitiatorOptions, PathLike, TransferHandle, WriteOptions } from '../types/index';
import { parseTarget } from './address';
import { initiate } from './initiate';
import { native } from './native';
import { checkOptions, pathBuffer } from './options';
import { Transfer } from './transfer-handle';

export function pullTree(
  target: string,
  directory: PathLike,
  options: InitiatorOptions & WriteOptions = {},
): TransferHandle {
  return new Transfer(async (context) => {
    checkOptions('pull', options);
    const root = pathBuffer(directory, 'directory');
    const parsed = parseTarget(target);
    const addon = native();
    const createTransfer = (timeouts: { idle: number }) =>
      new addon.Receiver({
        root,
        below: [],
        overwrite: options.overwrite ?? true,
        ownership: options.ownership ?? false,
        verify: options.verify ?? true,
        fsync: options.fsync ?? 'none',
        continueOnError: options.onError === 'continue',
        idleTimeoutMs: timeouts.idle,
      });
    return initiate({ kind: 'pull', target: parsed, options, createTransfer }, context);
  }, options?.signal);
}
