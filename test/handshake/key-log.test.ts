// Secure contexts that node:tls uses at the same time: its 'keylog' event and our keys come from one callback of
// OpenSSL, of which a context has one.
import { once } from 'node:events';
import { Socket } from 'node:net';
import { connect, createSecureContext, createServer, type TLSSocket } from 'node:tls';
import t from 'tap';

import { clientContext } from '../../lib/credentials';
import type { ServerHandshakeOptions } from '../../lib/handshake/accept';
import { CertificateMaker } from '../helpers/certificates';
import { RecordSocket } from '../helpers/record';
import { temporaryFolder } from '../helpers/temporary-folder';
import { dial, listen, openContext } from '../helpers/tls-pair';

const maker = new CertificateMaker(temporaryFolder(t));
const ca = maker.authority.cert;
const { cert, key } = maker.issue('server', 'DNS:localhost,IP:127.0.0.1');
const ciphers = 'TLS_AES_128_GCM_SHA256';
const shared = createSecureContext({ cert, key, ca, ciphers, minVersion: 'TLSv1.3' });

t.test('a context shared with node:tls: each end has its own keys, and its own events', async (t) => {
  const theirServer = createServer({ cert, key }, (socket) => socket.end()).listen(0, '127.0.0.1');
  await once(theirServer, 'listening');
  t.teardown(() => theirServer.close());
  const { port: theirPort } = theirServer.address() as { port: number };
  let duringHandshake = () => {};
  const options: ServerHandshakeOptions = {
    ALPNCallback: ({ protocols }) => {
      duringHandshake();
      return protocols[0];
    },
  };
  const ourServer = await listen(
    t,
    openContext(() => shared, options),
  );
  const ourClient = {
    ...(await clientContext({ cert, key, ca })),
    options: { secureContext: shared, ALPNProtocols: ['any'] },
    verify: () => undefined,
  };

  /** Asks for the keys now, which is when node:tls sets its callback, and shakes hands later. */
  const theirs = () => {
    const lines: string[] = [];
    const tcp = new Socket();
    const socket: TLSSocket = connect({ socket: tcp, host: '127.0.0.1', secureContext: shared });
    socket.on('keylog', (line) => lines.push(String(line)));
    const connected = once(socket, 'secureConnect');
    const shakeHands = () => {
      tcp.connect(theirPort, '127.0.0.1');
      return connected;
    };
    return { lines, socket, shakeHands };
  };
  const ours = async () => {
    const [dialled, accepted] = [await dial(ourServer.port, ourClient), await ourServer.next()];
    const [a, b] = [new RecordSocket(dialled), new RecordSocket(accepted)];
    a.send('hello');
    t.equal(await b.receiveText(), 'hello');
    for (const end of [a, b]) end.close();
    for (const { tls } of [dialled, accepted]) tls.destroy();
  };

  await ours();
  const theirsAfterOurs = theirs();
  await ours();
  await theirsAfterOurs.shakeHands();
  const theirsAtOnce = theirs();
  await Promise.all([ours(), theirsAtOnce.shakeHands()]);
  duringHandshake = () => theirs().socket.destroy();
  await ours();
  for (const { lines, socket } of [theirsAfterOurs, theirsAtOnce]) {
    t.ok(lines.some((line) => line.startsWith('SERVER_TRAFFIC_SECRET_0 ')));
    t.equal(new Set(lines).size, lines.length, 'each line once');
    t.equal(new Set(lines.map((line) => line.split(' ')[1])).size, 1, 'of one connection');
    socket.destroy();
  }
});
