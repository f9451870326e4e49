// Many relays: at once, one after another, and beside one that is stuck.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';

import { native } from '../../lib/native';
import { type RelayMode, relay } from '../../lib/relay';
import { memoryInUse } from '../helpers/memory';
import { until } from '../helpers/until';
import { dial, echo, hash, openDescriptors, pair, proxy, randomBytes, readAll, serve } from './support';

/** As many as KTLS_TEST_RELAYS says. */
const OPENED_AND_ABORTED = Number(process.env.KTLS_TEST_RELAYS ?? 9000);

const threads = () => readdirSync('/proc/self/task').length;

for (const [mode, count] of [
  ['auto', 5000],
  ['sockmap', 5000],
] as [RelayMode, number][]) {
  t.test(`${mode}: ${count} at once, without a thread for any of them`, async (t) => {
    const peers = fork(join(__dirname, 'echo-peers.mjs'), { execArgv: [] });
    t.teardown(() => peers.disconnect());
    const ask = async (command: string, options = {}) => {
      peers.send({ command, ...options });
      const [{ result }] = await once(peers, 'message');
      return result;
    };
    const [{ port: target }] = await once(peers, 'message');
    const { server, port } = await proxy(t, { target: `127.0.0.1:${target}`, mode });
    let endedWell = 0;
    server.on('connectionEnd', () => endedWell++);
    t.equal(await ask('open', { count: 10, port }), 10);
    const before = threads();
    t.equal(await ask('open', { count: count - 10, port }), count - 10);
    t.equal(server.connections, count);
    // Node may have started some of its own meanwhile.
    t.ok(threads() < before + 10);
    // For each direction its source, its sink, and how far its source is.
    if (mode === 'sockmap') t.equal(native().sockmapSupport().entries, 2 * 3 * count);
    t.equal(await ask('repeat'), count);
    t.equal(await ask('end'), count);
    await until(() => server.connections === 0, 'all have ended');
    t.equal(endedWell, count);
    t.equal(native().sockmapSupport().entries, 0);
  });
}

t.test('opened and aborted again and again, they leave no descriptor, map entry or memory', async (t) => {
  const { port: target } = await echo(t);
  const accepted = new Map<number | undefined, Socket>();
  const { port } = await serve(t, (socket) => accepted.set(socket.remotePort, socket));
  const cycle = async (mode: RelayMode, count: number) => {
    for (let done = 0; done < count; done += 20) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const client = connect({ port, host: '127.0.0.1' });
          client.on('error', () => {});
          const upstream = connect({ port: target, host: '127.0.0.1' });
          await Promise.all([once(client, 'connect'), once(upstream, 'connect')]);
          const { localPort } = client;
          await until(() => accepted.has(localPort), 'accepted');
          const handle = relay(accepted.get(localPort) as Socket, upstream, { mode });
          accepted.delete(localPort);
          const ended = handle.catch(() => {});
          if (index % 3 === 0) client.write('x');
          if (index % 3 === 1) await pause(1);
          if (index % 2 === 0) handle.abort();
          else client.resetAndDestroy();
          await ended;
          client.destroy();
        }),
      );
    }
  };
  const modes: RelayMode[] = ['auto', 'splice', 'sockmap'];
  // What is made once and kept, pools and compiled code among it, is there after these.
  for (const mode of modes) await cycle(mode, 400);
  const descriptors = openDescriptors();
  const memory = memoryInUse();
  for (const mode of modes) await cycle(mode, OPENED_AND_ABORTED / modes.length);
  // The far ends learn of their end a moment later.
  await until(() => openDescriptors() <= descriptors + 4, 'no descriptor is left');
  t.equal(native().sockmapSupport().entries, 0);
  // What a relay needs while it runs, kept by each of 60,000, would be a gigabyte.
  const grown = memoryInUse() - memory;
  t.ok(grown < 64 << 20, `${grown} bytes more than before`);
});

t.test('one stalled reader among 100 holds up nobody but its own writer', async (t) => {
  const stalled = { a: await pair(t), b: await pair(t) };
  const stuck = relay(stalled.a.near, stalled.b.near);
  stuck.catch(() => {});
  stalled.b.far.pause();
  // Far more than what lies between the two ends can hold.
  const junk = Buffer.alloc(1 << 20);
  const total = 256 * junk.length;
  for (let sent = 0; sent < total; sent += junk.length) stalled.a.far.write(junk);
  await until(() => stuck.bytesAtoB > 0, 'it moves');
  const { port: target } = await echo(t);
  const { port } = await proxy(t, { target: `127.0.0.1:${target}` });
  const data = randomBytes(500_000);
  const answers = await Promise.all(
    Array.from({ length: 99 }, async () => {
      const client = await dial(t, port);
      client.end(data);
      return hash(await readAll(client));
    }),
  );
  t.same(new Set(answers), new Set([hash(data)]));
  t.ok(stuck.bytesAtoB < total, 'backpressure: not all has gone on');
  t.ok(stalled.a.far.writableLength > 0, 'and its writer waits');
  const rest = readAll(stalled.b.far);
  stalled.a.far.end();
  stalled.b.far.end();
  t.equal((await rest).length, total);
  await stuck;
});
