// The command as two processes: what they print, how they end, what a signal leaves behind.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { generateSecret } from '../../lib/index';
import { CertificateMaker } from '../helpers/certificates';
import { commandLine, type Line, RunningCommand, runCommand, runOnTerminal } from '../helpers/command';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { HoldingProxy } from '../helpers/holding-proxy';
import { helloFrame, helloOkFrame, RawClient } from '../helpers/raw-peer';
import { rawServer } from '../helpers/raw-server';
import { rsyncDifferences } from '../helpers/rsync';
import { temporaryFolder } from '../helpers/temporary-folder';

const folder = temporaryFolder(t);
const path = (name: string) => join(folder, name);
const source = path('source');
const made = makeDataset(source, { files: 300, bytes: 5_000_000 });
let folders = 0;
const fresh = () => path(`destination ${folders++}`);
const key = ['--secret-file', path('key')];
const open = ['--encryption', 'none', '--insecure'];
writeFileSync(path('key'), generateSecret(), { mode: 0o600 });
writeFileSync(path('other key'), generateSecret(), { mode: 0o600 });

async function recv(destination: string, ...more: string[]) {
  const command = new RunningCommand(['recv', destination, '--listen', '127.0.0.1:0', ...more]);
  const { port } = await command.event('listening');
  return { command, port: port as number, target: `127.0.0.1:${port}` };
}

t.test('send and recv: the same tree, status 0, the last line is the result', async (t) => {
  const destination = fresh();
  const { command, target } = await recv(destination, ...key);
  const sender = new RunningCommand(['send', source, target, ...key, '--connections', '2']);
  t.match(await sender.ended, { status: 0, stderr: '' });
  t.match(await command.ended, { status: 0, stderr: '' });
  t.same(compareTrees(source, destination), []);
  t.same(rsyncDifferences(source, destination), []);
  for (const { last } of [sender, command]) {
    t.match(last, {
      event: 'result',
      ok: true,
      ...made,
      cipher: 'TLS_AES_128_GCM_SHA256',
      record: { tx: String, rx: String, reason: String },
      verified: true,
      skipped: [],
      skippedTotal: 0,
    });
  }
  const progress = sender.lines.filter(({ event }) => event === 'progress');
  t.match(progress.at(-1), { files: made.files, bytes: made.bytes, totalsFinal: true, currentPath: String });
  t.same(
    sender.lines.map(({ event }) => event).filter((event) => event !== 'progress'),
    ['result'],
  );
});

t.test('without --json: a summary on the standard output, the rest on the standard error', async (t) => {
  const { target } = await recv(fresh(), ...key);
  const start = performance.now();
  const { status, stdout, stderr } = runCommand(['send', source, target, ...key, '--no-verify']);
  const seconds = (performance.now() - start) / 1000;
  t.equal(status, 0);
  t.match(stdout, new RegExp(`^${made.files} files, \\d+ folders, \\d+ links, 5\\.0 MB in .*/s\\)\n`));
  t.match(stdout, /content not verified/);
  t.match(stdout, /TLS_AES_128_GCM_SHA256/);
  t.ok(stderr.split('\n').length < 10 + seconds, 'a line a second at most');
  const quiet = await recv(fresh(), ...key);
  t.match(runCommand(['send', source, quiet.target, ...key, '--quiet']), {
    status: 0,
    stdout: '',
    stderr: '',
  });
});

t.test('on a terminal: a progress bar with files, bytes, rate and time left', async (t) => {
  const { target } = await recv(fresh(), ...key);
  const { status, stdout } = await runOnTerminal(['send', source, target, ...key]);
  t.equal(status, 0);
  t.match(stdout, new RegExp(`\\d+/${made.files}\\+? files \\| .* MB/5\\.0 MB\\+? \\| .*`));
  t.match(stdout, /█|░/);
  t.match(stdout, /5\.0 MB in /);
});

t.test('recv --keep takes one after another, tells them apart, and ends by a signal', async (t) => {
  const root = fresh();
  const { command, target } = await recv(root, ...key, '--keep');
  for (const name of ['a', 'b']) t.equal(runCommand(['send', source, `${target}/${name}`, ...key]).status, 0);
  await command.events('result', 2);
  t.equal(runCommand(['send', source, target, '--secret-file', path('other key')]).status, 1);
  await command.event('connectionError');
  command.kill('SIGTERM');
  t.match(await command.ended, { status: 143 });
  const of = (name: string) => command.lines.filter(({ event }) => event === name);
  t.match(of('transfer'), [
    { transfer: 1, kind: 'push', path: 'a', peer: /^127/ },
    { transfer: 2, path: 'b' },
  ]);
  t.match(of('result'), [
    { transfer: 1, ok: true, files: made.files },
    { transfer: 2, ok: true },
  ]);
  t.match(of('connectionError'), [
    { peer: /^127/, error: { code: 'ERR_KTLS_WRONG_SECRET', message: String } },
  ]);
  for (const name of ['a', 'b']) t.same(compareTrees(source, join(root, name)), []);
});

t.test('pull from recv --serve', async (t) => {
  const { command, target } = await recv(source, ...key, '--serve');
  const destination = fresh();
  t.match(runCommand(['pull', target, destination, ...key, '--fsync', 'end']), { status: 0 });
  t.same(compareTrees(source, destination), []);
  const refused = runCommand(['send', source, target, ...key]);
  t.match(refused, { status: 1, stderr: /ERR_KTLS_REFUSED/ });
  command.kill('SIGINT');
  t.match(await command.ended, { status: 130 });
});

t.test('failures are status 1, with code, sentence and place, at both ends', async (t) => {
  const { command, target } = await recv(fresh(), ...key);
  const wrong = new RunningCommand(['send', source, target, '--secret-file', path('other key')]);
  t.match(await wrong.ended, { status: 1 });
  t.match(wrong.last, {
    event: 'result',
    ok: false,
    error: { code: 'ERR_KTLS_WRONG_SECRET', address: target },
  });
  t.match(await command.event('connectionError'), { error: { code: 'ERR_KTLS_WRONG_SECRET' } });
  t.match(runCommand(['send', path('nothing'), target, ...key]), { status: 1, stderr: /ENOENT.*nothing/ });
  command.kill('SIGINT');
  await command.ended;
  const gone = runCommand(['send', source, target, ...key]);
  t.match(gone, { status: 1, stdout: '', stderr: /^ktls-transfer: .*ECONNREFUSED: nothing listens there/ });
  const silent = await rawServer(t, () => {});
  const slow = runCommand(['send', source, `127.0.0.1:${silent}`, ...key, '--handshake-timeout', '0.2']);
  t.match(slow, { status: 1, stderr: /ERR_KTLS_HANDSHAKE_TIMEOUT/ });
  const taken = await recv(fresh(), ...key);
  t.match(runCommand(['recv', fresh(), '--listen', taken.target, ...key]), {
    status: 1,
    stderr: /EADDRINUSE/,
  });
  taken.command.kill('SIGINT');
  await taken.command.ended;
});

t.test('what was skipped is status 3 at both ends, listed with its name made harmless', async (t) => {
  const odd = path('odd');
  mkdirSync(odd);
  writeFileSync(join(odd, 'file'), 'x');
  spawnSync('mkfifo', [join(odd, 'pipe\x1b[31m\nof pan')]);
  const { command, target } = await recv(fresh(), ...key);
  const { status, stdout, stderr } = runCommand(['send', odd, target, ...key]);
  t.equal(status, 3);
  t.match(stdout, /1 file,.* 1 SKIPPED/);
  t.match(stderr, /skipped 'pipe\\u\{1b\}\[31m\\u\{a\}of pan'/);
  t.notOk((stdout + stderr).includes('\x1b'));
  t.match(await command.ended, { status: 3 });
  const [skip] = (command.last as Line).skipped;
  t.match(skip, { path: 'pipe\\u{1b}[31m\\u{a}of pan', code: 'ERR_KTLS_FILE_TYPE', reason: String });
  t.equal(Buffer.from(skip.pathBase64, 'base64').toString(), 'pipe\x1b[31m\nof pan');
});

t.test('--no-overwrite and --on-error', async (t) => {
  const destination = fresh();
  mkdirSync(destination);
  const small = path('small');
  mkdirSync(small);
  for (const name of ['old', 'new']) writeFileSync(join(small, name), 'theirs');
  writeFileSync(join(destination, 'old'), 'mine');
  const { command, target } = await recv(destination, ...key, '--no-overwrite');
  t.equal(runCommand(['send', small, target, ...key, '--on-error', 'continue']).status, 3);
  t.match(await command.ended, { status: 3 });
  t.equal(readFileSync(join(destination, 'old'), 'utf8'), 'mine');
  t.equal(readFileSync(join(destination, 'new'), 'utf8'), 'theirs');
});

t.test('certificates, and a pinned key', async (t) => {
  mkdirSync(path('certificates'));
  const maker = new CertificateMaker(path('certificates'));
  const server = maker.issue('server', 'DNS:server');
  const client = maker.issue('client', 'DNS:client');
  const ca = ['--ca', maker.authority.certFile];
  const pin = runCommand(['fingerprint', server.certFile]).stdout.trim();
  const own = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => [
    '--cert',
    certFile,
    '--key',
    keyFile,
  ];
  for (const trust of [
    ['--fingerprint', pin],
    [...ca, '--servername', 'server'],
  ]) {
    const { command, target } = await recv(fresh(), ...own(server), ...ca);
    t.match(runCommand(['send', source, target, ...own(client), ...trust]), { status: 0 });
    t.match(await command.ended, { status: 0 });
  }
});

/** What is called like something temporary in the folder where it would be. */
const left = (destination: string) => [
  ...readdirSync(folder).filter((name) => name.startsWith('.ktls')),
  ...(existsSync(destination) ? readdirSync(destination).filter((name) => name.startsWith('.ktls')) : []),
];

t.test('a signal while it sends, and while it receives: nothing half-written', async (t) => {
  const big = path('big');
  makeDataset(big, { files: 3000, bytes: 60_000_000 });
  for (const [who, signal, expected] of [
    ['sender', 'SIGINT', 130],
    ['receiver', 'SIGINT', 130],
    ['sender', 'SIGHUP', 129],
    ['receiver', 'SIGHUP', 129],
  ] as const) {
    const destination = fresh();
    const { command: receiver, port } = await recv(destination, ...key);
    const proxy = await HoldingProxy.open(t, port, 20_000_000);
    const sender = new RunningCommand(['send', big, `127.0.0.1:${proxy.port}`, ...key]);
    await proxy.held;
    const ends = { sender, receiver };
    ends[who].kill(signal);
    // A shell passes on what its terminal's end has sent to all: that is no second thought.
    if (signal === 'SIGHUP') ends[who].kill(signal);
    const { status } = await ends[who].ended;
    proxy.letGo();
    const other = await ends[who === 'sender' ? 'receiver' : 'sender'].ended;
    t.equal(status, expected, `${who}: ${signal}`);
    t.match(ends[who].last, { event: 'result', ok: false, error: { code: 'ABORT_ERR' } } as unknown as Line);
    t.equal(other.status, 1, 'the other end fails');
    t.same(left(destination), [], 'no temporary name is left');
  }
});

t.test('nobody reads what it prints any more: status 141, in order', async (t) => {
  for (const who of ['sender', 'receiver'] as const) {
    const destination = fresh();
    const { command: receiver, port } = await recv(destination, ...key);
    const proxy = await HoldingProxy.open(t, port, 20_000_000);
    const sender = new RunningCommand(['send', path('big'), `127.0.0.1:${proxy.port}`, ...key]);
    await proxy.held;
    const ends = { sender, receiver };
    ends[who].child.stdout?.destroy();
    t.match(await ends[who].ended, { status: 141, stderr: '' }, who);
    proxy.letGo();
    const other = await ends[who === 'sender' ? 'receiver' : 'sender'].ended;
    t.equal(other.status, 1, 'the other end fails');
    t.same(left(destination), [], 'no temporary name is left');
  }
  const keeps = await recv(fresh(), ...key, '--keep');
  keeps.command.child.stdout?.destroy();
  runCommand(['send', source, keeps.target, ...key]);
  t.match(await keeps.command.ended, { status: 141, stderr: '' });
  const [program, ...rest] = commandLine(['doctor']) as [string, ...string[]];
  const doctor = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  doctor.stdout.destroy();
  t.equal(await new Promise((resolve) => doctor.on('close', resolve)), 141);
});

t.test('SIGINT while it waits ends at once; a second one does not wait for anything', async (t) => {
  let greet: () => void = () => {};
  const greeted = new Promise<void>((resolve) => {
    greet = resolve;
  });
  const silent = await rawServer(t, (socket) =>
    socket.once('data', () => socket.write(helloOkFrame(), () => greet())),
  );
  const waiting = new RunningCommand(['send', source, `127.0.0.1:${silent}`, ...open]);
  await greeted;
  waiting.kill('SIGINT');
  t.match(await waiting.ended, { status: 130 });
  const { command, port } = await recv(fresh(), ...open, '--keep');
  const client = new RawClient(port, helloFrame());
  await command.event('transfer');
  command.kill('SIGINT');
  command.kill('SIGINT');
  t.match(await command.ended, { status: 130 });
  client.socket.destroy();
});
