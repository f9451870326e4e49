// An address that does not answer: nobody refuses, and nobody accepts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { dialSocket } from '../../lib/handshake/connect';
import { native } from '../../lib/native';

/**
 * Has the kernel drop every further connection to a port of `host`, of 127.0.0.0/8, for the length of a test: the
 * program that listens there accepts nothing, and its backlog is full. Returns the port; 0 stands for a free one.
 */
export async function deafHost(
  t: { teardown(handler: () => unknown): void },
  host = '127.0.0.1',
  port = 0,
): Promise<number> {
  const script = `require('net').createServer().listen({ port: ${port}, host: '${host}', backlog: 1 }, function () {
    require('fs').writeSync(1, String(this.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  const deaf = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => deaf.kill('SIGKILL'));
  const listening = Number(String((await once(deaf.stdout, 'data'))[0]));
  // A backlog of one holds one more than that.
  for (let filled = 0; filled < 2; filled++) native().closeDescriptor(await dialSocket(host, listening));
  return listening;
}
