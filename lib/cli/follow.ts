// Shows a transfer from its beginning to its end.
import type { TransferHandle } from '../../types/index';
import { statusOfError, statusOfResult } from './exit-status';
import type { Output, TransferLabel } from './output';

/** @returns the exit status, when nothing of the transfer is left. */
export async function follow(
  transfer: TransferHandle,
  output: Output,
  label?: TransferLabel,
): Promise<number> {
  try {
    for await (const progress of transfer) output.progress(progress, label);
    const result = await transfer;
    output.result(result, label);
    return statusOfResult(result);
  } catch (error) {
    // First the end, temporary files included, then the word that tells of it.
    await transfer[Symbol.asyncDispose]();
    output.failure(error, label);
    return statusOfError(error);
  }
}
