// `openssl s_client` as the client, with a session in a file to keep or to resume.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ClientOptions {
  port: number;
  /** PEM file. */
  ca: string;
  servername?: string;
  /** Where the last ticket that came is written. */
  keep?: string;
  /** The session that is offered. */
  resume?: string;
  /** Options of s_client itself. */
  more?: string[];
  /** What is sent when the handshake is done. */
  say?: string;
}

/** Reads until the server ends, and tells whether it took the session. */
export async function opensslClient(options: ClientOptions): Promise<{ resumed: boolean; output: string }> {
  const { port, ca, servername = 'localhost', keep, resume, more = [], say = '' } = options;
  const client = run('openssl', [
    's_client',
    ...['-connect', `127.0.0.1:${port}`, '-CAfile', ca, '-verify_return_error'],
    ...['-servername', servername, '-ign_eof'],
    ...(keep === undefined ? [] : ['-sess_out', keep]),
    ...(resume === undefined ? [] : ['-sess_in', resume]),
    ...more,
  ]);
  client.child.stdin?.end(say);
  const { stdout } = await client;
  return { resumed: /^Reused, TLS/m.test(stdout), output: stdout };
}
