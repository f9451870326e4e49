// keygen and fingerprint.
import { fchmodSync, fstatSync } from 'node:fs';

import { certificateFingerprint } from '../credentials';
import { generateSecret } from '../secret';
import { EXIT } from './exit-status';
import { readPem } from './options';

const OWNER_ONLY = 0o600;

export function keygen(): number {
  // `keygen > k` would leave a file that everybody can read, because the shell made it.
  const { fd } = process.stdout;
  const { uid, mode } = fstatSync(fd);
  const file = fstatSync(fd).isFile();
  if (file && uid === process.getuid?.() && (mode & 0o077) !== 0) fchmodSync(fd, OWNER_ONLY);
  process.stdout.write(`${generateSecret()}\n`);
  return EXIT.whole;
}

export function fingerprint(path: string): number {
  process.stdout.write(`${certificateFingerprint(readPem(path))}\n`);
  return EXIT.whole;
}
