// createProxy() before real servers and their own clients, and when things go wrong.
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { createProxy, type Relay } from '../../lib/relay';
import { freePort } from '../helpers/foreign-program';
import { until } from '../helpers/until';
import {
  closing,
  dial,
  echo,
  hash,
  MODES,
  program,
  proxy,
  randomBytes,
  readAll,
  readBytes,
  refused,
  run,
  serve,
} from './support';

async function startNginx(t: Test, folder: string): Promise<number> {
  const port = await freePort();
  mkdirSync(join(folder, 'www'));
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1; user root;
     events { worker_connections 512; }
     http {
       access_log off; client_max_body_size 64m; client_body_temp_path ${folder}/body;
       proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       server { listen 127.0.0.1:${port}; root ${folder}/www; location /up/ { dav_methods PUT; create_full_put_path on; } }
     }`,
  );
  await program(t, 'nginx', ['-p', folder, '-c', config], port);
  return port;
}

t.test('nginx: files of every size, many at once, uploads and kept-alive connections', async (t) => {
  const folder = t.testdir();
  const target = await startNginx(t, folder);
  const sizes = [0, 1, 1000, 65_536, 1_000_003, 20_000_000];
  const files = sizes.map((size) => ({ name: `f${size}`, content: randomBytes(size) }));
  for (const { name, content } of files) writeFileSync(join(folder, 'www', name), content);
  for (const mode of MODES) {
    const { server, port } = await proxy(t, { target: `127.0.0.1:${target}`, mode });
    const ended: number[] = [];
    server.on('connectionEnd', ({ bytesBtoA }) => ended.push(bytesBtoA));
    const base = `http://127.0.0.1:${port}`;
    for (const { name, content } of files) {
      const { status, stdout } = await run('curl', ['-sS', '--fail', `${base}/${name}`]);
      t.equal(status, 0);
      t.equal(hash(stdout), hash(content), `${mode}: ${name}`);
    }
    const urls = Array.from({ length: 60 }, (_, index) => `${base}/${files[index % 5]?.name}`);
    const { status, stdout } = await run('curl', ['-sS', '--fail', '-Z', '--parallel-max', '20', ...urls]);
    t.equal(status, 0);
    t.equal(stdout.length, 12 * sizes.slice(0, 5).reduce((sum, size) => sum + size, 0), `${mode}: 60 files`);
    const upload = await run('curl', ['-sS', '--fail', '-T', '-', `${base}/up/${mode}`], files[5]?.content);
    t.match(upload, { status: 0, stderr: '' });
    t.equal(
      hash((await run('curl', ['-sS', `${base}/up/${mode}`])).stdout),
      hash(files[5]?.content as Buffer),
    );
    await until(() => server.connections === 0, 'every connection has ended');
    t.ok(ended.length >= 9, `${mode}: ${ended.length} connections ended well`);
  }
});

t.test('redis: commands, pipelines and large values by its own clients', async (t) => {
  const target = await freePort();
  const options = ['--bind', '127.0.0.1', '--save', '', '--dir', t.testdir()];
  await program(t, 'redis-server', ['--port', String(target), ...options], target);
  const large = randomBytes(30_000_000);
  for (const mode of MODES) {
    const { port } = await proxy(t, { target: { host: '127.0.0.1', port: target }, mode });
    const at = ['-p', String(port)];
    t.equal((await run('redis-cli', [...at, 'set', 'k', mode])).stdout.toString(), 'OK\n');
    t.equal((await run('redis-cli', [...at, 'get', 'k'])).stdout.toString(), `${mode}\n`);
    t.match(await run('redis-cli', [...at, '-x', 'set', 'large'], large), { status: 0 });
    const { stdout } = await run('redis-cli', [...at, '--no-raw', 'strlen', 'large']);
    t.equal(stdout.toString(), `(integer) ${large.length}\n`);
    const back = await run('redis-cli', [...at, 'get', 'large']);
    t.equal(hash(back.stdout.subarray(0, -1)), hash(large));
    const load = ['-n', '6000', '-c', '50', '-P', '4', '-d', '300', '-t', 'set,get,incr', '-q', '--csv'];
    const { status, stderr } = await run('redis-benchmark', [...at, ...load]);
    t.match({ status, stderr }, { status: 0, stderr: '' });
  }
});

t.test('connections are counted, and close() waits for them', async (t) => {
  const { port: target } = await echo(t);
  const { server, port } = await proxy(t, { target });
  const relayed = once(server, 'connection');
  const client = await dial(t, port);
  const [handle, peer] = await relayed;
  t.match(peer, /^127\.0\.0\.1:\d+$/);
  client.write('ping');
  t.equal((await readBytes(client, 4)).toString(), 'ping');
  t.equal(handle.bytesAtoB, 4);
  t.equal(server.connections, 1);
  let closed = false;
  const close = server.close().then(() => {
    closed = true;
  });
  await refused(port);
  client.write('pong');
  t.equal((await readBytes(client, 4)).toString(), 'pong');
  t.equal(closed, false);
  client.end();
  await close;
  t.equal(server.connections, 0);
});

t.test('close({ abort: true }) resets what is open', async (t) => {
  const { port: target } = await echo(t);
  const { server, port } = await proxy(t, { target });
  const errors: string[] = [];
  server.on('connectionError', (error) => errors.push(error.name));
  const client = await dial(t, port);
  client.write('ping');
  await readBytes(client, 4);
  await server.close({ abort: true });
  t.equal(await closing(client), 'ECONNRESET');
  t.same(errors, ['AbortError']);
});

t.test('a target that refuses is a reset for the client, and is told', async (t) => {
  const target = await freePort();
  const { server, port } = await proxy(t, { target: `127.0.0.1:${target}` });
  const failed = once(server, 'connectionError');
  const client = await dial(t, port);
  t.match(await failed, [{ code: 'ECONNREFUSED', address: `127.0.0.1:${target}` }, /^127/]);
  t.equal(await closing(client), 'ECONNRESET');
});

t.test('what the client sent before the target answered is not lost', async (t) => {
  const { port: target } = await serve(t, (socket) => socket.pipe(socket));
  const { port } = await proxy(t, { target: `localhost:${target}` });
  const client = await dial(t, port);
  const data = randomBytes(3_000_000);
  client.end(data);
  t.equal(hash(await readAll(client)), hash(data));
});

t.test('more connections than allowed are turned away', async (t) => {
  const { port: target } = await echo(t);
  const { server, port } = await proxy(t, { target, maxConnections: 2 });
  const first = await dial(t, port);
  await dial(t, port);
  await until(() => server.connections === 2, 'two are relayed');
  await closing(await dial(t, port));
  t.equal(server.turnedAway, 1);
  first.write('x');
  t.equal((await readBytes(first, 1)).toString(), 'x');
});

t.test('a listener that throws ends nothing but is told of; the relay counts until it ends', async (t) => {
  const { port: target } = await echo(t);
  const { server, port } = await proxy(t, { target, maxConnections: 1 });
  let handle: Relay | undefined;
  server.on('connection', (relay) => {
    handle = relay;
    throw new Error('by the listener');
  });
  const failed = once(server, 'connectionError');
  const client = await dial(t, port);
  t.match(await failed, [{ message: 'by the listener' }]);
  t.equal(server.connections, 1);
  await closing(await dial(t, port));
  t.equal(server.turnedAway, 1);
  client.write('ping');
  t.equal((await readBytes(client, 4)).toString(), 'ping');
  const ended = once(server, 'connectionError');
  client.resetAndDestroy();
  t.match(await ended, [{ code: 'ECONNRESET' }]);
  t.equal(handle?.failedSide, 'a');
  await until(() => server.connections === 0, 'it counts no more');
});

t.test('an idle connection ends at its limit', async (t) => {
  const { port: target } = await echo(t);
  const { server, port } = await proxy(t, { target, idleTimeout: 40 });
  const failed = once(server, 'connectionError');
  const client = await dial(t, port);
  t.match(await failed, [{ code: 'ERR_KTLS_IDLE_TIMEOUT' }]);
  t.equal(await closing(client), 'ECONNRESET');
});

t.test('a hundred connections under one proxy cause no warning', async (t) => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const { port: target } = await echo(t);
  const { server, port } = await proxy(t, { target });
  const clients = await Promise.all(Array.from({ length: 100 }, () => dial(t, port)));
  await until(() => server.connections === 100, 'all are relayed');
  for (const client of clients) client.end('x');
  for (const client of clients) t.equal((await readAll(client)).toString(), 'x');
  process.off('warning', note);
  t.same(warnings, []);
});

t.test('a port that is taken is an error of listen(), or an event', async (t) => {
  const { port: taken } = await echo(t);
  const awaited = createProxy({ target: 1, listen: `127.0.0.1:${taken}` });
  await t.rejects(awaited.listen(), { code: 'EADDRINUSE' });
  const told = createProxy({ target: 1, listen: { host: '127.0.0.1', port: taken } });
  t.match(await once(told, 'error'), [{ code: 'EADDRINUSE' }]);
  await awaited.close();
  await told.close();
});

t.test('listen() takes the place when the options do not, once', async (t) => {
  const { port: target } = await echo(t);
  await using server = createProxy({ target });
  t.equal(server.address(), null);
  const { port, address } = await server.listen('127.0.0.1:0');
  t.equal(address, '127.0.0.1');
  t.equal(server.address()?.port, port);
  t.throws(() => server.listen(0), { code: 'ERR_KTLS_INVALID_OPTION' });
});

t.test('wrong options are refused by name', async (t) => {
  const wrong = (options: object, name: string) =>
    t.throws(() => createProxy({ target: 1, ...options }), {
      code: 'ERR_KTLS_INVALID_OPTION',
      message: new RegExp(`'${name}'`),
    });
  wrong({ target: 'host' }, 'target');
  wrong({ target: 0 }, 'target');
  wrong({ target: { host: 7, port: 1 } }, 'target');
  wrong({ listen: 70_000 }, 'listen');
  wrong({ mode: 'fast' }, 'mode');
  wrong({ kernel: 'maybe' }, 'kernel');
  for (const name of ['idleTimeout', 'connectTimeout', 'handshakeTimeout', 'maxConnections']) {
    wrong({ [name]: 1.5 }, name);
  }
  const noKey = createProxy({ target: 1, tls: { cert: 'x' } });
  await t.rejects(noKey.listen(0), { code: 'ERR_KTLS_INVALID_OPTION', message: /key/ });
});
