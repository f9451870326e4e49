// --json: one object a line on the standard output; the last is the result. docs/cli.md lists the fields.
import type { AddressInfo } from 'node:net';

import type { Progress, Skipped, TransferResult } from '../../types/index';
import type { RelayResult } from '../../types/relay';
import { KtlsError } from '../errors';
import type { Output, ProxyTotals, ServeTotals, TransferLabel } from './output';

export class JsonOutput implements Output {
  readonly #quiet: boolean;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  listening({ address, port, family }: AddressInfo): void {
    write({ event: 'listening', address, port, family });
  }

  started(label: TransferLabel): void {
    if (!this.#quiet) write({ event: 'transfer', ...label });
  }

  connectionError(error: Error, peer: string): void {
    if (!this.#quiet) write({ event: 'connectionError', peer, error: describe(error) });
  }

  warning(message: string): void {
    write({ event: 'warning', message });
  }

  progress({ currentPathBuffer: _, ...progress }: Progress, label?: TransferLabel): void {
    if (!this.#quiet) write({ event: 'progress', ...number(label), ...progress });
  }

  result(result: TransferResult, label?: TransferLabel): void {
    const skipped = result.skipped.map(describeSkip);
    write({ event: 'result', ok: true, ...number(label), ...result, skipped });
  }

  failure(error: unknown, label?: TransferLabel): void {
    write({ event: 'result', ok: false, ...number(label), error: describe(error) });
  }

  relayStarted(peer: string): void {
    if (!this.#quiet) write({ event: 'connection', peer });
  }

  relayEnded(result: RelayResult, peer: string): void {
    if (!this.#quiet) write({ event: 'connectionEnd', peer, ...result });
  }

  proxyEnded(totals: ProxyTotals): void {
    write({ event: 'result', ok: true, ...totals });
  }

  serveEnded(totals: ServeTotals): void {
    write({ event: 'result', ok: true, ...totals });
  }
}

function write(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function number(label?: TransferLabel): { transfer?: number } {
  return label === undefined ? {} : { transfer: label.transfer };
}

// Names that are not valid UTF-8 or were escaped come as they are, too.
function describeSkip({ path, pathBuffer, code, reason }: Skipped): object {
  const exact = Buffer.from(path).equals(pathBuffer);
  return { path, ...(exact ? {} : { pathBase64: pathBuffer.toString('base64') }), code, reason };
}

function describe(error: unknown): object {
  if (!(error instanceof Error)) return { code: 'ERR_UNKNOWN', message: String(error) };
  const { message, cause } = error;
  const code = (error as NodeJS.ErrnoException).code ?? 'ERR_UNKNOWN';
  if (!(error instanceof KtlsError)) {
    return { code, message: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }
  const { errno, syscall, path, address } = error;
  return { code, message, errno, syscall, path, address };
}
