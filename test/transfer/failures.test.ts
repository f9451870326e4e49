// What goes wrong is told apart, at both ends, by code; and what was aborted leaves nothing behind.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';

import { createReceiver, generateSecret, receiveTree, sendTree, transferDirectory } from '../../lib/index';
import type { KtlsError, Receiver, ReceiverOptions, Timeouts, TransferHandle } from '../../types/index';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { errorFrame, helloFrame, helloOkFrame, open, RawClient } from '../helpers/raw-peer';
import { rawServer } from '../helpers/raw-server';
import { temporaryFolder } from '../helpers/temporary-folder';
import { until } from '../helpers/until';

const folder = temporaryFolder(t);
const path = (name: string) => join(folder, name);
const secret = generateSecret();
const host = '127.0.0.1';
const made = makeDataset(path('source'), { files: 400, bytes: 20_000_000 });
let folders = 0;
const fresh = () => path(`destination ${folders++}`);
const source = path('source');

interface Teardown {
  teardown(handler: () => unknown): void;
}

/** A receiver, and what it hears of connections that fail. */
async function listening(t: Teardown, options: Partial<ReceiverOptions> = { secret }) {
  const root = fresh();
  const receiver = createReceiver({ root, ...options });
  const errors: [KtlsError, string][] = [];
  receiver.on('connectionError', (error, peer) => errors.push([error, peer]));
  t.teardown(() => receiver.close({ abort: true }));
  const { port } = await receiver.listen({ port: 0, host });
  const heard = async (count = 1) => {
    while (errors.length < count) await new Promise((resolve) => receiver.once('connectionError', resolve));
    return errors;
  };
  return { root, receiver, port, target: `${host}:${port}`, heard };
}

/** Where nobody listens. */
async function closedPort(): Promise<number> {
  const closes: (() => void)[] = [];
  const port = await rawServer({ teardown: (close) => closes.push(close) }, () => {});
  for (const close of closes) close();
  return port;
}

const rejected = (transfer: TransferHandle): Promise<unknown> =>
  transfer.then(() => null).catch((error) => error);

/** The next transfer that it takes; wrapped, for a handle can be awaited itself. */
const begun = (receiver: Receiver) =>
  new Promise<{ transfer: TransferHandle }>((resolve) =>
    receiver.once('transfer', (transfer) => resolve({ transfer })),
  );

t.test('wrong secret: both ends say so, nothing is touched, the receiver goes on', async (t) => {
  const { root, target, heard } = await listening(t);
  for (const wrong of [generateSecret(), 'a long passphrase']) {
    t.match(await rejected(sendTree(source, target, { secret: wrong })), {
      code: 'ERR_KTLS_WRONG_SECRET',
      address: target,
      message: /secret/,
    });
  }
  const errors = await heard(2);
  for (const [error, peer] of errors) {
    t.match(error, { code: 'ERR_KTLS_WRONG_SECRET' });
    t.match(peer, /^127\.0\.0\.1:\d+$/);
  }
  t.notOk(existsSync(root));
  await sendTree(source, target, { secret });
  t.same(compareTrees(source, root), []);
});

t.test('receiveTree survives those who do not authenticate, and tells of them', async (t) => {
  const heard: string[] = [];
  const destination = fresh();
  const onConnectionError = ({ code }: KtlsError) => heard.push(code);
  const receiving = receiveTree(destination, { port: 0, host, secret, onConnectionError });
  const { port } = await receiving.listening;
  await rejected(sendTree(source, `${host}:${port}`, { secret: generateSecret() }));
  const stranger = connect(port, host, () => stranger.write('GET / HTTP/1.1\r\n\r\n'));
  stranger.on('error', () => {}).resume();
  await new Promise((resolve) => stranger.on('close', resolve));
  await until(() => heard.length === 2, 'both are told of');
  const visitor = connect(port, host, () => visitor.destroy());
  await new Promise((resolve) => visitor.on('close', resolve));
  t.equal(receiving.progress(), null);
  await sendTree(source, `${host}:${port}`, { secret });
  t.match(await receiving, { files: made.files });
  t.same(heard, ['ERR_KTLS_WRONG_SECRET', 'ERR_KTLS_NOT_TLS'], 'the visitor is not worth a word');
});

t.test('the wrong port: nobody, not TLS, silence, a hang-up', async (t) => {
  const send = (port: number, options = {}) =>
    rejected(sendTree(source, `${host}:${port}`, { secret, ...options }));
  const closed = await closedPort();
  t.match(await send(closed), { code: 'ECONNREFUSED', syscall: 'connect', address: `${host}:${closed}` });
  const http = await rawServer(t, (socket) =>
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  t.match(await send(http), { code: 'ERR_KTLS_NOT_TLS', message: /right port/ });
  const silent = await rawServer(t, () => {});
  t.match(await send(silent, { timeouts: { handshake: 100 } }), { code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' });
  const rude = await rawServer(t, (socket) => socket.on('data', () => socket.end()));
  t.match(await send(rude), { code: 'ERR_KTLS_TRUNCATED' });
  // A name server that is not there is waited for.
  const patient = { secret, timeouts: { connect: 240_000 } };
  t.match(await rejected(sendTree(source, 'no-such-host.invalid:1', patient)), {
    code: /^(ENOTFOUND|EAI_AGAIN)$/,
  });
});

t.test('a peer of another kind, version or opinion, behind HELLO', async (t) => {
  const send = async (answer: Buffer | null, timeouts?: Timeouts) => {
    const port = await rawServer(t, (socket) => socket.once('data', () => answer && socket.write(answer)));
    return rejected(sendTree(source, `${host}:${port}`, { ...open, timeouts }));
  };
  t.match(await send(helloOkFrame(2)), { code: 'ERR_KTLS_PROTOCOL_VERSION' });
  t.match(await send(Buffer.from('220 mail.example.org ESMTP\r\n'.repeat(9))), { code: 'ERR_KTLS_PROTOCOL' });
  t.match(await send(null, { handshake: 200 }), { code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' });
  const refusal = (await send(errorFrame('ERR_KTLS_REFUSED', 'not \x1b[31mtoday\n'))) as KtlsError;
  t.match(refusal, { code: 'ERR_KTLS_REFUSED', message: /not \\u\{1b\}\[31mtoday\\u\{a\}/ }, 'escaped');
  t.match(await send(errorFrame('ERR_FROM_THE_FUTURE', 'x')), { code: 'ERR_KTLS_PEER' });
  t.match(
    await send(helloOkFrame(), { idle: 300 }),
    { code: 'ERR_KTLS_IDLE_TIMEOUT' },
    'agrees, and is never heard of again',
  );
});

t.test('the same at the receiver', async (t) => {
  const { port, heard, root, receiver } = await listening(t, open);
  let said = 0;
  const say = async (first: Buffer) => {
    const client = new RawClient(port, first);
    const errors = await heard(++said);
    client.socket.end();
    await client.closed;
    return { code: errors.at(-1)?.[0].code, answer: client.received.toString('latin1') };
  };
  t.match(await say(helloFrame({ version: 2 })), {
    code: 'ERR_KTLS_PROTOCOL_VERSION',
    answer: /ERR_KTLS_PROTOCOL_VERSION/,
  });
  t.match(await say(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')), { code: 'ERR_KTLS_PROTOCOL' });
  t.match(await say(helloFrame({ kind: 2 })), { code: 'ERR_KTLS_REFUSED', answer: /gives no trees out/ });
  for (const name of ['..', '.', '', 'a/b', 'a\0']) {
    const { code } = await say(helloFrame({ components: [Buffer.from(name)] }));
    t.match(code, /^ERR_KTLS_(UNSAFE_PATH|PROTOCOL)$/, JSON.stringify(name));
  }
  t.notOk(existsSync(root), 'nothing was touched');

  const stranger = new RawClient(port, helloFrame({ kind: 3, token: Buffer.alloc(16, 5) }));
  await stranger.closed;
  t.match(stranger.received.toString('latin1'), /ERR_KTLS_REFUSED/, 'a token that is none');
  const gone = begun(receiver);
  const client = new RawClient(port, helloFrame());
  await client.bytes(5);
  client.socket.end();
  t.match(await rejected((await gone).transfer), { code: 'ERR_KTLS_TRUNCATED' });

  const hasty = await listening(t, { ...open, timeouts: { handshake: 300 } });
  new RawClient(hasty.port);
  t.match(await hasty.heard(), [[{ code: 'ERR_KTLS_HANDSHAKE_TIMEOUT' }, String]]);
  const restless = await listening(t, { ...open, timeouts: { idle: 300 } });
  const idle = begun(restless.receiver);
  new RawClient(restless.port, helloFrame());
  t.match(await rejected((await idle).transfer), { code: 'ERR_KTLS_IDLE_TIMEOUT' });
});

t.test('bounds: silent connections, transfers, connections of a transfer', async (t) => {
  const { port, receiver, target } = await listening(t, {
    ...open,
    maxUnauthenticated: 3,
    maxTransfers: 1,
    maxConnections: 2,
    timeouts: { handshake: 60_000 },
  });
  const silent = [1, 2, 3].map(() => new RawClient(port));
  await Promise.all(silent.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve))));
  await new RawClient(port).closed;
  t.pass('the fourth was closed unheard');
  for (const { socket } of silent) socket.destroy();
  const begun = new Promise((resolve) => receiver.once('transfer', () => resolve(null)));
  let holder = new RawClient(port, helloFrame({ connections: 60 }));
  // The silent ones may still be counted for a moment.
  while ((await Promise.race([begun, holder.closed.then(() => 'closed')])) === 'closed') {
    holder = new RawClient(port, helloFrame({ connections: 60 }));
  }
  const answer = await holder.bytes(5 + 25);
  t.equal(answer[5 + 4 + 2 + 2], 2, 'connections granted');
  t.match(await rejected(sendTree(source, target, open)), {
    code: 'ERR_KTLS_REFUSED',
    message: /1 transfers run/,
  });
});

t.test('an abort at any moment: AbortError, and nothing half-written', async (t) => {
  const { root, receiver, target } = await listening(t);
  const ended: Promise<unknown>[] = [];
  receiver.on('transfer', (transfer) => ended.push(rejected(transfer)));
  for (let round = 0; round < 20; round++) {
    const abort = new AbortController();
    const reason = { round };
    const sending = sendTree(source, `${target}/${round}`, { secret, signal: abort.signal, connections: 3 });
    const outcome = rejected(sending);
    await delay(round * round * 0.4);
    abort.abort(reason);
    const error = await outcome;
    if (error !== null)
      t.match(error, { name: 'AbortError', code: 'ABORT_ERR', cause: reason }, `round ${round}`);
    await sending[Symbol.asyncDispose]();
  }
  await receiver.close();
  for (const outcome of await Promise.all(ended)) t.ok(outcome === null || outcome instanceof Error);
  if (existsSync(root)) {
    for (const name of readdirSync(root)) {
      t.match(name, /^\d+$/, 'no temporary name is left');
      t.same(compareTrees(source, join(root, name)), [], 'and what has its name is whole');
    }
  }
});

t.test('an abort of the receiving end, and of one that pulls, leaves nothing either', async (t) => {
  const serving = await listening(t, { secret, serve: true });
  await serving.receiver.close();
  const server = createReceiver({ root: source, secret, serve: true });
  t.teardown(() => server.close({ abort: true }));
  const { port } = await server.listen({ port: 0, host });
  for (const wait of [0, 5, 15, 30, 60, 100]) {
    const [one, two] = [fresh(), fresh()];
    for (const destination of [one, two]) mkdirSync(destination);
    const receiving = receiveTree(one, { port: 0, host, secret });
    const sending = sendTree(source, `${host}:${(await receiving.listening).port}`, { secret });
    const pulling = transferDirectory(`ktls://${host}:${port}`, two, { secret });
    const outcomes = Promise.all([receiving, pulling, sending].map(rejected));
    await delay(wait);
    receiving.cancel('enough');
    pulling.cancel('enough');
    const [received, pulled, sent] = await outcomes;
    await Promise.all([receiving, pulling].map((one) => one[Symbol.asyncDispose]()));
    for (const error of [received, pulled]) if (error !== null) t.match(error, { cause: 'enough' });
    // At the very end it may be too late for one of them.
    if (sent === null || received === null) t.same(compareTrees(source, one), [], 'then it is whole');
    for (const destination of [one, two]) {
      const temporary = readdirSync(destination).filter((name) => name.startsWith('.ktls'));
      t.same(temporary, [], `after ${wait} ms`);
    }
  }
});

t.test(
  'an abort while it dials, shakes hands, greets, listens: at once, and nothing stays open',
  async (t) => {
    const silent = await rawServer(t, () => {});
    const agreeing = await rawServer(t, (socket) => socket.once('data', () => socket.write(helloOkFrame())));
    const stages: Record<string, (signal: AbortSignal) => TransferHandle> = {
      // TEST-NET-1 (RFC 5737): packets to it go nowhere; where there is no route, it fails at once.
      dialling: (signal) => sendTree(source, '192.0.2.1:9', { secret, signal }),
      'shaking hands': (signal) => sendTree(source, `${host}:${silent}`, { secret, signal }),
      greeting: (signal) => sendTree(source, `${host}:${silent}`, { ...open, signal }),
      running: (signal) => sendTree(source, `${host}:${agreeing}`, { ...open, signal }),
      listening: (signal) => receiveTree(fresh(), { port: 0, host, secret, signal }),
    };
    for (const [stage, start] of Object.entries(stages)) {
      const abort = new AbortController();
      const transfer = start(abort.signal);
      const outcome = rejected(transfer);
      await delay(50);
      abort.abort(stage);
      const error = await outcome;
      if (stage === 'dialling' && (error as KtlsError).code !== 'ABORT_ERR') {
        t.match(error, { syscall: 'connect' });
      } else {
        t.match(error, { name: 'AbortError', cause: stage }, stage);
      }
      await transfer[Symbol.asyncDispose]();
    }
    const before = AbortSignal.abort('before');
    t.match(await rejected(sendTree(source, `${host}:${silent}`, { secret, signal: before })), {
      cause: 'before',
    });
    const receiver = createReceiver({ root: fresh(), secret, signal: before });
    await t.rejects(receiver.listen({ port: 0, host }));
  },
);
