// What the end that dials says first.
import type { Hello, NativeConnection } from './native';
import type { ResolvedTimeouts } from './options';

/** HELLO and its answer; an abort closes the connection under it. */
export async function sayHello(
  connection: NativeConnection,
  hello: Hello,
  timeouts: ResolvedTimeouts,
  signal: AbortSignal,
) {
  const close = () => connection.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    signal.throwIfAborted();
    const answer = await connection.hello(hello, timeouts.handshake);
    // The answer may have come at the moment of the abort, which has closed the connection.
    signal.throwIfAborted();
    return answer;
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}
