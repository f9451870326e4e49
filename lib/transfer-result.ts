// What the native core reports, in the words of the public interface.
import { getSystemErrorName } from 'node:util';

import type { Progress, Skipped, TransferResult } from '../types/index';
import { escapeText } from './errors';
import type { CipherName, NativeProgress, NativeResult, NativeSkip, RecordReport } from './native';

export function publicProgress(native: NativeProgress): Progress {
  const { currentPath, ...counts } = native;
  return { ...counts, currentPath: escapeText(currentPath), currentPathBuffer: currentPath };
}

export function publicResult(
  native: NativeResult,
  startedAt: number,
  link: { cipher: CipherName | null; record: RecordReport },
): TransferResult {
  const { files, directories, symlinks, hardLinks, bytes, connections, verified, skippedTotal } = native;
  return {
    files,
    directories,
    symlinks,
    hardLinks,
    bytes,
    durationMs: performance.now() - startedAt,
    cipher: link.cipher,
    record: link.record,
    connections,
    mode: native.mode ?? null,
    verified,
    skipped: native.skipped.map(publicSkip),
    skippedTotal,
  };
}

function publicSkip({ path, code, errno, reason }: NativeSkip): Skipped {
  return {
    path: escapeText(path),
    pathBuffer: path,
    code: code === 'ERR_KTLS_SYSTEM' && errno !== 0 ? getSystemErrorName(-errno) : code,
    reason: escapeText(reason),
  };
}
