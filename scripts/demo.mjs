// `npm run demo`: from a bare clone to a tree that two processes of the command have sent and received, encrypted,
// and that is compared with the original in every file, mode, time and link.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { run, top } from './lib/run.mjs';

const DATA = { files: 10_000, bytes: 60_000_000 };

if (!existsSync(join(top, 'node_modules'))) await step('Installing', 'npm', 'ci');
await step('Building the addon', 'npx', 'node-gyp', 'configure', 'build', '-j', '2');
await step('Building the package', 'npm', 'run', 'build:ts');
await step(
  'Building what the demo shares with the tests',
  'npx',
  'tsc',
  '-p',
  'tsconfig.test.json',
  '--noCheck',
);

const require = createRequire(import.meta.url);
const { SingleBar, Presets } = require('cli-progress');
const { makeDataset } = require('../build-test/test/helpers/dataset.js');
const { compareTrees } = require('../build-test/test/helpers/compare-trees.js');
const command = join(top, 'dist/cli/main.js');

const folder = mkdtempSync(join(tmpdir(), 'ktls-demo-'));
const path = (name) => join(folder, name);
try {
  await demo();
} finally {
  rmSync(folder, { recursive: true });
}

async function demo() {
  const made = makeDataset(path('source'), DATA);
  console.log(
    `Made ${made.files} files (${made.bytes / 1e6} MB) in ${made.directories} folders, some empty,\n` +
      `with ${made.symlinks} symbolic links, ${made.hardLinks} hard links and odd names, in ${folder}`,
  );
  await new Promise((resolve) => {
    const keygen = ['ignore', openSync(path('key'), 'wx', 0o600), 'inherit'];
    spawn(process.execPath, [command, 'keygen'], { stdio: keygen }).on('close', resolve);
  });

  mkdirSync(path('destination'));
  const receiver = start('recv', path('destination'), '--listen', '127.0.0.1:0');
  const { port } = await receiver.event('listening');
  const sender = start('send', path('source'), `127.0.0.1:${port}`);
  console.log(`ktls-transfer recv (process ${receiver.pid}) <- ktls-transfer send (process ${sender.pid})`);
  await showProgress(sender);
  const [sent, received] = await Promise.all([sender.event('result'), receiver.event('result')]);
  for (const { ok, error } of [sent, received]) {
    if (!ok) throw new Error(`the transfer failed: ${error.message}`);
  }
  report(sent, received);

  const differences = compareTrees(path('source'), path('destination'));
  for (const difference of differences) console.error('DIFFERENT', difference);
  if (differences.length > 0) process.exitCode = 1;
  else console.log('Compared: every file, mode, time and link is the same.');
}

function report(sent, received) {
  const { files, bytes, durationMs, cipher, connections } = sent;
  const rate = (bytes / 1000 / durationMs).toFixed(0);
  console.log(`${files} files, ${bytes} bytes in ${(durationMs / 1000).toFixed(2)} s: ${rate} MB/s`);
  console.log(`${cipher}, ${connections} connections`);
  for (const [end, { record }] of [
    ['sender', sent],
    ['receiver', received],
  ]) {
    console.log(`${end}: tx by ${record.tx}, rx by ${record.rx} (${record.reason})`);
  }
}

/** A process of the command; its lines are awaited by the name of their event. */
function start(...args) {
  const child = spawn(process.execPath, [command, ...args, '--json', '--secret-file', path('key')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const heard = new Map();
  const listeners = new Set();
  lines.on('line', (line) => {
    const event = JSON.parse(line);
    heard.set(event.event, event);
    for (const listener of listeners) listener(event);
  });
  const event = (name) =>
    new Promise((resolve, reject) => {
      if (heard.has(name)) resolve(heard.get(name));
      listeners.add((event) => {
        if (event.event === name) resolve(event);
      });
      child.on('close', (code) =>
        reject(new Error(`${args[0]} ended with ${code} without the event '${name}'`)),
      );
    });
  return { pid: child.pid, event, listen: (listener) => listeners.add(listener) };
}

async function showProgress(sender) {
  const format = '{bar} {percentage} % | {files} files | {megabytes} MB';
  const bar = new SingleBar({ format, noTTYOutput: true, stream: process.stdout }, Presets.shades_classic);
  bar.start(DATA.bytes, 0, { files: 0, megabytes: 0 });
  const update = ({ files, bytes }) => bar.update(bytes, { files, megabytes: (bytes / 1e6).toFixed(1) });
  sender.listen((event) => {
    if (event.event === 'progress') update(event);
  });
  update(await sender.event('result').then((event) => (event.ok ? event : { files: 0, bytes: 0 })));
  bar.stop();
}

async function step(what, program, ...args) {
  console.log(`${what} …`);
  const { status, output } = await run(program, args, { show: () => {} });
  if (status === 0) return;
  console.error(`${output}\nThe demo failed: ${program} ${args.join(' ')} ended with ${status}`);
  process.exit(1);
}
