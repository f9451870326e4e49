// proxy: relays each connection to a target, until a signal ends it.
import { createProxy, type ProxyServer } from '../relay';
import { Stopped, statusOfSignal } from './exit-status';
import { type ProxyFlags, proxyOptions } from './options-proxy';
import { createOutput, type Output, type ProxyTotals } from './output';
import { withStopSignals } from './signals';

export async function proxy(flags: ProxyFlags): Promise<number> {
  const output = createOutput(flags, true);
  const server = createProxy(proxyOptions(flags));
  const totals = count(server, output);
  return withStopSignals(
    (text) => output.warning(text),
    async (signal) => {
      output.listening(await server.listen(flags.listen));
      await stopped(server, signal);
      await server.close();
      output.proxyEnded({ ...totals, turnedAway: server.turnedAway });
      return signal.reason instanceof Stopped ? statusOfSignal(signal.reason.signal) : 1;
    },
  );
}

/** Resolves with the signal; rejects when it cannot listen any more. */
function stopped(server: ProxyServer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Tells of every connection, and keeps the sums. */
function count(server: ProxyServer, output: Output): Omit<ProxyTotals, 'turnedAway'> {
  const totals = { connections: 0, failed: 0, bytesToTarget: 0, bytesFromTarget: 0 };
  server.on('connection', (relay, peer) => {
    totals.connections++;
    output.relayStarted(peer);
    const add = () => {
      totals.bytesToTarget += relay.bytesAtoB;
      totals.bytesFromTarget += relay.bytesBtoA;
    };
    relay.then(add, add);
  });
  server.on('connectionEnd', (result, peer) => output.relayEnded(result, peer));
  server.on('connectionError', (error, peer) => {
    totals.failed++;
    output.connectionError(error, peer);
  });
  return totals;
}
