// The command proxy as a process: what passes, what it prints, how signals end it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';

import { CertificateMaker } from '../helpers/certificates';
import { RunningCommand, runCommand } from '../helpers/command';
import { temporaryFolder } from '../helpers/temporary-folder';
import { refused } from '../relay/support';

const folder = temporaryFolder(t);
const maker = new CertificateMaker(folder);
const server = maker.issue('server', 'DNS:localhost,IP:127.0.0.1');

/** An echo server, as a target. */
async function startTarget(t: Test): Promise<string> {
  const sockets = new Set<Socket>();
  const target = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(target, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    target.close();
  });
  return `127.0.0.1:${(target.address() as AddressInfo).port}`;
}

async function startProxy(t: Test, ...args: string[]) {
  const command = new RunningCommand(['proxy', '--listen', '127.0.0.1:0', ...args]);
  t.teardown(() => command.kill('SIGKILL'));
  const { port } = await command.event('listening');
  return { command, port: port as number };
}

/** What comes back for what is sent. */
async function answer(socket: Socket, text: string): Promise<string> {
  let heard = '';
  socket.end(text);
  for await (const chunk of socket.setEncoding('utf8')) heard += chunk;
  return heard;
}

t.test('relays, tells of each connection, and ends with the sums', async (t) => {
  const { command, port } = await startProxy(t, '--target', await startTarget(t));
  for (const text of ['one', 'two']) t.equal(await answer(connect(port, '127.0.0.1'), text), text);
  await command.events('connectionEnd', 2);
  command.kill('SIGTERM');
  t.match(await command.ended, { status: 143, stderr: '' });
  const peer = /^127\.0\.0\.1:\d+$/;
  t.match(await command.event('connection'), { peer });
  t.match(await command.event('connectionEnd'), { peer, bytesAtoB: 3, bytesBtoA: 3, mode: 'copy' });
  t.match(command.last, {
    event: 'result',
    ok: true,
    connections: 2,
    failed: 0,
    turnedAway: 0,
    bytesToTarget: 6,
    bytesFromTarget: 6,
  });
});

t.test('the first signal lets connections end, and takes no more', async (t) => {
  const { command, port } = await startProxy(t, '--target', await startTarget(t));
  const client = connect(port, '127.0.0.1');
  client.write('early ');
  await once(client, 'data');
  command.kill('SIGTERM');
  await command.event('warning');
  await refused(port);
  t.equal(await answer(client, 'late'), 'late');
  t.match(await command.ended, { status: 143 });
  t.match(command.last, { event: 'result', ok: true, connections: 1, failed: 0, bytesToTarget: 10 });
});

t.test('the second ends it at once', async (t) => {
  const { command, port } = await startProxy(t, '--target', await startTarget(t));
  const client = connect(port, '127.0.0.1').on('error', () => {});
  client.write('x');
  await once(client, 'data');
  command.kill('SIGINT');
  await command.event('warning');
  command.kill('SIGTERM');
  t.match(await command.ended, { status: 143 });
  if (!client.closed) await once(client.resume(), 'close');
});

t.test('TLS on both sides: one proxy ends what another began', async (t) => {
  const front = ['--cert', server.certFile, '--key', server.keyFile];
  const terminating = await startProxy(t, '--target', await startTarget(t), ...front);
  const direct = connectTls({ port: terminating.port, servername: 'localhost', ca: maker.authority.cert });
  t.equal(await answer(direct, 'by node'), 'by node');
  const trust = ['--connect-tls', '--ca', maker.authority.certFile];
  const originating = await startProxy(t, '--target', `localhost:${terminating.port}`, ...trust);
  t.equal(await answer(connect(originating.port, '127.0.0.1'), 'by ours'), 'by ours');
  t.match(await originating.command.event('connectionEnd'), { recordA: null, recordB: { tx: String } });

  const distrust = ['--connect-tls', '--fingerprint', '0'.repeat(64)];
  const suspicious = await startProxy(t, '--target', `localhost:${terminating.port}`, ...distrust);
  t.equal(await answer(connect(suspicious.port, '127.0.0.1'), 'x').catch(() => ''), '');
  t.match(await suspicious.command.event('connectionError'), { error: { code: 'ERR_KTLS_CERTIFICATE' } });
  suspicious.command.kill('SIGTERM');
  await suspicious.command.ended;
  t.match(suspicious.command.last, { ok: true, connections: 0, failed: 1 });
});

t.test('clients have to show a certificate where --client-ca says so', async (t) => {
  const front = ['--cert', server.certFile, '--key', server.keyFile, '--client-ca', maker.authority.certFile];
  const { command, port } = await startProxy(t, '--target', await startTarget(t), ...front);
  const options = { port, servername: 'localhost', ca: maker.authority.cert };
  t.equal(await answer(connectTls(options), 'x').catch(() => ''), '');
  t.match(await command.event('connectionError'), { error: { code: 'ERR_KTLS_CERTIFICATE' } });
  const { cert, key } = maker.issue('client', 'DNS:client');
  t.equal(await answer(connectTls({ ...options, cert, key }), 'x'), 'x');
});

t.test('a target that is down, and options on the way', async (t) => {
  const { command, port } = await startProxy(t, '--target', '127.0.0.1:1', '--mode', 'splice');
  t.equal(await answer(connect(port, '127.0.0.1'), 'x').catch(() => ''), '');
  t.match(await command.event('connectionError'), { error: { code: 'ECONNREFUSED' } });

  const target = await startTarget(t);
  const impatient = await startProxy(t, '--target', target, '--idle-timeout', '0.05', '--mode', 'splice');
  const client = connect(impatient.port, '127.0.0.1').on('error', () => {});
  client.write('x');
  t.match(await impatient.command.event('connectionError'), { error: { code: 'ERR_KTLS_IDLE_TIMEOUT' } });
  client.destroy();
});

t.test('a port that is taken is a failure', async (t) => {
  const { port } = await startProxy(t, '--target', '1');
  const args = ['proxy', '--listen', `127.0.0.1:${port}`, '--target', '1'];
  t.match(runCommand(args), { status: 1, stdout: '', stderr: /EADDRINUSE/ });
});

t.test('people read lines', async (t) => {
  const { command, port } = await startProxy(t, '--target', await startTarget(t), '--quiet');
  t.equal(await answer(connect(port, '127.0.0.1'), 'x'), 'x');
  command.kill('SIGTERM');
  await command.ended;
  t.same(
    command.lines.map(({ event }) => event),
    ['listening', 'warning', 'result'],
    '--quiet',
  );
});
