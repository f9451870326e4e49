// ktls-transfer: trees, files and streams between machines, over TLS whose record layer is the kernel's.
// types/index.d.ts declares and describes each of these.

export { certificateFingerprint } from './credentials';
export { AbortError, ERROR_CODES, KtlsError, KtlsUnsupportedError } from './errors';
export { DEFAULT_PORT } from './options';
export { probe } from './probe';
export { receiveTree } from './receive-tree';
export { createReceiver, Receiver } from './receiver';
export { generateSecret } from './secret';
export { sendTree } from './send-tree';
export { adopt } from './socket/adopt';
export { connect } from './socket/connect';
export { KtlsSocket } from './socket/ktls-socket';
export { createServer, KtlsServer } from './socket/server';
export { transferDirectory } from './transfer-directory';
