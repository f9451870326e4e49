import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A fresh folder, removed after the test. By default below TMPDIR, which in the guest is a tmpfs; t.testdir() is below
 * the repository, which the guest sees through hostfs: slow, and not a complete file system.
 */
export function temporaryFolder(t: { teardown(handler: () => void): void }, parent = tmpdir()): string {
  const path = mkdtempSync(join(parent, 'ktls-test-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
