// The sockets' suite measures every workload with every socket that this machine has, and its two forms of report agree.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { temporaryFolder } from '../helpers/temporary-folder';

interface Report {
  absent: string[];
  cells: {
    table: string;
    title: string;
    results: { name: string; failed?: string; runs: Record<string, number>[] }[];
  }[];
}

const BENCH = join(__dirname, '../../bench');

if (!existsSync(join(BENCH, 'node_modules'))) {
  spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: BENCH, stdio: 'inherit' });
}

function bench(out: string, ...options: string[]) {
  const command = [join(BENCH, 'src/main.mjs'), 'sockets', '--quick', ...options, '--out', out];
  return spawnSync(process.execPath, command, { encoding: 'utf8' });
}

t.test('writing, reading, a file, messages and the event loop, of every socket', async (t) => {
  const out = temporaryFolder(t);
  const amounts = ['--bytes', '5000001', '--file-bytes', '3000001', '--round-trips', '20', '--writes', '2'];
  const { status, stdout, stderr } = bench(out, ...amounts, '--repetitions', '1');
  t.equal(status, 0, stderr);
  t.equal(stdout, readFileSync(join(out, 'sockets.md'), 'utf8'), 'what is printed is what is written');
  t.notMatch(stdout, out, 'no path of this machine');
  const { absent, cells }: Report = JSON.parse(readFileSync(join(out, 'sockets.json'), 'utf8'));
  t.same(
    cells.map(({ table }) => table),
    ['write', 'write', 'read', 'file', 'ping', 'hold', 'hold', 'hold', 'hold'],
  );
  for (const { title, results } of cells) {
    for (const name of ['ktls-transfer', 'node:tls']) t.ok(results.some((one) => one.name === name));
    t.equal(results.length + absent.length, 3, `${title} has them all`);
    for (const { name, failed, runs } of results) {
      t.equal(failed, undefined, `${title}: ${name}`);
      t.equal(runs.length, 1);
      t.ok(runs.every((run) => Object.values(run).every((value) => Number.isFinite(value) && value >= 0)));
      t.match(stdout, `| ${name} |`);
    }
  }
});

t.test('the far end may be of this package', async (t) => {
  const out = temporaryFolder(t);
  const amounts = [
    '--bytes',
    '500001',
    '--file-bytes',
    '300001',
    '--round-trips',
    '20',
    '--repetitions',
    '1',
  ];
  const { status, stdout, stderr } = bench(
    out,
    ...['--peer', 'ktls-transfer', '--tables', 'write,read,file,ping', ...amounts],
  );
  t.equal(status, 0, stderr);
  t.match(stdout, 'The peer is a process of ktls-transfer for all');
  const { cells }: Report = JSON.parse(readFileSync(join(out, 'sockets.json'), 'utf8'));
  t.equal(cells.length, 5);
  t.ok(cells.every(({ results }) => results.every(({ failed }) => failed === undefined)));
});

t.test('a run that exceeds its limit is a failure, and has no figure', async (t) => {
  const out = temporaryFolder(t);
  const { status, stdout, stderr } = bench(
    out,
    ...['--tables', 'ping', '--round-trips', '1000000000', '--file-bytes', '1'],
    ...['--repetitions', '1', '--limit', '1'],
  );
  t.equal(status, 0, stderr);
  t.match(stdout, /\| node:tls \| failed: stopped after 1 s \|/);
  const { cells }: Report = JSON.parse(readFileSync(join(out, 'sockets.json'), 'utf8'));
  t.ok(cells[0]?.results.every(({ failed, runs }) => failed !== undefined && runs.length === 0));
});
