// Trees from one end to the other, both ends in this process, and what each end says of it.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';

import {
  certificateFingerprint,
  createReceiver,
  generateSecret,
  receiveTree,
  sendTree,
  transferDirectory,
} from '../../lib/index';
import type { IncomingTransfer, Progress } from '../../types/index';
import { CertificateMaker } from '../helpers/certificates';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { HoldingProxy } from '../helpers/holding-proxy';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';
import { collectWarnings } from '../helpers/warnings';

const folder = temporaryFolder(t);
const path = (name: string) => join(folder, name);
const secret = generateSecret();
const host = '127.0.0.1';
const made = makeDataset(path('source'), { files: 300, bytes: 3_000_000 });
let folders = 0;
const fresh = () => path(`destination ${folders++}`);

t.test('sixteen connections, and nobody is warned of a leak', async (t) => {
  const warnings = collectWarnings(t);
  await transfer(path('source'), fresh(), { secret, connections: 16 }, { secret });
  await delay(0);
  t.same(warnings, []);
});

t.test('sendTree to receiveTree: the same tree, and both ends count alike', async (t) => {
  const destination = fresh();
  const receiving = receiveTree(destination, { port: 0, host, secret });
  const { port, address } = await receiving.listening;
  t.equal(address, host);
  const seen: Progress[] = [];
  const sending = sendTree(path('source'), `${host}:${port}`, { secret, connections: 3 });
  for await (const progress of sending) seen.push(progress);
  const [sent, received] = await Promise.all([sending, receiving]);
  t.same(compareTrees(path('source'), destination), []);
  const counts = { ...made, skipped: [], skippedTotal: 0, verified: true, cipher: 'TLS_AES_128_GCM_SHA256' };
  t.match(sent, { ...counts, mode: String });
  t.match(received, { ...counts, mode: null });
  for (const { record, durationMs, connections } of [sent, received]) {
    t.match(record, { tx: /^(kernel|user)$/, rx: /^(kernel|user)$/, reason: String });
    t.ok(durationMs > 0);
    t.ok(connections >= 1 && connections <= 3);
  }
  const { files, bytes, filesTotal, bytesTotal, totalsFinal } = seen.at(-1) as Progress;
  t.match(
    { files, bytes, filesTotal, bytesTotal, totalsFinal },
    {
      files: made.files,
      bytes: made.bytes,
      filesTotal: made.files,
      bytesTotal: made.bytes,
      totalsFinal: true,
    },
  );
});

t.test(
  'transferDirectory pushes below the root of the receiver, and pulls from one that serves',
  async (t) => {
    const incoming: IncomingTransfer[] = [];
    const into = createReceiver({ root: fresh(), secret });
    t.teardown(() => into.close({ abort: true }));
    into.on('transfer', (transfer) => incoming.push(transfer));
    const { port } = await into.listen({ port: 0, host });
    await transferDirectory(path('source'), `ktls://${host}:${port}/sub/a%20b`, { secret });
    const arrived = join(path(`destination ${folders - 1}`), 'sub', 'a b');
    t.same(compareTrees(path('source'), arrived), []);
    t.match(incoming, [{ kind: 'push', path: 'sub/a b', pathBuffer: Buffer.from('sub/a b') }]);
    t.match(incoming[0]?.peer, /^127\.0\.0\.1:\d+$/);

    const from = createReceiver({ root: path(`destination ${folders - 1}`), secret, serve: true });
    t.teardown(() => from.close({ abort: true }));
    from.on('transfer', (transfer) => incoming.push(transfer));
    const served = await from.listen({ port: 0, host });
    const destination = fresh();
    const result = await transferDirectory(`ktls://${host}:${served.port}/sub`, destination, {
      secret,
      connections: 2,
    });
    t.same(compareTrees(path('source'), join(destination, 'a b')), []);
    t.match(result, { files: made.files, bytes: made.bytes, hardLinks: made.hardLinks, mode: null });
    t.match(incoming[1], { kind: 'pull', path: 'sub' });
    t.match(await incoming[1], { files: made.files, mode: String });
  },
);

t.test('a receiver takes several transfers at once, and ends gracefully', async (t) => {
  const root = fresh();
  const receiver = createReceiver({ root, secret });
  const events: string[] = [];
  for (const event of ['listening', 'close'] as const) receiver.on(event, () => events.push(event));
  const { port } = await receiver.listen({ port: 0, host });
  t.match(receiver.address(), { port });
  const targets = ['a', 'b', 'c'].map((name) => `${host}:${port}/${name}`);
  const running = targets.map((target) => sendTree(path('source'), target, { secret, connections: 2 }));
  await new Promise((resolve) => receiver.once('transfer', () => resolve(null)));
  t.ok(receiver.transfers.length > 0);
  await Promise.all(running);
  for (const name of ['a', 'b', 'c']) t.same(compareTrees(path('source'), join(root, name)), []);
  await receiver.close();
  await receiver.close();
  t.equal(receiver.address(), null);
  t.same(receiver.transfers, []);
  t.same(events, ['listening', 'close']);
  await t.rejects(receiver.listen({ port: 0 }), { code: 'ERR_KTLS_LIMIT' });
});

t.test('close() lets what runs end; abort ends it', async (t) => {
  for (const abort of [false, true]) {
    const receiver = createReceiver({ root: fresh(), secret });
    const { port } = await receiver.listen({ port: 0, host });
    const proxy = await HoldingProxy.open(t, port, 1 << 20);
    const begun = new Promise<{ handle: IncomingTransfer }>((resolve) =>
      receiver.once('transfer', (handle) => resolve({ handle })),
    );
    const sending = sendTree(path('source'), `${host}:${proxy.port}`, { secret });
    const outcome = sending.catch((error) => error);
    await proxy.held;
    const incoming = await begun;
    const closed = receiver.close({ abort });
    if (!abort) proxy.letGo();
    if (abort) {
      await t.rejects(Promise.resolve(incoming.handle), { name: 'AbortError' });
      t.ok((await outcome) instanceof Error, 'the other end hears of it');
    } else {
      t.match(await outcome, { files: made.files });
    }
    await closed;
    await t.rejects(Promise.resolve(sendTree(path('source'), `${host}:${port}`, { secret })), {
      code: 'ECONNREFUSED',
      address: `${host}:${port}`,
    });
  }
});

t.test('refusals name their reason at both ends, and the receiver goes on', async (t) => {
  const heard: [string, string][] = [];
  const receiver = createReceiver({ root: path('source'), secret, serve: true });
  t.teardown(() => receiver.close({ abort: true }));
  receiver.on('connectionError', ({ code, message }) => heard.push([code, message]));
  const { port } = await receiver.listen({ port: 0, host });
  const push = sendTree(path('source'), `${host}:${port}`, { secret });
  await t.rejects(Promise.resolve(push), { code: 'ERR_KTLS_REFUSED', message: /only gives trees out/ });
  t.match(heard, [['ERR_KTLS_REFUSED', /only gives trees out/]]);

  const destination = fresh();
  const receiving = receiveTree(destination, { port: 0, host, secret });
  const pull = transferDirectory(`ktls://${host}:${(await receiving.listening).port}`, fresh(), { secret });
  await t.rejects(Promise.resolve(pull), { code: 'ERR_KTLS_REFUSED', message: /gives no trees out/ });
  t.notOk(existsSync(destination), 'nothing was touched');
  await sendTree(path('source'), `${host}:${(await receiving.listening).port}`, { secret });
  await receiving;
});

t.test('pulling what is not there, or leads outside, is the error of the end that asks', async (t) => {
  symlinkSync('/etc', path('outside'));
  const receiver = createReceiver({ root: folder, secret, serve: true });
  t.teardown(() => receiver.close({ abort: true }));
  const { port } = await receiver.listen({ port: 0, host });
  const pull = (below: string) =>
    Promise.resolve(transferDirectory(`ktls://${host}:${port}/${below}`, fresh(), { secret }));
  await t.rejects(pull('nothing'), { code: 'ENOENT' });
  await t.rejects(pull('outside'), { code: /^(ELOOP|EXDEV|ENOTDIR)$/ });
});

t.test('no encryption: both ends must say so', async (t) => {
  const destination = fresh();
  const open = { encryption: 'none', insecure: true } as const;
  const receiving = receiveTree(destination, { port: 0, host, ...open });
  const { port } = await receiving.listening;
  const timeouts = { handshake: 1000 };
  await t.rejects(Promise.resolve(sendTree(path('source'), `${host}:${port}`, { secret, timeouts })), {
    code: /ERR_KTLS_(NOT_TLS|TRUNCATED|HANDSHAKE)/,
  });
  t.notOk(existsSync(destination));
  const sent = await sendTree(path('source'), `${host}:${port}`, open);
  t.match(sent, { cipher: null, files: made.files });
  t.match(await receiving, { cipher: null });
  t.same(compareTrees(path('source'), destination), []);

  const secured = receiveTree(fresh(), { port: 0, host, secret });
  t.teardown(() => secured[Symbol.asyncDispose]());
  const plain = sendTree(path('source'), `${host}:${(await secured.listening).port}`, { ...open, timeouts });
  await t.rejects(Promise.resolve(plain), Error);
});

t.test('certificates: by authority and name, by fingerprint, and the ciphers they allow', async (t) => {
  mkdirSync(path('certificates'));
  const maker = new CertificateMaker(path('certificates'));
  const server = maker.issue('server', 'DNS:localhost,IP:127.0.0.1');
  const client = maker.issue('client', 'DNS:client');
  const ca = maker.authority.cert;
  const own = ({ cert, key }: { cert: Buffer; key: Buffer }) => ({ cert, key });
  const pairs = [
    [
      { ...own(server), ca },
      { ...own(client), ca },
    ],
    [
      { ...own(server), fingerprint: certificateFingerprint(client.cert) },
      { ...own(client), fingerprint: [certificateFingerprint(server.cert)], servername: 'other' },
    ],
    [
      { ...own(server), ca },
      { ...own(client), ca, cipher: 'TLS_AES_256_GCM_SHA384' as const },
    ],
  ] as const;
  for (const [listening, dialling] of pairs) {
    const destination = fresh();
    const receiving = receiveTree(destination, { port: 0, host, ...listening });
    const target = `${host}:${(await receiving.listening).port}`;
    const { cipher } = await sendTree(path('source'), target, dialling);
    if ('cipher' in dialling) t.equal(cipher, dialling.cipher);
    await receiving;
    t.same(compareTrees(path('source'), destination), []);
  }
  const receiving = receiveTree(fresh(), { port: 0, host, ...own(server), ca });
  t.teardown(() => receiving[Symbol.asyncDispose]());
  const target = `${host}:${(await receiving.listening).port}`;
  const wrongName = sendTree(path('source'), target, { ...own(client), ca, servername: 'other' });
  await t.rejects(Promise.resolve(wrongName), { code: 'ERR_KTLS_CERTIFICATE' });
  const nameless = sendTree(path('source'), target, { ca });
  await t.rejects(Promise.resolve(nameless), { code: 'ERR_KTLS_CERTIFICATE', message: /certificate/ });
});

t.test('ChaCha20-Poly1305 by choice; AES-256-GCM needs certificates', async (t) => {
  const cipher = 'TLS_CHACHA20_POLY1305_SHA256';
  const receiving = receiveTree(fresh(), { port: 0, host, secret });
  const target = `${host}:${(await receiving.listening).port}`;
  await t.rejects(
    Promise.resolve(sendTree(path('source'), target, { secret, cipher: 'TLS_AES_256_GCM_SHA384' })),
    {
      code: 'ERR_KTLS_INVALID_OPTION',
      message: /cipher/,
    },
  );
  t.match(await sendTree(path('source'), target, { secret, cipher }), { cipher });
  t.match(await receiving, { cipher });
});

t.test('overwrite: false leaves what is there, and both ends name it', async (t) => {
  const destination = fresh();
  mkdirSync(path('small'));
  for (const name of ['old', 'new']) writeFileSync(join(path('small'), name), `${name} from the sender`);
  mkdirSync(destination);
  writeFileSync(join(destination, 'old'), 'mine');
  const receiving = receiveTree(destination, {
    port: 0,
    host,
    secret,
    overwrite: false,
    onError: 'continue',
  });
  const target = `${host}:${(await receiving.listening).port}`;
  const sent = await sendTree(path('small'), target, { secret, onError: 'continue' });
  const received = await receiving;
  for (const { skipped, skippedTotal, files } of [sent, received]) {
    t.match(skipped, [
      { path: 'old', pathBuffer: Buffer.from('old'), code: 'ERR_KTLS_EXISTS', reason: String },
    ]);
    t.match({ skippedTotal, files }, { skippedTotal: 1, files: 1 });
  }
  t.equal(readFileSync(join(destination, 'old'), 'utf8'), 'mine');
  t.equal(readFileSync(join(destination, 'new'), 'utf8'), 'new from the sender');
});

t.test('a file that cannot be written stops the transfer at both ends, unless told to go on', async (t) => {
  const target = async (destination: string, onError?: 'stop' | 'continue') => {
    mkdirSync(join(destination, 'old'), { recursive: true }); // a folder where a file must go
    writeFileSync(join(destination, 'old', 'x'), '');
    const receiving = receiveTree(destination, { port: 0, host, secret, onError });
    receiving.catch(() => {});
    return { receiving, target: `${host}:${(await receiving.listening).port}` };
  };
  const stopping = await target(fresh());
  const sent = sendTree(path('small'), stopping.target, { secret });
  await t.rejects(Promise.resolve(sent), { code: 'EISDIR', path: 'old' });
  await t.rejects(Promise.resolve(stopping.receiving), { code: 'EISDIR', path: 'old' });

  const going = await target(fresh());
  const result = await sendTree(path('small'), going.target, { secret, onError: 'continue' });
  t.match(result, { files: 1, skippedTotal: 1, skipped: [{ path: 'old', code: 'EISDIR' }] });
  t.match(await going.receiving, { files: 1, skipped: [{ path: 'old', code: 'EISDIR' }] });

  const overruled = await target(fresh(), 'stop');
  const rejected = sendTree(path('small'), overruled.target, { secret, onError: 'continue' });
  await t.rejects(Promise.resolve(rejected), { code: 'EISDIR' });
});

t.test('names are escaped where they are text, and as they are where they are bytes', async (t) => {
  const name = Buffer.from('evil\x1b[2J\n\xff', 'latin1');
  mkdirSync(path('escapes'));
  symlinkSync('x', Buffer.concat([Buffer.from(`${path('escapes')}/`), Buffer.from('link')]));
  const fifo = Buffer.concat([Buffer.from(`${path('escapes')}/`), name]);
  execFileSync('sh', ['-c', `cd "$1" && mkfifo "$(printf 'evil\\033[2J\\n\\377')"`, 'sh', path('escapes')]);
  t.ok(statSync(fifo).isFIFO());
  const receiving = receiveTree(fresh(), { port: 0, host, secret });
  const sent = await sendTree(path('escapes'), `${host}:${(await receiving.listening).port}`, { secret });
  await receiving;
  t.match(sent, { symlinks: 1, skippedTotal: 1 });
  t.match(sent.skipped, [
    { path: 'evil\\u{1b}[2J\\u{a}\\u{fffd}', pathBuffer: name, code: 'ERR_KTLS_FILE_TYPE', reason: String },
  ]);
});

t.test('keys that are spent at once: connections replace each other, the tree is the same', async (t) => {
  for (const kind of ['push', 'pull']) {
    const receiver = createReceiver({
      root: kind === 'push' ? fresh() : path('source'),
      secret,
      serve: kind === 'pull',
      maxRecordsPerKey: 32,
    });
    const { port } = await receiver.listen({ port: 0, host });
    const destination = kind === 'push' ? path(`destination ${folders - 1}`) : fresh();
    const url = `ktls://${host}:${port}`;
    const [from, to] = kind === 'push' ? [path('source'), url] : [url, destination];
    await transferDirectory(from, to, { secret, connections: 2, maxRecordsPerKey: 32 });
    t.same(compareTrees(path('source'), destination), [], kind);
    await receiver.close();
  }
});

t.test('unref() lets the process go; listening errors have their names', async (t) => {
  const receiver = createReceiver({ root: fresh(), secret }).unref();
  const { port } = await receiver.listen({ port: 0, host });
  const other = createReceiver({ root: fresh(), secret });
  await t.rejects(other.listen({ port, host }), {
    code: 'EADDRINUSE',
    address: `${host}:${port}`,
    name: 'KtlsError',
  });
  const receiving = receiveTree(fresh(), { port, host, secret });
  await t.rejects(receiving.listening, { code: 'EADDRINUSE' });
  await t.rejects(Promise.resolve(receiving), { code: 'EADDRINUSE' });
  receiver.ref();
  await receiver.close();
  await delay(0);
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
    'nothing of ours is left beside',
  );
});
