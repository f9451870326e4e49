// Another process that swaps a folder for a symlink to elsewhere, and back, while files below it are asked for.
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';

import { sendFile } from '../../lib/https';
import { swapper } from '../helpers/swapper';
import { credentials } from '../sockets/support';
import { serve } from './support';

const { ca, server: identity, folder } = credentials(t);
const path = (name: string) => join(folder, name);
const REQUESTS = 2000;

t.test('nothing of elsewhere is given out', async (t) => {
  for (const name of ['outside', 'root', 'root/folder']) mkdirSync(path(name));
  writeFileSync(path('outside/file'), 'not for you');
  writeFileSync(path('root/folder/file'), 'served');
  const { port } = await serve(t, identity, (req, res) =>
    sendFile(req, res, req.url as string, { root: path('root') }),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.teardown(() => agent.destroy());
  const get = async () => {
    const sent = request({ host: '127.0.0.1', port, ca, agent, path: '/folder/file' }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  };
  const child = await swapper(t, path('root/folder'), path('outside'));
  const seen = new Map<string, number>();
  for (let asked = 0; asked < REQUESTS; asked += 4) {
    for (const { status, body } of await Promise.all([get(), get(), get(), get()])) {
      const what = status === 200 ? body : String(status);
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  }
  t.equal(child.exitCode, null, 'it was swapped all the time');
  t.ok(seen.get('served'), 'and some came through');
  t.same(
    [...seen.keys()].filter((what) => !['served', '404'].includes(what)),
    [],
  );
});
