// updateKey(): a KeyUpdate of one's own, seen by openssl, on the kernel's record layer and on ours.
import t from 'tap';

import { probe } from '../../lib/index';
import { start } from '../helpers/foreign-program';
import { placements } from '../helpers/guest';
import { credentials, listen, pair, take } from './support';

const trust = credentials(t);
const { cert, key } = trust.server;
const kernel = placements[0] as 'require' | 'off';
const possible = kernel === 'off' || probe().rekey;

t.test('openssl sees each KeyUpdate in its place, reads on, and answers where it is asked', async (t) => {
  const { port, next } = await listen(t, { cert, key, kernel });
  const openssl = start(t, 'openssl', ['s_client', ...['-connect', `127.0.0.1:${port}`, '-tls1_3', '-msg']]);
  const end = await next();
  end.write('first.\n');
  const updates = [end.updateKey(), end.updateKey({ requestPeer: true })];
  end.write('second.\n');
  if (!possible) {
    for (const update of updates) {
      await t.rejects(update, { code: 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED' });
    }
    // And the connection goes on.
    await openssl.says('second.');
    openssl.stdin?.write('answer\n');
    t.equal(String(await take(end, 7)), 'answer\n');
    return;
  }
  await Promise.all(updates);
  await openssl.says('second.');
  const output = openssl.output();
  const from = output.indexOf('first.');
  const between = output.slice(from, output.indexOf('second.', from));
  t.equal(between.match(/<<< TLS 1\.3, Handshake \[length 0005\], KeyUpdate/g)?.length, 2);
  openssl.stdin?.write('answer\n');
  t.equal(String(await take(end, 7)), 'answer\n');
  await openssl.says('>>> TLS 1.3, Handshake [length 0005], KeyUpdate');
  end.write('third.\n');
  await openssl.says('third.');
});

t.test('two of ours change their keys again and again while both send', async (t) => {
  if (!possible) {
    const { client } = await pair(t, trust, { kernel }, { kernel });
    await t.rejects(client.updateKey(), { code: 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED' });
    return;
  }
  const { client, server } = await pair(t, trust, { kernel }, { kernel });
  for (const socket of [client, server]) {
    for (let round = 0; round < 50; round++) {
      socket.write(Buffer.alloc(20_000, round));
      socket.updateKey({ requestPeer: round % 2 === 0 }).catch(t.error);
    }
  }
  for (const socket of [client, server]) {
    for (let round = 0; round < 50; round++) {
      const got = await take(socket, 20_000);
      if (!got.equals(Buffer.alloc(20_000, round))) t.fail(`round ${round}`);
    }
  }
  t.equal(client.bytesWritten, 1_000_000);
});

t.test('in TLS 1.2, and once the socket was ended, there is none', async (t) => {
  const { client, server } = await pair(t, trust, { kernel, maxVersion: 'TLSv1.2' }, { kernel });
  await t.rejects(client.updateKey(), { code: 'ERR_KTLS_KEY_UPDATE_UNSUPPORTED', message: /TLS 1\.2/ });
  client.end('still here');
  t.equal(String(await take(server, 10)), 'still here');
  await t.rejects(client.updateKey(), { code: 'EPIPE' });
  await t.rejects(client.updateKey({ requestPeer: 1 as never }), { code: 'ERR_KTLS_INVALID_OPTION' });
});
