// receiveTree: a receiver for one transfer.
import type { AddressInfo } from 'node:net';

import type { PathLike, Progress, ReceiveHandle, ReceiveTreeOptions, TransferResult } from '../types/index';
import { checkOptions, pathBuffer } from './options';
import { createReceiver } from './receiver';
import { Transfer, type TransferContext } from './transfer-handle';

export function receiveTree(directory: PathLike, options: ReceiveTreeOptions = {}): ReceiveHandle {
  return new ReceivingTransfer(directory, options);
}

class ReceivingTransfer extends Transfer implements ReceiveHandle {
  readonly listening: Promise<AddressInfo>;

  constructor(directory: PathLike, options: ReceiveTreeOptions) {
    let heard: (address: AddressInfo) => void = () => {};
    let failed: (error: unknown) => void = () => {};
    const listening = new Promise<AddressInfo>((resolve, reject) => {
      heard = resolve;
      failed = reject;
    });
    super(async (context) => {
      try {
        return await receiveOnce(directory, options, context, heard);
      } catch (error) {
        failed(context.signal.aborted ? context.signal.reason : error);
        throw error;
      }
    }, options?.signal);
    this.listening = listening;
    listening.catch(() => {}); // the handle itself tells of it
  }
}

async function receiveOnce(
  directory: PathLike,
  options: ReceiveTreeOptions,
  context: TransferContext,
  listening: (address: AddressInfo) => void,
): Promise<TransferResult> {
  checkOptions('receiveTree', options);
  const root = pathBuffer(directory, 'directory');
  const { port, host, onConnectionError, ...rest } = options;
  const receiver = createReceiver({ ...rest, root, signal: context.signal, maxTransfers: 1 });
  if (onConnectionError !== undefined) receiver.on('connectionError', onConnectionError);
  const outcome = new Promise<TransferResult>((resolve, reject) => {
    receiver.once('transfer', (transfer) => {
      context.running(() => transfer.progress() as Progress);
      resolve(transfer);
    });
    receiver.once('error', reject);
    context.signal.addEventListener('abort', () => reject(context.signal.reason), { once: true });
  });
  outcome.catch(() => {}); // when listen() fails, nobody waits for it
  try {
    listening(await receiver.listen({ port, host }));
    return await outcome;
  } finally {
    await receiver.close({ abort: true });
  }
}
