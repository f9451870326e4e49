// Holds connections: node idle-client.mjs PORT COUNT SOURCE. Each asks once for /hello; says 'ready' when all have
// their answer, and goes with its standard input. SOURCE is an address of this machine, whose ports are its own.
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';

const [port, count, source] = process.argv.slice(2);
const AT_ONCE = 16;
const REQUEST = 'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n';

function open() {
  return new Promise((resolve, reject) => {
    const tcp = connectTcp({ host: '127.0.0.1', port: Number(port), localAddress: String(source) });
    const socket = connect({ socket: tcp, rejectUnauthorized: false }, () => socket.write(REQUEST));
    socket.once('data', () => resolve(socket.pause()));
    for (const end of [tcp, socket]) end.once('error', reject);
  });
}

const held = [];
let left = Number(count);
async function worker() {
  while (left-- > 0) held.push(await open());
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => process.exit());
