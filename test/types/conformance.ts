// Compiled, never run: what lib/ exports is what types/index.d.ts declares, no more and no less, and
// the declarations are what a user needs.
import * as implementation from '../../lib/index';
import type * as declaration from '../../types/index';
import { type Functions, type ParametersAgree, type Same, yes } from './agreement';

type Implemented = typeof implementation;
type Declared = typeof declaration;

yes<Same<keyof Implemented, keyof Declared>>();
yes<Same<implementation.KtlsError['code'], declaration.KtlsError['code']>>();
yes<Same<keyof typeof implementation.ERROR_CODES, declaration.KtlsErrorCode>>();

// What users call is what is implemented, parameters and all.
const functions: Functions<Declared> = implementation;
yes<ParametersAgree<Declared, Implemented>>();
const receiver: declaration.Receiver = implementation.createReceiver({ root: '/' });
const error: declaration.KtlsError = new implementation.KtlsError('ENOSPC', 'x');
const unsupported: declaration.KtlsUnsupportedError = new implementation.KtlsUnsupportedError('x');
const aborted: declaration.AbortError = new implementation.AbortError();
void [functions, receiver, error, unsupported, aborted];

// How users write it.
export async function usage(signal: AbortSignal): Promise<string[]> {
  const { sendTree, receiveTree, createReceiver, transferDirectory, probe, generateSecret } =
    implementation as unknown as Declared;
  const secret = generateSecret();
  const transfer = sendTree('/data', 'host:9999', { secret, connections: 4, signal });
  for await (const progress of transfer) console.log(progress.files, progress.currentPath);
  const result = await transfer;
  const maybe: string | undefined = undefined;
  const one = receiveTree(Buffer.from('/backup'), { port: 0, secret: maybe, host: maybe });
  const { port } = await one.listening;
  const server = createReceiver({ root: '/srv/in', secret });
  server.on('transfer', (incoming) => console.log(incoming.peer, incoming.kind === 'push', port));
  server.on('connectionError', (error, peer) => console.log(error.code, peer));
  // @ts-expect-error: no such event
  server.on('tranfser', () => {});
  await server.listen({ port: 9999 });
  await server.close({ abort: true });
  await transferDirectory('/data', 'ktls://host:9999/sub/dir', { secret });
  await sendTree('/data', 'host', { secret }).catch(() => null);
  // @ts-expect-error: a name that is none
  await sendTree('/data', 'host', { sekret: secret });
  // @ts-expect-error: made by createReceiver only
  new (implementation as unknown as Declared).Receiver();
  const places: ('kernel' | 'user' | 'none')[] = [result.record.tx, result.record.rx];
  return [...places, ...probe().ciphers.map(({ cipher }) => cipher)];
}
