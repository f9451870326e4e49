// The benchmark suite measures, says who was absent or failed, and its three forms of report agree.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t, { type Test } from 'tap';

import { rsyncDifferences } from '../helpers/rsync';
import { temporaryFolder } from '../helpers/temporary-folder';

interface Cell {
  set: { name: string; files: number; bytes: number };
  absent: { name: string }[];
  results: { name: string; failed?: string; runs: { ms: number; senderCpuS: number }[] }[];
  summary: {
    name: string;
    failed?: string;
    figures?: { seconds: { median: number; min: number; max: number } };
  }[];
}

const BENCH = join(__dirname, '../../bench');
const NODE_TLS = 'node:tls + createReadStream';

if (!existsSync(join(BENCH, 'node_modules'))) {
  spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: BENCH, stdio: 'inherit' });
}

function bench(
  t: Test,
  folder: string,
  path: string,
  ...args: string[]
): { cells: Cell[]; markdown: string; out: string } {
  const out = join(folder, 'out');
  const folders = [
    '--data',
    join(folder, 'data'),
    '--disk',
    join(folder, 'disk'),
    '--tmpfs',
    join(folder, 'tmpfs'),
  ];
  const selected = [
    '--tables',
    'rivals,sizes',
    '--destinations',
    'tmpfs',
    '--repetitions',
    '2',
    '--rivals',
    'node:tls',
  ];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(BENCH, 'src/main.mjs'), ...selected, ...folders, '--out', out, ...args],
    { encoding: 'utf8', env: { ...process.env, PATH: path } },
  );
  t.equal(status, 0, `it ends well${status === 0 ? '' : `: ${stderr}`}`);
  const markdown = readFileSync(join(out, 'results.md'), 'utf8');
  t.equal(stdout, markdown, 'what is printed is what is written');
  return { cells: JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')).cells, markdown, out };
}

t.test('a run leaves JSON, Markdown and plots that say the same', async (t) => {
  const folder = temporaryFolder(t);
  const { cells, markdown, out } = bench(
    t,
    folder,
    process.env.PATH ?? '',
    '--tables',
    'rivals',
    '--sets',
    'count-60',
  );
  t.equal(cells.length, 1);
  const [cell] = cells as [Cell];
  t.same(cell.set, { name: 'count-60', files: 60, bytes: 60 * 1024 });
  for (const name of ['cp -a', NODE_TLS]) {
    const runs = cell.results.find((result) => result.name === name)?.runs ?? [];
    t.equal(runs.length, 2, `${name} ran twice`);
    t.ok(runs.every(({ ms, senderCpuS }) => ms > 0 && senderCpuS > 0));
    const seconds = cell.summary.find((one) => one.name === name)?.figures?.seconds;
    const sorted = runs.map(({ ms }) => ms / 1000).sort((a, b) => a - b);
    t.ok(seconds && seconds.min === sorted[0] && seconds.max === sorted[1]);
    const row = `${seconds?.median.toFixed(3)} (${seconds?.min.toFixed(3)}–${seconds?.max.toFixed(3)})`;
    t.match(markdown, row, `the table has ${name}'s median and spread`);
  }
  const listed = [...cell.absent, ...cell.results].map(({ name }) => name);
  t.ok(listed.includes('rsync + ssh (aes128-gcm)'), 'the yardstick is measured or said to be absent');
  for (const { name } of cell.absent) {
    t.match(markdown, new RegExp(`Absent: .*${name.replace(/[()+]/g, '\\$&')}`));
  }
  t.notMatch(markdown, folder, 'no path of this machine');
  const plots = readdirSync(out).filter((name) => name.endsWith('.svg'));
  t.ok(plots.length > 0);
  for (const plot of plots) {
    t.match(readFileSync(join(out, plot), 'utf8'), /^<svg[\s\S]*<\/svg>\s*$/);
    t.match(markdown, `](${plot})`, `${plot} is shown`);
  }
});

t.test('a rival one of whose results is wrong has failed and has no number', async (t) => {
  const folder = temporaryFolder(t);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  // the second time it copies all but one file, and says that all is well
  const lose = `if [ -e ${folder}/once ]; then rm "$3/f000007.bin"; else : > ${folder}/once; fi`;
  writeFileSync(join(bin, 'cp'), `#!/bin/sh\n/bin/cp "$@" || exit 1\n${lose}\n`);
  chmodSync(join(bin, 'cp'), 0o755);
  const path = [bin, process.env.PATH].join(delimiter);
  const { cells, markdown } = bench(t, folder, path, '--tables', 'rivals', '--sets', 'count-20');
  const [cell] = cells as [Cell];
  const result = cell.results.find(({ name }) => name === 'cp -a');
  t.match(result?.failed, /wrong result: 1 entries .*f000007/);
  t.same(result?.runs, []);
  t.match(markdown, /\| cp -a † \| failed \|/);
  t.notOk(cell.summary.find(({ name }) => name === 'cp -a')?.figures);
  t.ok(cell.summary.find(({ name }) => name === NODE_TLS)?.figures, 'the others go on');
});

t.test('a rival that is stopped has no number, not the one before', async (t) => {
  const folder = temporaryFolder(t);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  // the second time it copies everything and does not end
  const script = `#!/bin/sh\n/bin/cp "$@" || exit 1\n[ ! -e ${folder}/once ] || exec sleep 60\n: > ${folder}/once\n`;
  writeFileSync(join(bin, 'cp'), script);
  chmodSync(join(bin, 'cp'), 0o755);
  const path = [bin, process.env.PATH].join(delimiter);
  const { cells } = bench(t, folder, path, '--tables', 'rivals', '--sets', 'count-20', '--limit', '8');
  const result = (cells as [Cell])[0].results.find(({ name }) => name === 'cp -a');
  t.equal(result?.failed, 'stopped after 8 s');
  t.same(result?.runs, []);
});

t.test('a data set is the same each time, and cannot be compressed', async (t) => {
  const folders = [temporaryFolder(t), temporaryFolder(t)] as const;
  const options = '--sets count-250 --repetitions 1 --tables rivals'.split(' ');
  for (const folder of folders) bench(t, folder, process.env.PATH ?? '', ...options);
  const [first, second] = [join(folders[0], 'data', 'count-250'), join(folders[1], 'data', 'count-250')];
  t.same(rsyncDifferences(first, second), []);
  rmSync(second, { recursive: true });
  bench(t, folders[1], process.env.PATH ?? '', ...options);
  t.same(rsyncDifferences(first, second), [], 'made again, where it was removed by hand');
  const script = 'find . -type f -print0 | xargs -0 cat | gzip | wc -c';
  const { stdout } = spawnSync('sh', ['-c', script], { cwd: first, encoding: 'utf8' });
  t.ok(Number(stdout) >= 250 * 1024, 'gzip gains nothing');
});
