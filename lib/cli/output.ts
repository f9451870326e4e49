// What the command says while it works. One interface, three voices: JSON lines for machines, a bar on a
// terminal, plain lines elsewhere.
import type { AddressInfo } from 'node:net';

import type { Progress, TransferResult } from '../../types/index';
import type { RelayResult } from '../../types/relay';
import { JsonOutput } from './output-json';
import { PlainOutput } from './output-plain';

/** What a transfer of a receiver that stays is told apart by. */
export interface TransferLabel {
  /** 1, 2, 3 … in the order of their beginnings. */
  transfer: number;
  kind: 'push' | 'pull';
  peer: string;
  path: string;
}

/** Of a proxy, from its start to its end. */
export interface ProxyTotals {
  /** Relayed. */
  connections: number;
  /** Of these, and of those that never came so far. */
  failed: number;
  turnedAway: number;
  bytesToTarget: number;
  bytesFromTarget: number;
}

/** Of a file server, from its start to its end. */
export interface ServeTotals {
  connections: number;
  /** Before they could send a request. */
  failed: number;
  requests: number;
}

export interface Output {
  listening(address: AddressInfo): void;
  started(label: TransferLabel): void;
  connectionError(error: Error, peer: string): void;
  warning(text: string): void;
  progress(progress: Progress, label?: TransferLabel): void;
  result(result: TransferResult, label?: TransferLabel): void;
  failure(error: unknown, label?: TransferLabel): void;
  relayStarted(peer: string): void;
  relayEnded(result: RelayResult, peer: string): void;
  proxyEnded(totals: ProxyTotals): void;
  serveEnded(totals: ServeTotals): void;
}

export interface OutputOptions {
  json?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** `many`: several transfers may run at once, for which one bar would lie. */
export function createOutput(options: OutputOptions, many = false): Output {
  const quiet = options.quiet === true;
  if (options.json === true) return new JsonOutput(quiet);
  if (quiet || many || !process.stderr.isTTY) return new PlainOutput(quiet);
  // Scripts, which show no bar, do not wait for its library to be loaded.
  const { BarOutput } = require('./output-bar') as typeof import('./output-bar');
  return new BarOutput();
}
