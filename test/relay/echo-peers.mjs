// Both far ends of many relays, in a process of its own, for there are more than one may open:
// an echo server, and as many clients of a proxy as it is told to be.
import { connect, createServer } from 'node:net';

const clients = [];
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(0, '127.0.0.1', 4096, () => process.send({ port: server.address().port }));

const commands = {
  /** Each sends a message of its own and waits for it to come back. */
  async open({ count, port }) {
    let correct = 0;
    for (let done = 0; done < count; done += 250) {
      await Promise.all(
        Array.from({ length: Math.min(250, count - done) }, async (_, index) => {
          const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
          clients.push(client);
          if (await says(client, `hello from ${done + index}`)) correct++;
        }),
      );
    }
    return correct;
  },
  async repeat() {
    const answers = await Promise.all(clients.map((client, index) => says(client, `again ${index}`)));
    return answers.filter(Boolean).length;
  },
  async end() {
    const ends = await Promise.all(
      clients.map(
        (client) =>
          new Promise((resolve) => {
            client.on('end', () => resolve(true)).on('error', () => resolve(false));
            client.end();
            client.resume();
          }),
      ),
    );
    return ends.filter(Boolean).length;
  },
};

function says(client, text) {
  return new Promise((resolve) => {
    let heard = '';
    const hear = (data) => {
      heard += data;
      if (heard.length < text.length) return;
      client.off('data', hear);
      resolve(heard === text);
    };
    client.on('data', hear);
    client.once('error', () => resolve(false));
    client.write(text);
  });
}

process.on('message', async ({ command, ...options }) =>
  process.send({ result: await commands[command](options) }),
);
process.on('disconnect', () => process.exit());
