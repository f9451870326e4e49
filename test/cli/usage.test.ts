// The command without a peer: help, wrong usage, keys, secrets, the doctor.
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { certificateFingerprint, probe } from '../../lib/index';
import { commandLine, RunningCommand, runCommand, runOnTerminal } from '../helpers/command';
import { temporaryFolder } from '../helpers/temporary-folder';

const top = join(__dirname, '..', '..');
const folder = temporaryFolder(t);
const path = (name: string) => join(folder, name);
const commands = ['recv', 'send', 'pull', 'proxy', 'serve', 'keygen', 'fingerprint', 'doctor'];
const code = 'ERR_KTLS_INVALID_OPTION';

t.test('--help names every command, --version the version', async (t) => {
  const { status, stdout, stderr } = runCommand(['--help']);
  t.match({ status, stderr }, { status: 0, stderr: '' });
  for (const command of commands) t.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
  t.match(stdout, /KTLS_TRANSFER_SECRET/);
  t.match(stdout, /Exit status/);
  const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  t.match(runCommand(['--version']), { status: 0, stdout: `${version}\n` });
});

t.test('docs/cli.md has every option of every command, and no other', async (t) => {
  const manual = readFileSync(join(top, 'docs/cli.md'), 'utf8');
  const documented = new Set(manual.match(/--[a-z][a-z-]+/g));
  const offered = new Set(['--version', '--help']);
  for (const command of commands) {
    const { stdout } = runCommand([command, '--help']);
    for (const option of stdout.match(/(?<=^ {2}(?:-\w, )?)--[a-z][a-z-]+/gm) ?? []) offered.add(option);
  }
  t.ok(offered.size > 25);
  const missing = [...offered].filter((option) => !documented.has(option));
  t.same(missing, ['--version', '--help'], 'not documented');
  t.same(
    [...documented].filter((option) => !offered.has(option)),
    [],
    'not offered',
  );
});

const wrongUsage: string[][] = [
  [],
  ['frob'],
  ['send'],
  ['send', folder],
  ['send', folder, 'h:1', 'more'],
  ['send', folder, 'h:1', '--frob'],
  ['send', folder, 'h:1', '--cipher', 'RC4'],
  ['send', folder, 'h:1', '--mode', 'fast'],
  ['send', folder, 'h:1', '--connections', 'x'],
  ['send', folder, 'h:1', '--idle-timeout', '-1'],
  ['recv', folder, '--listen', 'host'],
  ['recv', folder, '--listen', '65536'],
  ['recv', folder, '--fsync', 'often'],
  ['fingerprint'],
  ['proxy'],
  ['serve', folder, '--listen', '0'],
  ['proxy', '--listen', '0'],
  ['proxy', '--target', '80'],
  ['proxy', '--listen', '0', '--target', '80', '--mode', 'fast'],
];

t.test('wrong usage is status 2, with a word on the standard error', async (t) => {
  for (const args of wrongUsage) {
    const { status, stdout, stderr } = runCommand(args);
    t.match({ status, stdout }, { status: 2, stdout: '' }, args.join(' '));
    t.not(stderr, '', args.join(' '));
  }
});

t.test('so are options that the library refuses, and a machine reads the result all the same', async (t) => {
  const refused: string[][] = [
    ['send', folder, 'h:0', '--secret-file', path('good')],
    ['send', folder, 'h:1/../x', '--secret-file', path('good')],
    ['send', folder, 'h:1', '--connections', '65', '--secret-file', path('good')],
    ['send', folder, 'h:1', '--encryption', 'none'],
    ['send', folder, 'h:1', '--secret', 'x'.repeat(20), '--secret-file', path('good')],
    ['send', folder, 'h:1', '--secret-file', path('empty')],
    ['send', folder, 'h:1', '--cert', path('good'), '--secret-file', path('good')],
    ['send', folder, 'h:1'],
    ['proxy', '--listen', '0', '--target', 'nowhere'],
    ['proxy', '--listen', '0', '--target', '80', '--cert', path('good')],
    ['proxy', '--listen', '0', '--target', '80', '--ca', path('good')],
    ['proxy', '--listen', '0', '--target', '80', '--max-connections', '0'],
  ];
  writeFileSync(path('good'), `${'x'.repeat(20)}\n`, { mode: 0o600 });
  writeFileSync(path('empty'), '\n', { mode: 0o600 });
  for (const args of refused) {
    const plain = runCommand(args);
    t.match(plain, { status: 2, stdout: '', stderr: /^ktls-transfer: / }, args.join(' '));
    const { status, stdout } = runCommand([...args, '--json']);
    const last = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    t.match({ status, last }, { status: 2, last: { event: 'result', ok: false, error: { code } } });
  }
  const { status, stdout } = runCommand(['send', folder, 'h:1', '--frob', '--json']);
  t.match({ status, last: JSON.parse(stdout) }, { status: 2, last: { ok: false, error: { code } } });
});

t.test('keygen makes a new secret each time, in a file that only its owner reads', async (t) => {
  const [one, two] = [runCommand(['keygen']), runCommand(['keygen'])];
  t.match(one, { status: 0, stdout: /^ktls_[\w-]{48}\n$/, stderr: '' });
  t.not(one.stdout, two.stdout);
  const fd = openSync(path('key'), 'w', 0o644);
  const [program, ...args] = commandLine(['keygen']) as [string, ...string[]];
  spawnSync(program, args, { stdio: ['ignore', fd, 'inherit'] });
  closeSync(fd);
  t.equal(statSync(path('key')).mode & 0o777, 0o600);
  t.match(readFileSync(path('key'), 'utf8'), /^ktls_[\w-]{48}\n$/);
});

t.test('fingerprint prints what openssl says of the public key', async (t) => {
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', path('key.pem'), '-out', path('cert.pem'), '-subj', '/CN=x', '-days', '2'];
  t.equal(spawnSync('openssl', [...request, ...files]).status, 0);
  const pipeline = `openssl x509 -in '${path('cert.pem')}' -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum`;
  const expected = spawnSync('sh', ['-c', pipeline], { encoding: 'utf8' }).stdout.slice(0, 64);
  t.match(runCommand(['fingerprint', path('cert.pem')]), { status: 0, stdout: `${expected}\n` });
  t.equal(certificateFingerprint(readFileSync(path('cert.pem'))), expected);
  t.match(runCommand(['fingerprint', path('missing')]), { status: 1, stderr: /ENOENT/ });
  t.match(runCommand(['fingerprint', path('key')]), { status: 2, stderr: /certificate/ });
});

t.test('doctor says what probe() says', async (t) => {
  const { status, stdout } = runCommand(['doctor', '--json']);
  t.equal(status, 0);
  t.same(JSON.parse(stdout), probe());
  const words = runCommand(['doctor']).stdout;
  t.match(words, probe().kernelRelease);
  for (const { cipher } of probe().ciphers) t.match(words, cipher);
  if (!probe().ulp) t.match(words, probe().ulpReason);
});

t.test('where the secret comes from, and what is said about it', async (t) => {
  // The target is refused before anything is dialled, but after the secret was found.
  const said = (args: string[], env: Record<string, string> = {}) =>
    runCommand(['send', folder, 'h:0', ...args], { env }).stderr;
  writeFileSync(path('secret'), 'a long passphrase\n', { mode: 0o600 });
  t.notMatch(said(['--secret-file', path('secret')]), /warning|secret/);
  chmodSync(path('secret'), 0o640);
  t.match(said(['--secret-file', path('secret')]), /warning: .*chmod 600/);
  t.match(said(['--secret', 'a long passphrase']), /warning: .*visible/);
  t.notMatch(said([], { KTLS_TRANSFER_SECRET: 'a long passphrase' }), /warning|secret/);
  t.match(said([], { KTLS_TRANSFER_SECRET: '' }), /KTLS_TRANSFER_SECRET is empty/);
  t.match(said([]), /--secret-file/, 'no terminal to ask on');
  t.match(runCommand(['send', folder, 'h:1', '--secret-file', path('nothing')]), {
    status: 1,
    stderr: /ENOENT/,
  });
});

t.test('a secret given as an argument leaves the list of processes, and is never printed', async (t) => {
  const secret = 'correct horse battery';
  const command = new RunningCommand(['recv', path('in'), '--listen', '127.0.0.1:0', '--secret', secret]);
  await command.event('listening');
  t.notMatch(readFileSync(`/proc/${command.child.pid}/cmdline`, 'latin1'), secret);
  command.kill('SIGINT');
  const { status, stdout, stderr } = await command.ended;
  t.equal(status, 130);
  t.notMatch(stdout + stderr, secret);
});

t.test('on a terminal the secret is asked for, without echo', async (t) => {
  const ask = (typed: string) => runOnTerminal(['send', folder, 'h:0'], 'Secret: ', typed);
  const { status, stdout } = await ask('correct horse batteryy\b\x7fy\r');
  t.equal(status, 2);
  t.match(stdout, /target/, 'and then it goes on');
  t.notMatch(stdout, /horse/);
  t.match(await ask('corr\x03'), { status: 130 });
  t.match(await ask('\r'), { status: 2, stdout: /no secret was typed/ });
});
