// The public declarations of ktls-transfer. lib/ implements exactly these: test/types/ holds the two
// against each other.
/// <reference types="node" />

export * from './errors.js';
export * from './probe.js';
export * from './security.js';
export * from './socket.js';
export * from './tree.js';
