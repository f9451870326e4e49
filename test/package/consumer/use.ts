// A program as a user writes it: it must compile against the published declarations, in every module system.
import {
  createReceiver,
  KtlsError,
  probe,
  receiveTree,
  sendTree,
  type TransferResult,
  transferDirectory,
} from 'ktls-transfer';
import { createProxy, type RelayResult, relay } from 'ktls-transfer/relay';

export async function use(signal: AbortSignal): Promise<TransferResult> {
  const transfer = sendTree('/data', 'host:9999', { secret: 'secret', connections: 4, signal });
  for await (const progress of transfer) {
    const bytes: number = progress.bytes;
    console.log(bytes, progress.filesTotal, progress.currentPath);
  }
  const server = createReceiver({ root: '/srv/in', secret: 'secret' });
  await server.listen({ port: 9999 });
  server.on('transfer', (incoming) => incoming.then((result) => console.log(result.record.tx === 'kernel')));
  await server.close();
  try {
    await using pulled = transferDirectory('ktls://host:9999/sub', '/data', { secret: 'secret' });
    return await pulled;
  } catch (error) {
    if (error instanceof KtlsError) console.error(error.code, probe().kernelRelease);
    return await receiveTree('/backup', { port: 9999, secret: 'secret' });
  }
}

// @ts-expect-error: there is no such option
sendTree('/data', 'host:9999', { secret: 'secret', conections: 4 });

export async function useRelay(signal: AbortSignal): Promise<RelayResult> {
  const proxy = createProxy({ listen: 443, target: 'host:80', tls: { key: 'PEM', cert: 'PEM' } });
  proxy.on('connectionEnd', ({ bytesAtoB, mode }, peer) => console.log(bytesAtoB, mode, peer));
  await proxy.close({ abort: true });
  return relay(3, 4, { mode: 'splice', signal });
}
