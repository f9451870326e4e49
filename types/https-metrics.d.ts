// What the servers of ktls-transfer/https count and tell. lib/https implements exactly these.
/// <reference types="node" />

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { HttpsServer } from './https.js';
import type { Placement } from './index.js';
import type { KtlsSocket } from './socket.js';

/**
 * What a server has counted since it was made, or without an argument all servers since the process began.
 * Reading costs a few microseconds, and one more for every few open connections.
 *
 * @throws {TypeError} when it is another server.
 *
 * @example
 * const { handshakes, record, firstResponse4xx } = metrics(server);
 */
export function metrics(server?: HttpsServer): HttpsMetrics;

/**
 * Adds the metrics of all servers of the process to a registry of prom-client, by default to its own. Their names
 * begin with `ktls_https_`; docs/https.md lists them. Handshake times are counted from this call on.
 *
 * @throws {KtlsUnsupportedError} ERR_KTLS_UNSUPPORTED where the package prom-client is not installed.
 */
export function registerMetrics(register?: MetricsRegistry): void;

/** A `Registry` of prom-client. */
export interface MetricsRegistry {
  registerMetric(metric: never): void;
}

export interface HttpsMetrics {
  /** Those whose handshake succeeded. */
  connections: { open: number; total: number };
  handshakes: {
    full: number;
    resumed: number;
    /** Also connections that ended, or were too slow, before their handshake was done. */
    failed: number;
    /** By `error.code`. */
    failures: Record<string, number>;
    /** Of those that succeeded, in milliseconds. From taking the connection to the last byte. */
    durationMs: { mean: number; p50: number; p95: number; p99: number; max: number };
  };
  /** Connections by version of TLS: `TLSv1.3`, `TLSv1.2`. */
  protocols: Record<string, number>;
  /** Connections by cipher suite. */
  ciphers: Record<string, number>;
  /** Connections by who encrypts (`tx`) and decrypts (`rx`), and by why. */
  record: {
    tx: Record<Placement, number>;
    rx: Record<Placement, number>;
    reasons: Record<string, number>;
  };
  /** Of HTTP, heads included; neither TLS nor what the handshake took. */
  bytes: { read: number; written: number };
  /** Not those that were upgraded. */
  requests: number;
  /** That were sent, by class of status. */
  responses: Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx', number>;
  /**
   * Connections whose first response was 4xx. Browsers that meet an error on a new connection may close it and
   * open the next: where this grows with `handshakes`, serve what is asked for, such as /favicon.ico.
   */
  firstResponse4xx: number;
}

/** On the channel `ktls-transfer:handshake` of node:diagnostics_channel: a connection is ready. */
export interface HandshakeMessage {
  server: HttpsServer;
  socket: KtlsSocket;
  durationMs: number;
  resumed: boolean;
  protocol: string;
  record: KtlsSocket['record'];
}

/** On the channel `ktls-transfer:handshake:failed`. */
export interface HandshakeFailedMessage {
  server: HttpsServer;
  error: Error & { code?: string };
  /** The peer's `host:port`. */
  address: string;
}

/** On the channel `ktls-transfer:connection:closed`. */
export interface ConnectionClosedMessage {
  server: HttpsServer;
  socket: KtlsSocket;
  bytesRead: number;
  bytesWritten: number;
}

/** On the channel `ktls-transfer:response:first4xx`: the first response of a connection was 4xx. */
export interface FirstResponse4xxMessage {
  server: HttpsServer;
  request: IncomingMessage;
  response: ServerResponse;
}
