// Clients that others wrote: curl, wget, openssl, h2load's HTTP/1.1, and a browser.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import t from 'tap';

import { sendFile } from '../../lib/https';
import { credentials } from '../sockets/support';
import { serve } from './support';

const trust = credentials(t);
const { folder, server: identity } = trust;
const caFile = trust.maker.authority.certFile;
const root = join(folder, 'root');
mkdirSync(root);
const content = randomBytes(2_000_000);
writeFileSync(join(root, 'file.bin'), content);

const run = promisify(execFile);
const answer = (t: { teardown(handler: () => unknown): void }) =>
  serve(t, identity, (req, res) => sendFile(req, res, req.url as string, { root }));

t.test('curl: several files on one connection, a range, a continued download', async (t) => {
  const { server, port } = await answer(t);
  let connections = 0;
  server.on('secureConnection', () => connections++);
  const url = `https://localhost:${port}/file.bin`;
  const common = ['-sS', '--fail', '--cacert', caFile];
  const to = (name: string) => ['-o', join(folder, name)];
  await run('curl', [...common, ...to('a'), url, ...to('b'), url, ...to('c'), url]);
  for (const name of ['a', 'b', 'c']) t.ok(readFileSync(join(folder, name)).equals(content));
  t.equal(connections, 1);
  await run('curl', [...common, '-r', '1000-1999', ...to('range'), url]);
  t.ok(readFileSync(join(folder, 'range')).equals(content.subarray(1000, 2000)));
  writeFileSync(join(folder, 'half'), content.subarray(0, 1_000_000));
  await run('curl', [...common, '-C', '-', ...to('half'), url]);
  t.ok(readFileSync(join(folder, 'half')).equals(content));
  const { stdout } = await run('curl', [...common, '--http2', '-w', '%{http_version}', ...to('h2'), url]);
  t.equal(stdout, '1.1', 'a client that offers HTTP/2 gets HTTP/1.1');
});

t.test('wget', async (t) => {
  const { port } = await answer(t);
  const to = join(folder, 'wget');
  await run('wget', ['-q', `--ca-certificate=${caFile}`, '-O', to, `https://localhost:${port}/file.bin`]);
  t.ok(readFileSync(to).equals(content));
});

t.test('openssl s_client: two requests that come at once, then the end', async (t) => {
  const { port } = await answer(t);
  const client = spawn('openssl', [
    's_client',
    '-connect',
    `localhost:${port}`,
    '-CAfile',
    caFile,
    '-quiet',
    '-ign_eof',
  ]);
  t.teardown(() => client.kill('SIGKILL'));
  const chunks: Buffer[] = [];
  client.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ask = (more: string) => `GET /file.bin HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  client.stdin.write(ask('') + ask('Connection: close\r\n'));
  await new Promise((resolve) => client.on('close', resolve));
  const all = Buffer.concat(chunks);
  const first = all.indexOf('\r\n\r\n') + 4;
  t.ok(all.subarray(first, first + content.length).equals(content));
  t.ok(all.subarray(all.length - content.length).equals(content));
});

t.test('h2load: many connections, each with many requests', async (t) => {
  const { port } = await answer(t);
  const args = ['--h1', '-n', '100', '-c', '20', '-m', '4', `https://localhost:${port}/file.bin`];
  const { stdout } = await run('h2load', args);
  t.match(stdout, /100 succeeded, 0 failed, 0 errored, 0 timeout/);
});

/** Silence, as PCM: long enough for a browser to fetch it in pieces. */
function wave(seconds: number): Buffer {
  const rate = 48_000;
  const size = seconds * rate * 4;
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + size, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(2, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 4, 28);
  head.writeUInt16LE(4, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(size, 40);
  return Buffer.concat([head, Buffer.alloc(size)]);
}

t.test('Chromium shows a page, and its media element seeks', async (t) => {
  writeFileSync(join(root, 'media.wav'), wave(300));
  writeFileSync(
    join(root, 'index.html'),
    '<!DOCTYPE html><title>loaded</title><video id="media" src="media.wav" preload="metadata"></video>',
  );
  const ranges: string[] = [];
  const { port } = await serve(t, identity, (req, res) => {
    if (req.headers.range !== undefined) ranges.push(req.headers.range);
    sendFile(req, res, req.url as string, { root });
  });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    timeout: 240_000,
  });
  t.teardown(() => browser.close());
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  page.setDefaultTimeout(240_000);
  await page.goto(`https://localhost:${port}/`);
  t.equal(await page.title(), 'loaded');
  const duration = await page.evaluate(`new Promise((resolve, reject) => {
    const media = document.getElementById('media');
    media.onerror = () => reject(media.error);
    if (media.readyState >= 1) resolve(media.duration);
    else media.onloadedmetadata = () => resolve(media.duration);
  })`);
  t.equal(duration, 300);
  const at = await page.evaluate(`new Promise((resolve) => {
    const media = document.getElementById('media');
    media.onseeked = () => resolve(media.currentTime);
    media.currentTime = 250;
  })`);
  t.equal(at, 250);
  t.ok(
    ranges.some((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]) > 10_000_000),
    `it asked for what it needed: ${ranges}`,
  );
});
