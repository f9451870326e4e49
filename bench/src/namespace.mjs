// A network namespace in which every TCP connection has a congestion control of one's choice, whatever
// program opens it: a route to loopback carries it, so that nothing on the machine itself is changed.
import { spawnSync } from 'node:child_process';

const SETUP = `set -e
ip link set lo up
for address in 127.0.0.0/8 127.0.0.1; do
  ip route replace local $address dev lo table local proto kernel scope host src 127.0.0.1 congctl "$KTLS_BENCH_CONGESTION"
done
exec "$@"`;

/** What the namespace that this process is in was made for, if any. */
export const congestionControl = process.env.KTLS_BENCH_CONGESTION;

/**
 * Runs this program again with the same arguments in such a namespace.
 *
 * @param {string} control
 * @returns {number} Its exit status.
 */
export function rerunWith(control) {
  const env = { ...process.env, KTLS_BENCH_CONGESTION: control };
  const args = ['-n', 'sh', '-c', SETUP, 'sh', process.execPath, ...process.argv.slice(1)];
  return spawnSync('unshare', args, { env, stdio: 'inherit' }).status ?? 1;
}
