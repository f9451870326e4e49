// transferDirectory: one call for both directions, told apart by where the ktls:// URL stands.
import type { PathLike, TransferDirectoryOptions, TransferHandle } from '../types/index';
import { isUrl } from './address';
import { KtlsError } from './errors';
import { pullTree } from './pull-tree';
import { sendTree } from './send-tree';
import { Transfer } from './transfer-handle';

export function transferDirectory(
  from: PathLike,
  to: PathLike,
  options: TransferDirectoryOptions = {},
): TransferHandle {
  if (isUrl(to) && !isUrl(from)) return sendTree(from, to, options);
  if (isUrl(from) && !isUrl(to)) return pullTree(from, to, options);
  return new Transfer(() => {
    const which = isUrl(from) ? 'both are' : 'none is';
    throw new KtlsError(
      'ERR_KTLS_INVALID_OPTION',
      `one of 'from' and 'to' must be a ktls://host:port/path URL, the other a local path; ${which}`,
    );
  });
}
