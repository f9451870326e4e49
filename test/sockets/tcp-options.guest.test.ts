// What is set on the TCP socket itself, as another program reads it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import t from 'tap';

import type { KtlsSocket } from '../../lib/index';
import { placements } from '../helpers/guest';
import { credentials, pair, place } from './support';

const trust = credentials(t);

/** The descriptor of this connection, found by the number that the kernel gave to its socket. */
function descriptor({ localPort, remotePort }: KtlsSocket): number {
  const end = (port = 0) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const inode = lines
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(end(localPort)) && remote?.endsWith(end(remotePort)))?.[9];
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return [fd, readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the one that the folder was read by
    }
  });
  return Number(links.find(([, link]) => link === `socket:[${inode}]`)?.[0]);
}

/** What another program reads of the socket: TCP_NODELAY, SO_KEEPALIVE, and TCP_KEEPIDLE in seconds. */
function told(socket: KtlsSocket): { noDelay: boolean; keepAlive: boolean; idle: number } {
  const script = `
    open(my $socket, '+<&=', 3);
    my @options = ([IPPROTO_TCP, TCP_NODELAY], [SOL_SOCKET, SO_KEEPALIVE], [IPPROTO_TCP, TCP_KEEPIDLE]);
    print join(' ', map { unpack('i', getsockopt($socket, $_->[0], $_->[1])) } @options);`;
  const command = ['-MSocket=:DEFAULT,IPPROTO_TCP,TCP_NODELAY,TCP_KEEPIDLE', '-e', script];
  const stdio = ['ignore' as const, 'pipe' as const, 'inherit' as const, descriptor(socket)];
  const output = execFileSync('perl', command, { encoding: 'utf8', stdio });
  const [noDelay, keepAlive, idle] = output.split(' ').map(Number) as [number, number, number];
  return { noDelay: noDelay !== 0, keepAlive: keepAlive !== 0, idle };
}

for (const kernel of placements) {
  t.test(`setNoDelay() and setKeepAlive() reach the kernel, kernel: '${kernel}'`, async (t) => {
    const { client, server } = await pair(t, trust, { kernel }, { kernel });
    t.match(client.record, { tx: place(kernel) });
    for (const socket of [client, server]) {
      t.match(told(socket), { noDelay: true, keepAlive: false });
      socket.setNoDelay(false).setKeepAlive(true, 600_999);
      t.same(told(socket), { noDelay: false, keepAlive: true, idle: 600 });
      // Without a delay the one that is set stays.
      socket.setNoDelay().setKeepAlive(true);
      t.same(told(socket), { noDelay: true, keepAlive: true, idle: 600 });
      socket.setKeepAlive();
      t.match(told(socket), { keepAlive: false });
    }
  });

  t.test(
    `noDelay, keepAlive and keepAliveInitialDelay are options of both ends, kernel: '${kernel}'`,
    async (t) => {
      const options = { kernel, noDelay: false, keepAlive: true, keepAliveInitialDelay: 300_000 };
      const { client, server } = await pair(t, trust, options, {
        ...options,
        keepAliveInitialDelay: 301_000,
      });
      t.same(told(client), { noDelay: false, keepAlive: true, idle: 300 });
      t.same(told(server), { noDelay: false, keepAlive: true, idle: 301 });
    },
  );
}
