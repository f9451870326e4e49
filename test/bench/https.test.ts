// The HTTPS tables: every server that is there is measured, in the Markdown as in the JSON.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { temporaryFolder } from '../helpers/temporary-folder';

interface Report {
  absent: string[];
  cells: { table: string; title: string; results: { name: string; failed?: string; runs: object[] }[] }[];
}

const BENCH = join(__dirname, '../../bench');

if (!existsSync(join(BENCH, 'node_modules/send'))) {
  spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: BENCH, stdio: 'inherit' });
}

t.test('files, handshakes and idle connections, of every server that this machine has', async (t) => {
  const out = temporaryFolder(t);
  const small = [
    '--sizes',
    '10240',
    '--connections',
    '2',
    '--idle',
    '20,1000000',
    '--repetitions',
    '1',
    '--seconds',
    '1',
  ];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(BENCH, 'src/main.mjs'), 'https', ...small, '--out', out],
    { encoding: 'utf8' },
  );
  t.equal(status, 0, stderr);
  const { absent, cells }: Report = JSON.parse(readFileSync(join(out, 'https.json'), 'utf8'));
  t.equal(stdout, readFileSync(join(out, 'https.md'), 'utf8'), 'what is printed is what is written');
  t.same(
    cells.map(({ table }) => table),
    ['files', 'handshakes', 'handshakes', 'handshakes', 'idle', 'idle'],
  );
  for (const { title, results } of cells) {
    if (title.startsWith('1,000,000'))
      t.match(stdout, /1,000,000 connections\n\nNot measured: open files are limited/);
    else t.ok(results.length + absent.length >= 3, `${title} has them all`);
    for (const { name, failed, runs } of results) {
      t.equal(failed, undefined, `${title}: ${name}`);
      t.ok(runs.length === 1 && Object.values(runs[0] ?? {}).every((value) => Number.isFinite(value)));
      t.match(stdout, `| ${name} |`);
    }
  }
});

t.test('files by a client that opens no answer but the first', async (t) => {
  const out = temporaryFolder(t);
  const few = ['--tables', 'files', '--sizes', '102400', '--connections', '2'];
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...[join(BENCH, 'src/main.mjs'), 'https', ...few, '--client', 'unread'],
      ...['--repetitions', '1', '--seconds', '1', '--out', out],
    ],
    { encoding: 'utf8' },
  );
  t.equal(status, 0, stderr);
  const { absent, cells }: Report = JSON.parse(readFileSync(join(out, 'https.json'), 'utf8'));
  const results = cells.flatMap((cell) => cell.results);
  t.ok(results.length + absent.length >= 4, 'they are all there');
  for (const { name, failed } of results) t.equal(failed, undefined, name);
  t.match(readFileSync(join(out, 'https.md'), 'utf8'), 'throws records away unopened');
});

t.test('a load program that never stops is counted by its log', async (t) => {
  const folder = temporaryFolder(t);
  // A request that was under way at the start has lost its status; the last is whole 20 ms after it began.
  const program = `#!/bin/bash
for word; do case $word in --log-file=*) log=\${word#*=} ;; esac; done
now=$(date +%s%6N)
echo 'Main benchmark duration is started for thread #0.'
printf '%s\\t%s\\t%s\\n' $((now - 5000000)) 0 5000100 $((now + 200000)) 200 300000 $((now + 480000)) 200 20000 >"$log"
sleep 0.5
echo 'Main benchmark duration is over for thread #0. Stopping all clients.'
exec sleep 600
`;
  writeFileSync(join(folder, 'h2load'), program, { mode: 0o755 });
  const { PATH } = process.env;
  t.teardown(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = `${folder}:${PATH}`;
  const { load } = await import(join(BENCH, 'src/https/load.mjs'));
  let cpuS = 1;
  const server = { port: 1, cpuS: async () => cpuS++ };
  const got = await load(server, {
    path: '/',
    size: 1000,
    log: join(folder, 'log'),
    connections: 2,
    seconds: 1,
  });
  t.match(got, { requests: 3, bytes: 3000 });
  t.ok(got.seconds <= 0.501, `to the last whole request: ${got.seconds} s`);
  t.equal(got.cpuS, got.seconds, 'as much of the time as was counted');
});
