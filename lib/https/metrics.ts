// Measures servers: each event goes to the tally of its server, to that of the process, and to who subscribed.
import { channel, subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import type {
  ConnectionClosedMessage,
  FirstResponse4xxMessage,
  HandshakeFailedMessage,
  HandshakeMessage,
  HttpsMetrics,
  HttpsServer,
} from '../../types/https';
import type { KtlsSocket } from '../socket/ktls-socket';
import { Tally } from './tally';

const handshakeChannel = channel('ktls-transfer:handshake');
const handshakeFailedChannel = channel('ktls-transfer:handshake:failed');
const connectionClosedChannel = channel('ktls-transfer:connection:closed');
const firstResponse4xxChannel = channel('ktls-transfer:response:first4xx');

const total = new Tally();
const observers = new WeakMap<object, ServerObserver>();
let observesRequests = false;

/** What a server tells of its connections. Requests are heard of from Node's own http. */
export class ServerObserver {
  readonly tally = new Tally();

  constructor(private readonly server: Server) {
    observers.set(server, this);
    observeRequests();
  }

  opened(socket: KtlsSocket, durationMs: number): void {
    this.tally.opened(socket, durationMs);
    total.opened(socket, durationMs);
    if (!handshakeChannel.hasSubscribers) return;
    const { server } = this;
    const message: Omit<HandshakeMessage, 'server' | 'socket'> = {
      durationMs,
      resumed: socket.isSessionReused(),
      protocol: socket.getProtocol() ?? 'unknown',
      record: socket.record,
    };
    handshakeChannel.publish({ server, socket, ...message });
  }

  failed(error: Error & { code?: string }, address: string): void {
    const { code = 'ERR_KTLS_HANDSHAKE' } = error;
    this.tally.failed(code);
    total.failed(code);
    if (!handshakeFailedChannel.hasSubscribers) return;
    const message: Omit<HandshakeFailedMessage, 'server'> = { error, address };
    handshakeFailedChannel.publish({ server: this.server, ...message });
  }

  closed(socket: KtlsSocket): void {
    this.tally.closed(socket);
    total.closed(socket);
    if (!connectionClosedChannel.hasSubscribers) return;
    const { bytesRead, bytesWritten } = socket;
    const message: Omit<ConnectionClosedMessage, 'server' | 'socket'> = { bytesRead, bytesWritten };
    connectionClosedChannel.publish({ server: this.server, socket, ...message });
  }

  requested(): void {
    this.tally.requested();
    total.requested();
  }

  responded(request: IncomingMessage, response: ServerResponse, connection: object): void {
    const status = response.statusCode;
    total.responded(connection, status);
    if (!this.tally.responded(connection, status) || !firstResponse4xxChannel.hasSubscribers) return;
    const message: Omit<FirstResponse4xxMessage, 'server'> = { request, response };
    firstResponse4xxChannel.publish({ server: this.server, ...message });
  }
}

/** Of one server since it was made, or of all servers since the process began. */
export function metrics(server?: HttpsServer): HttpsMetrics {
  if (server === undefined) return total.read();
  const observer = observers.get(server);
  if (observer === undefined) throw new TypeError('metrics() takes a server of ktls-transfer/https');
  return observer.tally.read();
}

interface HttpMessage {
  server: Server;
  socket: object;
  request: IncomingMessage;
  response: ServerResponse;
}

/** Node's channels tell of every request, also of those that meet no 'request' listener. */
function observeRequests(): void {
  if (observesRequests) return;
  observesRequests = true;
  subscribe('http.server.request.start', (message) => {
    observers.get((message as HttpMessage).server)?.requested();
  });
  subscribe('http.server.response.finish', (message) => {
    const { server, socket, request, response } = message as HttpMessage;
    observers.get(server)?.responded(request, response, socket);
  });
}
