// sendTree: this end dials and sends.
import { stat } from 'node:fs/promises';

import type { PathLike, SendTreeOptions, TransferHandle } from '../types/index';
import { parseTarget } from './address';
import { escapeText, KtlsError } from './errors';
import { initiate } from './initiate';
import { native } from './native';
import { checkOptions, pathBuffer } from './options';
import { Transfer } from './transfer-handle';

export function sendTree(directory: PathLike, target: string, options: SendTreeOptions = {}): TransferHandle {
  return new Transfer(async (context) => {
    checkOptions('send', options);
    const root = pathBuffer(directory, 'directory');
    const parsed = parseTarget(target);
    const addon = native();
    await checkDirectory(root);
    const createTransfer = (timeouts: { idle: number }) =>
      new addon.Sender({
        root,
        below: [],
        mode: options.mode ?? 'auto',
        verify: options.verify ?? true,
        continueOnError: options.onError === 'continue',
        idleTimeoutMs: timeouts.idle,
        initiator: true,
        ...(options.blockThreshold === undefined ? {} : { blockThreshold: options.blockThreshold }),
      });
    return initiate({ kind: 'push', target: parsed, options, createTransfer }, context);
  }, options?.signal);
}

/** A wrong folder is told at once, not after a handshake. */
export async function checkDirectory(root: Buffer): Promise<void> {
  const path = escapeText(root);
  const entry = await stat(root).catch((cause: NodeJS.ErrnoException) => {
    const code = cause.code ?? 'ERR_KTLS_SYSTEM';
    throw new KtlsError(code, `${code}: the folder to send cannot be opened, '${path}'`, {
      cause,
      errno: Math.abs(cause.errno ?? 0),
      syscall: 'stat',
      path,
    });
  });
  if (entry.isDirectory()) return;
  throw new KtlsError('ENOTDIR', `ENOTDIR: what is to be sent is not a folder, '${path}'`, {
    errno: 20,
    path,
  });
}
