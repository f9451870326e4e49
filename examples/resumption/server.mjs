// One of several servers that resume each other's sessions: node server.mjs PORT TICKET-KEYS CERT KEY
// It answers with the name of the key that it makes tickets with. README.md shows it at work.
import { readFileSync } from 'node:fs';
import { createServer } from 'ktls-transfer/https';

const [port, ticketKeys, cert, key] = process.argv.slice(2);
const options = { cert: readFileSync(cert), key: readFileSync(key), ticketKeys, ticketKeysInterval: 1000 };

const server = createServer(options, (request, response) => {
  const resumed = request.socket.isSessionReused() ? 'resumed' : 'full';
  const keyName = server.getTicketKeys().toString('hex', 0, 16);
  response.end(`${resumed} handshake, tickets by ${keyName}\n`);
});
server.listen(port, () => console.log(`listening on ${server.address().port}`));
