// A KeyUpdate that waits for its turn among a socket's writes.
import { invalid } from './options';

export class KeyUpdate {
  /** @throws ERR_KTLS_INVALID_OPTION */
  constructor(
    readonly requestPeer: boolean,
    readonly succeed: () => void,
    readonly fail: (error: Error) => void,
  ) {
    if (typeof requestPeer !== 'boolean') throw invalid('requestPeer', 'must be a boolean');
  }
}
