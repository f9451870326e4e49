// Listening, as a promise.
import type { AddressInfo, ListenOptions, Server } from 'node:net';

/**
 * Resolves with where it listens.
 *
 * @param onError - Hears of what befalls the listening socket afterwards.
 * @throws with the errno name: EADDRINUSE, EACCES, …
 */
export function listen(
  server: Server,
  options: ListenOptions,
  onError: (error: Error) => void,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      server.on('error', onError);
      resolve(server.address() as AddressInfo);
    });
  });
}
