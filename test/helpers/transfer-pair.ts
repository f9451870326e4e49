// A whole transfer between two ends in this process.
import { createReceiver, sendTree } from '../../lib/index';
import type { ReceiverOptions, SendTreeOptions, TransferResult } from '../../types/index';

export interface Both {
  sent: TransferResult;
  received: TransferResult;
}

/** Rejects with the sender's error. */
export async function transfer(
  from: string,
  to: string,
  sending: SendTreeOptions,
  receiving: Omit<ReceiverOptions, 'root'>,
): Promise<Both> {
  const receiver = createReceiver({ ...receiving, root: to });
  try {
    const received = new Promise<TransferResult>((resolve) => receiver.once('transfer', resolve));
    received.catch(() => {}); // the sender's error is the one to tell
    const { port } = await receiver.listen({ port: 0, host: '127.0.0.1' });
    const sent = await sendTree(from, `127.0.0.1:${port}`, sending);
    return { sent, received: await received };
  } finally {
    await receiver.close({ abort: true });
  }
}
