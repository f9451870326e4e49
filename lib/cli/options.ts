// The options that several commands share, and how they become the options of the API.
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';

import type { CommonOptions, InitiatorOptions, ListenOptions, WriteOptions } from '../../types/index';
import { KtlsError } from '../errors';
import { DEFAULT_PORT, DEFAULTS } from '../options';
import type { OutputOptions } from './output';
import { findSecret, promptSecret, type SecretSources } from './secret';

/** As commander collects them. */
export interface SharedFlags extends OutputOptions, SecretSources {
  cert?: string;
  key?: string;
  ca?: string[];
  fingerprint?: string[];
  servername?: string;
  cipher?: NonNullable<CommonOptions['cipher']>;
  kernel?: NonNullable<CommonOptions['kernel']>;
  encryption?: NonNullable<CommonOptions['encryption']>;
  insecure?: boolean;
  connectTimeout?: number;
  handshakeTimeout?: number;
  idleTimeout?: number;
  onError?: 'stop' | 'continue';
  ownership?: boolean;
}

export interface InitiatorFlags extends SharedFlags {
  connections?: number;
  verify: boolean;
}

export interface WriteFlags {
  overwrite: boolean;
  fsync?: NonNullable<WriteOptions['fsync']>;
}

const CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

export const collect = (value: string, previous: string[] = []): string[] => [...previous, value];

export function parseInteger(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Not a number.');
  return Number(text);
}

export function parseSeconds(text: string): number {
  const milliseconds = Math.round(Number(text) * 1000);
  if (!/^\d+(\.\d+)?$/.test(text) || milliseconds < 1)
    throw new InvalidArgumentError('Not a number of seconds.');
  return milliseconds;
}

/** '[HOST:]PORT'. */
export function parseListen(text: string): ListenOptions {
  const match = /^(?:(?:\[([^\]\s]+)\]|([^:\s]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError('Not [HOST:]PORT.');
  const host = match[1] ?? match[2];
  return host === undefined || host === '' ? { port } : { port, host };
}

/** The help of an option whose default is in milliseconds. */
export function seconds(what: string, milliseconds: number): string {
  return `${what} (default: ${milliseconds / 1000})`;
}

export function kernelOption(): Option {
  return new Option('--kernel <policy>', 'encryption by the kernel (default: auto)').choices([
    'auto',
    'require',
    'off',
  ]);
}

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--json', 'one JSON object a line on the standard output, the last is the result')
    .option('--quiet', 'only errors, warnings and what was skipped');
}

export function addSharedOptions(command: Command): Command {
  command
    .optionsGroup('Who may talk to whom:')
    .option('--secret-file <file>', 'shared secret, as keygen makes it; keep it chmod 600')
    .option('--secret <secret>', 'the same as an argument, which other users of the machine can see')
    .option('--cert <file>', "this end's certificate chain, PEM")
    .option('--key <file>', 'its private key, PEM')
    .option('--ca <file>', "authority of the peer's certificate, PEM (repeatable)", collect)
    .option(
      '--fingerprint <sha256>',
      "the peer's public key, as the fingerprint command prints it (repeatable)",
      collect,
    )
    .option('--servername <name>', "name in the peer's certificate (default: the host)")
    .addOption(new Option('--cipher <name>', 'the one cipher to use').choices(CIPHERS))
    .addOption(
      new Option('--encryption <kind>', "'none' sends all in clear; needs --insecure").choices([
        'tls',
        'none',
      ]),
    )
    .option('--insecure', 'confirm --encryption none')
    .optionsGroup('How:')
    .addOption(kernelOption())
    .addOption(
      new Option('--on-error <choice>', 'after a file that the receiver cannot write').choices([
        'stop',
        'continue',
      ]),
    )
    .option('--ownership', 'set uid and gid (as root)');
  addTimeoutOptions(command, { handshake: 'for the TLS handshake', idleMs: DEFAULTS.idleTimeoutMs });
  return addOutputOptions(command);
}

/** `handshake` says what that limit is for; `idleMs` is the default of the idle one, in milliseconds. */
export function addTimeoutOptions(
  command: Command,
  { handshake, idleMs }: { handshake: string; idleMs: number },
): Command {
  return command
    .option(
      '--connect-timeout <seconds>',
      seconds('until TCP is connected', DEFAULTS.connectTimeoutMs),
      parseSeconds,
    )
    .option('--handshake-timeout <seconds>', seconds(handshake, DEFAULTS.handshakeTimeoutMs), parseSeconds)
    .option('--idle-timeout <seconds>', seconds('while no byte moves', idleMs), parseSeconds);
}

export function addInitiatorOptions(command: Command): Command {
  return command
    .optionsGroup('How:')
    .option(
      '--connections <n>',
      'TCP connections, 1 to 64 (default: by work and cores, at most 4; 8 far away)',
      parseInteger,
    )
    .option('--no-verify', "do not compare hashes of the files' content");
}

export function addWriteOptions(command: Command): Command {
  return command
    .optionsGroup('How:')
    .option('--no-overwrite', 'leave files alone that are there already, and report them')
    .addOption(
      new Option('--fsync <when>', 'when data must be on the disk (default: none)').choices([
        'none',
        'end',
        'file',
      ]),
    );
}

export function addListenOption(command: Command): Command {
  return command
    .optionsGroup('How:')
    .option(
      '--listen <[host:]port>',
      `where to listen; port 0 lets the system choose (default: ${DEFAULT_PORT})`,
      parseListen,
    );
}

/** @throws KtlsError; ERR_KTLS_INVALID_OPTION is a usage error. */
export async function sharedOptions(
  flags: SharedFlags,
  warn: (text: string) => void,
): Promise<CommonOptions> {
  const { cipher, kernel, encryption, insecure, servername, fingerprint, onError, ownership } = flags;
  const { connectTimeout: connect, handshakeTimeout: handshake, idleTimeout: idle } = flags;
  const given = { cipher, kernel, encryption, insecure, servername, fingerprint, onError, ownership };
  return {
    ...given,
    timeouts: { connect, handshake, idle },
    ...(flags.cert === undefined ? {} : { cert: readPem(flags.cert) }),
    ...(flags.key === undefined ? {} : { key: readPem(flags.key) }),
    ...(flags.ca === undefined ? {} : { ca: flags.ca.map(readPem) }),
    secret: await secretOption(flags, warn),
  };
}

export function initiatorOptions(flags: InitiatorFlags): Pick<InitiatorOptions, 'connections' | 'verify'> {
  return { connections: flags.connections, verify: flags.verify };
}

export function writeOptions(flags: WriteFlags): WriteOptions {
  return { overwrite: flags.overwrite, fsync: flags.fsync };
}

async function secretOption(flags: SharedFlags, warn: (text: string) => void): Promise<string | undefined> {
  const secret = findSecret(flags, warn);
  if (secret !== undefined) return secret;
  const otherwise = [flags.cert, flags.ca, flags.fingerprint].some((flag) => flag !== undefined);
  if (otherwise || flags.encryption === 'none') return undefined;
  if (process.stdin.isTTY && process.stderr.isTTY) return promptSecret();
  throw new KtlsError(
    'ERR_KTLS_INVALID_OPTION',
    'nothing says who may connect: give --secret-file (see keygen), KTLS_TRANSFER_SECRET, or certificates',
  );
}

export function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code = 'ERR_KTLS_SYSTEM', errno = 0 } = cause as NodeJS.ErrnoException;
    const details = { cause, errno: Math.abs(errno), syscall: 'open', path };
    throw new KtlsError(code, `${code}: the file cannot be read, '${path}'`, details);
  }
}
