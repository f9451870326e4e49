// The options of the command proxy, and how they become those of createProxy().
import { type Command, Option } from 'commander';

import type { ProxyConnectTlsOptions, ProxyOptions, ProxyTlsOptions } from '../../types/relay';
import { IDLE_TIMEOUT_MS, invalid, MAX_CONNECTIONS, MODES } from '../relay/options';
import {
  addOutputOptions,
  addTimeoutOptions,
  collect,
  kernelOption,
  parseInteger,
  parseListen,
  parseSeconds,
  readPem,
} from './options';
import type { OutputOptions } from './output';

type Passed = Pick<
  ProxyOptions,
  | 'kernel'
  | 'mode'
  | 'fallback'
  | 'backlogLimit'
  | 'maxConnections'
  | 'timeout'
  | 'idleTimeout'
  | 'connectTimeout'
  | 'handshakeTimeout'
>;

/** As commander collects them. */
export interface ProxyFlags extends OutputOptions, Passed {
  listen: { host?: string | undefined; port: number };
  target: string;
  cert?: string;
  key?: string;
  clientCa?: string[];
  connectTls?: boolean;
  ca?: string[];
  fingerprint?: string[];
  servername?: string;
}

export function addProxyOptions(command: Command): Command {
  command
    .optionsGroup('Where:')
    .requiredOption(
      '--listen <[host:]port>',
      'where to listen; port 0 lets the system choose',
      parseListen as (text: string) => ProxyFlags['listen'],
    )
    .requiredOption('--target <[host:]port>', 'where to connect to, for each connection')
    .optionsGroup('TLS of the clients:')
    .option('--cert <file>', 'clients come with TLS: certificate chain, PEM')
    .option('--key <file>', 'its private key, PEM')
    .option(
      '--client-ca <file>',
      'authority that clients have to show a certificate of (repeatable)',
      collect,
    )
    .optionsGroup('TLS of the target:')
    .option('--connect-tls', 'speak TLS with the target')
    .option('--ca <file>', "authority of its certificate, PEM (default: Node's own; repeatable)", collect)
    .option(
      '--fingerprint <sha256>',
      'its public key, as the fingerprint command prints it (repeatable)',
      collect,
    )
    .option('--servername <name>', 'name in its certificate (default: the host)')
    .optionsGroup('How:')
    .addOption(kernelOption())
    .addOption(new Option('--mode <mode>', 'how bytes move (default: auto)').choices(MODES))
    .option('--fallback', 'with --mode sockmap: go on as auto where it cannot be had')
    .option('--backlog-limit <bytes>', 'with --mode sockmap: what a reader may be behind', parseInteger)
    .option('--max-connections <n>', `at once (default: ${MAX_CONNECTIONS})`, parseInteger);
  addTimeoutOptions(command, { handshake: 'for each TLS handshake', idleMs: IDLE_TIMEOUT_MS }).option(
    '--timeout <seconds>',
    'for the whole of a connection (default: none)',
    parseSeconds,
  );
  return addOutputOptions(command);
}

/** @throws KtlsError; ERR_KTLS_INVALID_OPTION is a usage error. */
export function proxyOptions(flags: ProxyFlags): ProxyOptions {
  const { kernel, mode, fallback, backlogLimit, maxConnections } = flags;
  const { timeout, idleTimeout, connectTimeout, handshakeTimeout } = flags;
  const limits = { backlogLimit, maxConnections, timeout, idleTimeout, connectTimeout, handshakeTimeout };
  const tls = clientTls(flags);
  const connectTls = targetTls(flags);
  return { target: flags.target, tls, connectTls, kernel, mode, fallback, ...limits };
}

function clientTls({ cert, key, clientCa }: ProxyFlags): ProxyTlsOptions | undefined {
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw invalid('cert', 'and key are needed both, where clients come with TLS');
  return { cert: readPem(cert), key: readPem(key), ca: clientCa?.map(readPem) };
}

function targetTls({
  connectTls,
  ca,
  fingerprint,
  servername,
}: ProxyFlags): ProxyConnectTlsOptions | boolean {
  if (connectTls === true) return { ca: ca?.map(readPem), fingerprint, servername };
  if (ca !== undefined || fingerprint !== undefined || servername !== undefined) {
    throw invalid('connect-tls', 'is missing: only with it there is a certificate to be judged');
  }
  return false;
}
