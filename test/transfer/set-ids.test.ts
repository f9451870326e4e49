// Set-user-ID and set-group-ID bits: a program never runs as somebody else than its sender meant.
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { generateSecret } from '../../lib/index';
import { asNobody, copying, NOBODY } from '../helpers/as-nobody';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';

const secret = generateSecret();
const KEPT = 0o6755;

/** A folder with one file that has both bits, and where it may go. */
function program(t: { teardown(handler: () => void): void }, owner: number) {
  const folder = temporaryFolder(t);
  const source = join(folder, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'tool'), 'content');
  chownSync(join(source, 'tool'), owner, owner);
  chmodSync(join(source, 'tool'), KEPT);
  return { folder, source, destination: join(folder, 'arrived') };
}
const mode = (...path: string[]) => statSync(join(...path)).mode & 0o7777;

for (const [whose, owner] of [
  ["a user's", NOBODY],
  ["root's", 0],
] as const) {
  t.test(`${whose} file at a receiver that is root`, async (t) => {
    const { source, destination } = program(t, owner);
    await transfer(source, destination, { secret }, { secret });
    t.equal(mode(destination, 'tool'), 0o755, 'belongs to root, and runs as who runs it');

    const both = { secret, ownership: true };
    await transfer(source, `${destination} owned`, both, both);
    t.equal(mode(`${destination} owned`, 'tool'), KEPT, 'belongs to whom it is of');
    t.equal(statSync(join(`${destination} owned`, 'tool')).uid, owner);
  });
}

t.test("a user's file at a receiver of the same user", async (t) => {
  const { folder, source } = program(t, NOBODY);
  chmodSync(folder, 0o777);
  t.match(asNobody(copying(source, folder, secret)), { files: 1 });
  t.equal(mode(folder, 'in', 'tool'), KEPT);
});

t.test("somebody else's file at a receiver of a user", async (t) => {
  const { folder, source } = program(t, NOBODY + 1);
  chmodSync(folder, 0o777);
  t.match(asNobody(copying(source, folder, secret)), { files: 1 });
  t.equal(mode(folder, 'in', 'tool'), 0o755);
});
