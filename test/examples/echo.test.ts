// examples/echo, as a user starts it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';

import { hash, randomBytes, readAll } from '../relay/support';

const server = join(__dirname, '../../examples/echo/server.mjs');

for (const mode of ['copy', 'splice', 'sockmap', 'auto', 'pipe']) {
  t.test(`${mode}: what comes back is what was sent, and it says how`, async (t) => {
    const child = spawn(process.execPath, [server, '--mode', mode, '--port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const ended = once(child, 'exit');
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout });
    const said = (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve) => {
        const look = () => {
          const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null);
          if (found) resolve(found);
        };
        look();
        reader.on('line', look);
      });
    reader.on('line', (line) => lines.push(line));
    const [, port] = await said(/^echo on port (\d+)/);
    const client = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    const data = randomBytes(20_000_000);
    client.end(data);
    t.equal(hash(await readAll(client)), hash(data));
    const [, bytes, used] = await said(/: (\d+) bytes by (\w+): ./);
    t.equal(Number(bytes), data.length);
    if (mode !== 'auto') t.equal(used, mode);
    child.kill('SIGTERM');
    t.same(await ended, [0, null]);
  });
}
