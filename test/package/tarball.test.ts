// The package as npm delivers it: packed from a copy of the repository, which has been built, and installed into an
// empty project.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';

import { temporaryFolder } from '../helpers/temporary-folder';

const top = join(__dirname, '../..');
const root = temporaryFolder(t);
const sources = join(root, 'sources');
const project = join(root, 'project');
const installed = join(project, 'node_modules/ktls-transfer');

/** 'ktls-transfer', 'ktls-transfer/relay' … with the base name of their files: 'index', 'relay' … */
const entryPoints = Object.keys(JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).exports)
  .filter((path) => path !== './package.json')
  .map((path) => ({ specifier: join('ktls-transfer', path), name: path === '.' ? 'index' : basename(path) }));

/** Runs a program, and gives its output; one that fails is the end of the tests. */
function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** Runs a script in the project, where the package is installed. */
function node(...args: string[]): string {
  return run(project, process.execPath, ...args).trim();
}

function tool(name: string): string {
  return join(top, 'node_modules/.bin', name);
}

t.before(() => {
  mkdirSync(sources);
  for (const name of readdirSync(top)) {
    const skipped = ['.git', '.tap', 'node_modules'].includes(name) || name.startsWith('build');
    if (!skipped) cpSync(join(top, name), join(sources, name), { recursive: true });
  }
  symlinkSync(join(top, 'node_modules'), join(sources, 'node_modules'));
  run(sources, 'npm', 'pack', '--pack-destination', root);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }');
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball());
});

function tarball(): string {
  const name = readdirSync(root).find((entry) => entry.endsWith('.tgz'));
  return join(root, name ?? 'no tarball');
}

t.test('holds what a user needs, and no more', async (t) => {
  const files = run(root, 'tar', '-tzf', tarball()).split('\n');
  for (const path of ['LICENSE', 'binding.gyp', 'dist/cli/main.js', 'src-native/napi/addon.cc']) {
    t.ok(files.includes(`package/${path}`), path);
  }
  for (const { name } of entryPoints) {
    for (const path of [`dist/${name}.js`, `dist/${name}.mjs`, `types/${name}.d.ts`, `types/${name}.d.mts`]) {
      t.ok(files.includes(`package/${path}`), path);
    }
    t.same(
      readFileSync(join(installed, `types/${name}.d.mts`)),
      readFileSync(join(installed, `types/${name}.d.ts`)),
    );
  }
  const binary = files.find((path) => /^package\/prebuilds\/linux-x64\/.*\.glibc\.node$/.test(path));
  t.ok(binary, 'a binary: npm run prebuild makes it');
  t.same(
    files.filter((path) => /\/(tests?|fuzz|lib|bench|scripts|build)\//.test(path)),
    [],
    'nothing of the workshop',
  );
});

t.test('installs without running a script', async (t) => {
  const lock = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8'));
  const withScript = Object.entries<{ hasInstallScript?: boolean }>(lock.packages).filter(
    ([, entry]) => entry.hasInstallScript === true,
  );
  t.same(withScript, []);
  t.notOk(existsSync(join(installed, 'build')));
});

for (const { specifier } of entryPoints) {
  t.test(`${specifier} has one identity for require and import`, async (t) => {
    const script = `
      import { createRequire } from 'node:module';
      import * as imported from '${specifier}';
      const required = createRequire(import.meta.url)('${specifier}');
      const names = Object.keys(required).sort();
      if (names.length === 0) throw new Error('nothing is exported');
      const differing = [...new Set([...names, ...Object.keys(imported)])].filter((name) => imported[name] !== required[name]);
      console.log(JSON.stringify(differing));
    `;
    t.equal(node('--input-type=module', '-e', script), '[]');
  });
}

t.test('loads its binary', async (t) => {
  t.match(node('-p', 'require("ktls-transfer").probe().kernelRelease'), /^\d+\.\d+/);
});

t.test('relays, imported in either way', async (t) => {
  const body = `
    const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', async () => {
      const proxy = createProxy({ listen: '127.0.0.1:0', target: { host: '127.0.0.1', port: server.address().port } });
      const { port } = await proxy.listen();
      const client = net.connect(port, '127.0.0.1').end('hello');
      for await (const chunk of client.setEncoding('utf8')) process.stdout.write(chunk);
      await proxy.close();
      server.close();
      console.log(' from', typeof relay);
    });
  `;
  const esm = `import net from 'node:net'; import { createProxy, relay } from 'ktls-transfer/relay'; ${body}`;
  const cjs = `const net = require('node:net'); const { createProxy, relay } = require('ktls-transfer/relay'); ${body}`;
  t.equal(node('--input-type=module', '-e', esm), 'hello from function');
  t.equal(node('-e', cjs), 'hello from function');
});

t.test('imports on a system where it cannot work, and says so when used', async (t) => {
  const preload = join(project, 'darwin.cjs');
  writeFileSync(preload, 'Object.defineProperty(process, "platform", { value: "darwin" });');
  const script = `
    const { probe, sendTree, KtlsUnsupportedError } = require('ktls-transfer');
    (async () => {
      for (const use of [() => probe(), () => sendTree('.', '127.0.0.1:9', { secret: 'secret' })]) {
        await Promise.resolve().then(use).then(
          () => console.log('worked'),
          (error) => console.log(error.code, error instanceof KtlsUnsupportedError, error.message),
        );
      }
    })();
  `;
  const lines = node('--require', preload, '-e', script).split('\n');
  t.equal(lines.length, 2);
  for (const line of lines) t.match(line, /^ERR_KTLS_UNSUPPORTED true .*darwin/);
});

t.test('has a command', async (t) => {
  const command = join(project, 'node_modules/.bin/ktls-transfer');
  const help = run(project, command, '--help');
  for (const name of ['send', 'recv', 'pull', 'keygen', 'doctor'])
    t.match(help, new RegExp(`^ +${name}\\b`, 'm'));
});

t.test('publint and attw have nothing to say', async (t) => {
  t.match(run(project, tool('publint'), 'run', '--strict', installed), /All good!/);
  t.match(run(project, tool('attw'), tarball()), /No problems found/);
});

for (const [module, moduleResolution, extensions] of [
  ['node16', 'node16', ['mts', 'cts']],
  ['esnext', 'bundler', ['ts']],
] as const) {
  t.test(`types compile, moduleResolution ${moduleResolution}`, async (t) => {
    const files = extensions.map((extension) => `${moduleResolution}.${extension}`);
    for (const file of files) cpSync(join(top, 'test/package/consumer/use.ts'), join(project, file));
    const config = join(project, `tsconfig.${moduleResolution}.json`);
    const compilerOptions = {
      module,
      moduleResolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2022', 'esnext.disposable'],
      types: ['node'],
      typeRoots: [join(top, 'node_modules/@types')],
    };
    writeFileSync(config, JSON.stringify({ compilerOptions, files }));
    t.equal(run(project, tool('tsc'), '-p', config), '');
  });
}
