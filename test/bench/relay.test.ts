// The relay's suite measures every contestant that is here, and its two forms of report agree.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { temporaryFolder } from '../helpers/temporary-folder';

const BENCH = join(__dirname, '../../bench');

if (!existsSync(join(BENCH, 'node_modules'))) {
  spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: BENCH, stdio: 'inherit' });
}

t.test('every kind of traffic comes through, and is counted', async (t) => {
  const out = temporaryFolder(t);
  const few = ['--seconds', '1', '--repetitions', '2', '--connections', '3', '--rivals', 'auto,splice,pipe'];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(BENCH, 'src/main.mjs'), 'relay', ...few, '--out', out],
    { encoding: 'utf8' },
  );
  t.equal(status, 0, stderr);
  const markdown = readFileSync(join(out, 'relay.md'), 'utf8');
  t.equal(stdout, markdown, 'what is printed is what is written');
  const { cells, absent } = JSON.parse(readFileSync(join(out, 'relay.json'), 'utf8'));
  for (const kind of ['send', 'echo-send', 'ping']) {
    for (const name of ['ktls-transfer auto', 'ktls-transfer splice', 'net.Socket.pipe']) {
      const cell = cells.find((one: typeof cells) => one.kind === kind && one.name === name);
      t.match(cell, { connections: 3, failed: undefined });
      t.equal(cell.runs.length, 2);
      for (const run of cell.runs) {
        t.ok(run.seconds > 0 && run.bytes > 0);
        if (kind === 'ping') t.ok(run.roundTrips === run.bytes && run.medianUs > 0);
      }
    }
  }
  for (const { name } of absent) t.match(markdown, `Absent: ${name}`);
  t.notMatch(markdown, out, 'no path of this machine');
});
