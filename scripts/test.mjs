// The one test command. `npm test` runs every stage; `npm test -- lint native` runs those named, in their order
// here; a path among the arguments restricts the node, sanitized, versions and guest stages to it: `npm test -- guest test/tls/a.guest.ts`.
// The last line is `N passed, N failed`, over all stages; the exit status is 0 only without a failure.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { filesBelow, run, top } from './lib/run.mjs';

/** The builds of the native tests, and gcc's sanitizers in each. */
const SANITIZERS = { plain: '', address: 'address,undefined', thread: 'thread' };

/** Tests make and remove trees by the thousand: on a disk they would wait for it most of the time. */
const MEMORY = existsSync('/dev/shm') ? { TMPDIR: '/dev/shm' } : {};

/** What leans on Node's inside, or on what an addon is told by it. */
const ACROSS_VERSIONS = [
  'test/handshake/',
  ...['frameworks', 'pipelining', 'resumption', 'send-file', 'server'].map(
    (name) => `test/https/${name}.test.ts`,
  ),
  ...['node-tls', 'records', 'resumed-client', 'server-lifecycle', 'stream', 'ticket-keys'].map(
    (name) => `test/sockets/${name}.test.ts`,
  ),
  'test/lifecycle/process.test.ts',
  'test/relay/relay.test.ts',
  'test/transfer/push-pull.test.ts',
];

/** Where JavaScript calls the addon in many ways. Whole transfers are the native tests' as well, which have sanitizers, too. */
const UNDER_SANITIZERS = [
  ...['handshake', 'https', 'lifecycle', 'sockets'].map((name) => `test/${name}/`),
  ...['ends', 'proxy', 'relay'].map((name) => `test/relay/${name}`),
  ...['failures', 'handle-semantics', 'push-pull'].map((name) => `test/transfer/${name}.test.ts`),
];

const stages = { packages, lint, build, native, node, sanitized, versions, guest };

const names = process.argv.slice(2).filter((argument) => argument in stages);
const paths = process.argv.slice(2).filter((argument) => !(argument in stages));
for (const path of paths) {
  if (!existsSync(join(top, path)))
    throw new Error(`neither a stage (${Object.keys(stages)}) nor a file: ${path}`);
}
const all = { passed: 0, failed: 0 };
const summary = [];
for (const [name, stage] of Object.entries(stages)) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.log(`\n=== ${name}`);
  const start = Date.now();
  const { passed, failed, stop } = await stage();
  all.passed += passed;
  all.failed += failed;
  const seconds = Math.round((Date.now() - start) / 1000);
  summary.push(`${name.padEnd(10)} ${String(seconds).padStart(4)} s   ${passed} passed, ${failed} failed`);
  if (stop) break;
}
console.log(`\n${summary.join('\n')}\n\n${all.passed} passed, ${all.failed} failed`);
process.exitCode = all.failed === 0 ? 0 : 1;

/** Debian packages and node_modules; what is missing is installed, the former only by root. */
async function packages() {
  const wanted = readFileSync(join(top, 'scripts/debian-packages.txt'), 'utf8').trim().split('\n');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = '${db:Status-Status} ${Package}\n';
  const { output } = await run('dpkg-query', ['-W', '-f', format, ...wanted], { show: () => {} });
  const missing = wanted.filter((name) => !output.split('\n').includes(`installed ${name}`));
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing];
  if (missing.length > 0 && process.getuid() !== 0) {
    console.log(`Debian packages are missing. As root: ${install.join(' ')}`);
    return { passed: 0, failed: 1, stop: true };
  }
  const steps = missing.length > 0 ? [['apt-get', 'update'], install] : [];
  if (!existsSync(join(top, 'node_modules'))) steps.push(['npm', 'ci']);
  return inOrder(steps, { DEBIAN_FRONTEND: 'noninteractive' });
}

async function lint() {
  const cxx = filesBelow('src-native').filter((name) => /\.(cc|h)$/.test(name));
  const checks = [
    ['npx', 'biome', 'check', '--error-on-warnings', '.'],
    ['clang-format', '--dry-run', '--Werror', ...cxx],
    ['npx', 'tsc', '-p', 'tsconfig.test.json', '--noEmit'],
    ['node', 'scripts/check-sources.mjs'],
  ];
  const counts = { passed: 0, failed: 0 };
  for (const [command, ...args] of checks) {
    const { status } = await run(command, args);
    if (status !== 0) console.log(`FAILED: ${command} ${args.slice(0, 3).join(' ')}`);
    counts[status === 0 ? 'passed' : 'failed'] += 1;
  }
  return counts;
}

/** The addon from scratch, prebuilds/, dist/, and the tests as JavaScript for the guest, where compiling them would take too long. */
async function build() {
  const steps = [
    ['npm', 'run', 'build'],
    ['npx', 'tsc', '-p', 'tsconfig.test.json'],
  ];
  const counts = await inOrder(steps, { JOBS: '2' });
  if (counts.stop) return counts;
  for (const name of ['build', 'prebuilds', 'dist', 'docs', 'examples', 'package.json']) {
    const link = join(top, 'build-test', name);
    if (existsSync(join(top, name)) && !existsSync(link)) symlinkSync(join('..', name), link);
  }
  return counts;
}

/** The core's own tests, which know no Node: as they are, and under the sanitizers. */
async function native() {
  const counts = { passed: 0, failed: 0 };
  for (const tree of Object.keys(SANITIZERS)) {
    const built = await buildNativeTests(tree);
    if (built.stop) {
      counts.failed += 1;
      continue;
    }
    add(counts, await ctest(['ctest', '--test-dir', nativeTree(tree), '-LE', 'guest', '-j', '2'], MEMORY));
  }
  return counts;
}

async function node() {
  const files = testFiles(/\.test\.ts$/);
  if (files.length === 0) return { passed: 0, failed: 0 };
  const { status, output } = await run('npx', ['tap', '--reporter=tap', ...files], { show: showTap() });
  return tapCounts(output, status);
}

/** The addon under ASan and UBSan, with the node stage's tests: what napi/ does, the native stage does not see. */
async function sanitized() {
  const folder = nativeTree('addon');
  mkdirSync(join(top, folder), { recursive: true });
  rmSync(join(top, folder, 'src-native'), { recursive: true, force: true });
  for (const name of ['binding.gyp', 'package.json', 'src-native']) {
    cpSync(join(top, name), join(top, folder, name), { recursive: true, preserveTimestamps: true });
  }
  const sanitizers = `-fsanitize=${SANITIZERS.address} -fno-sanitize=vptr`;
  const counts = await inOrder([['npx', 'node-gyp', 'configure', 'build', '-C', folder]], {
    JOBS: '2',
    // With these flags gcc 12 warns of what is not there.
    CXXFLAGS: `-O1 -g1 ${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS -Wno-error`,
    LDFLAGS: sanitizers,
  });
  if (counts.stop) return counts;
  const files = compiledTests(UNDER_SANITIZERS);
  const env = {
    ASAN_OPTIONS: 'detect_leaks=0',
    KTLS_TEST_NODE: process.execPath,
    KTLS_TRANSFER_PREBUILD: join(top, folder),
  };
  add(counts, await runCompiled(join(top, 'scripts', 'sanitized'), files, 'sanitizers', env));
  return counts;
}

/** The same addon and JavaScript under the releases of Node that node-versions/ installs. */
async function versions() {
  const folder = 'node-versions';
  const modules = join(top, folder, 'node_modules');
  const steps = existsSync(modules) ? [] : [['npm', 'ci', '--prefix', folder, '--ignore-scripts']];
  const counts = await inOrder(steps);
  if (counts.stop) return counts;
  const files = compiledTests(ACROSS_VERSIONS);
  const releases = readdirSync(modules).filter((name) => name.startsWith('node'));
  if (releases.length === 0) {
    console.log(`${folder} has no release of Node for this machine`);
    counts.failed += 1;
  }
  for (const release of releases) {
    add(counts, await runCompiled(join(modules, release, 'bin'), files, release));
  }
  return counts;
}

function compiledTests(starts) {
  return testFiles(/\.test\.ts$/).filter((file) => starts.some((start) => file.startsWith(start)));
}

/** Runs compiled test files by the `node` of a folder, one after another; each prints TAP. */
async function runCompiled(bin, files, label, variables = {}) {
  const counts = { passed: 0, failed: 0 };
  const env = { ...MEMORY, PATH: `${bin}:${process.env.PATH}`, TAP_TIMEOUT: '900', ...variables };
  for (const file of files) {
    const compiled = join('build-test', file.replace(/\.ts$/, '.js'));
    const { status, output } = await run(join(bin, 'node'), [compiled], { env, show: () => {} });
    const counted = tapCounts(output, status);
    if (counted.failed > 0) console.log(output);
    console.log(`${label}, ${file}: ${counted.passed} passed, ${counted.failed} failed`);
    add(counts, counted);
  }
  return counts;
}

/** Shows a line for each test file, and everything about one that failed. */
function showTap() {
  let held = '';
  return (text) => {
    held += text;
    for (let point = nextPoint(); point !== null; point = nextPoint()) {
      const end = point.index + point[0].length;
      process.stdout.write(point[1] === undefined ? point[0] : held.slice(0, end));
      held = held.slice(end);
    }
  };

  function nextPoint() {
    return held.match(/^(not )?ok .*\n/m);
  }
}

/**
 * What only a kernel with kTLS can show: native tests labelled `guest`, test files named *.guest.ts (only here)
 * or *.guest.test.ts (natively too), and in a kernel without the module those named *.without-tls.guest.ts.
 */
async function guest() {
  const withoutTls = testFiles(/\.without-tls\.guest\.ts$/);
  const withTls = testFiles(/\.guest(\.test)?\.ts$/).filter((name) => !withoutTls.includes(name));
  const counts = { passed: 0, failed: 0 };
  if (paths.length === 0) {
    const built = await buildNativeTests('plain');
    if (built.stop) return { passed: 0, failed: 1 };
    const command = ['ctest', '--test-dir', nativeTree('plain'), '-L', 'guest', '--timeout', '900'];
    add(counts, await ctest(['scripts/guest', '--time-limit', '2700', '--', ...command]));
  }
  add(counts, await runInGuest([], withTls));
  add(counts, await runInGuest(['--without-tls'], withoutTls));
  return counts;
}

/** Runs compiled test files in one guest, one after another; each prints TAP. */
async function runInGuest(options, files) {
  const counts = { passed: 0, failed: 0 };
  if (files.length === 0) return counts;
  const results = mkdtempSync(join(tmpdir(), 'guest-results-'));
  await run(
    'scripts/guest',
    [...options, '--time-limit', '5400', '--', 'scripts/guest-tests', results, ...files],
    {
      env: { KTLS_TEST_GUEST: options.includes('--without-tls') ? 'without-tls' : 'tls' },
    },
  );
  files.forEach((name, index) => {
    const tap = join(results, `${index}.tap`);
    const status = join(results, `${index}.status`);
    const ended = existsSync(status) ? Number(readFileSync(status, 'utf8')) : 1;
    const counted = tapCounts(existsSync(tap) ? readFileSync(tap, 'utf8') : '', ended);
    console.log(`${name}: ${counted.passed} passed, ${counted.failed} failed`);
    add(counts, counted);
  });
  rmSync(results, { recursive: true });
  return counts;
}

function nativeTree(tree) {
  return join('build-native', tree);
}

/** By cmake-js, in trees of their own. */
function buildNativeTests(tree) {
  mkdirSync(join(top, nativeTree(tree)), { recursive: true });
  const cache = [`--CDKTLS_SANITIZE=${SANITIZERS[tree]}`, '--CDCMAKE_BUILD_TYPE=Test'];
  const command = [
    'cmake-js',
    'compile',
    '-O',
    nativeTree(tree),
    '-G',
    'Unix Makefiles',
    '--parallel',
    '2',
    ...cache,
  ];
  return inOrder([['npx', ...command]]);
}

async function ctest([command, ...args], env) {
  const { status, output } = await run(command, [...args, '--output-on-failure', '--no-tests=error'], {
    env,
  });
  const [, failed, total] = output.match(/(\d+) tests failed out of (\d+)/) ?? [];
  if (total === undefined) return { passed: 0, failed: 1 };
  return { passed: total - failed, failed: status === 0 ? 0 : Math.max(1, Number(failed)) };
}

/** tap closes with `# { total: 9, pass: 8, skip: 1 }`. What was skipped or left to do has not been shown: it fails. */
function tapCounts(tap, status) {
  const closing = tap.match(/^# \{ total: (\d+)(?:, pass: (\d+))?.*\}$/gm)?.at(-1);
  const [, total, passed = '0'] = closing?.match(/total: (\d+)(?:, pass: (\d+))?/) ?? [];
  if (total === undefined) return { passed: 0, failed: 1 };
  const failed = total - passed;
  return { passed: Number(passed), failed: status === 0 ? failed : Math.max(1, failed) };
}

function testFiles(pattern) {
  return filesBelow('test')
    .filter((name) => pattern.test(name))
    .filter(
      (name) => paths.length === 0 || paths.some((path) => name === path || name.startsWith(`${path}/`)),
    );
}

/** Steps that make no sense after one that failed, whose output is then shown. */
async function inOrder(steps, env) {
  for (const [command, ...args] of steps) {
    console.log(`${command} ${args.join(' ')}`);
    const { status, output } = await run(command, args, { env, show: () => {} });
    if (status !== 0) {
      console.log(`${output}\nFAILED: ${command} ${args.join(' ')}`);
      return { passed: 0, failed: 1, stop: true };
    }
  }
  return { passed: 0, failed: 0 };
}

function add(counts, { passed, failed }) {
  counts.passed += passed;
  counts.failed += failed;
}
