import type { SecureContext } from 'node:tls';

import type { ServerContext, ServerHandshakeOptions } from '../../lib/handshake/accept';
import { Acceptor, type AcceptorOptions } from '../../lib/handshake/acceptor';
import { type ClientContext, type ConnectBounds, connectTls, dialSocket } from '../../lib/handshake/connect';
import type { Established } from '../../lib/handshake/handshake';

type Teardown = { teardown(handler: () => unknown): void };

export interface Listening {
  acceptor: Acceptor;
  port: number;
  /** The next connection that got through, or the error of the next that did not. */
  next(): Promise<Established>;
  errors: Error[];
}

/** A loaded machine may take its time, and few tests are about that. */
const PATIENCE_MS = 120_000;

/** A server of ours on a free port, closed after the test. */
export async function listen(
  t: Teardown,
  context: ServerContext,
  options: Partial<AcceptorOptions> = {},
): Promise<Listening> {
  const arrived: Promise<Established>[] = [];
  const waiting: ((outcome: Promise<Established>) => void)[] = [];
  const errors: Error[] = [];
  const deliver = (outcome: Promise<Established>) => {
    outcome.catch(() => {});
    const waiter = waiting.shift();
    if (waiter) waiter(outcome);
    else arrived.push(outcome);
  };
  const acceptor = new Acceptor({
    context,
    onEstablished: (established) => deliver(Promise.resolve(established)),
    onRefused: (error) => {
      errors.push(error);
      deliver(Promise.reject(error));
    },
    ...options,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? PATIENCE_MS,
  });
  const { port } = await acceptor.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => acceptor.close());
  const next = () => arrived.shift() ?? new Promise<Established>((resolve) => waiting.push(resolve));
  return { acceptor, port, next, errors };
}

/** Of a server that lets anybody in. */
export function openContext(
  secureContext: () => SecureContext,
  options: ServerHandshakeOptions = {},
): ServerContext {
  const [verify, identity] = [() => undefined, () => undefined];
  return { authentication: 'certificate', secureContext, options, verify, identity };
}

export async function dial(
  port: number,
  context: ClientContext,
  bounds: Partial<ConnectBounds> = {},
): Promise<Established> {
  const fd = await dialSocket('127.0.0.1', port, { timeoutMs: PATIENCE_MS });
  const { timeoutMs = PATIENCE_MS } = bounds;
  return connectTls(fd, context, { host: 'localhost', address: `localhost:${port}`, ...bounds, timeoutMs });
}
