// Where the command finds its secret, and what it says about careless places.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

import { KtlsError } from '../errors';
import { Stopped } from './exit-status';

const VARIABLE = 'KTLS_TRANSFER_SECRET';
const OTHERS = 0o077;
const SECRET_FILE_LIMIT = 64 * 1024;

export interface SecretSources {
  secret?: string;
  secretFile?: string;
}

/**
 * From --secret-file, --secret or the environment, in this order.
 *
 * @returns undefined where none is set.
 */
export function findSecret(sources: SecretSources, warn: (text: string) => void): string | undefined {
  if (sources.secret !== undefined && sources.secretFile !== undefined) {
    throw new KtlsError('ERR_KTLS_INVALID_OPTION', '--secret and --secret-file exclude each other');
  }
  if (sources.secretFile !== undefined) return readSecretFile(sources.secretFile, warn);
  if (sources.secret !== undefined) {
    // libuv overwrites the arguments in memory: from here on `ps` shows only this.
    process.title = 'ktls-transfer';
    warn(
      "--secret is visible to this machine's other users in the list of processes, and stays in the " +
        `shell's history: prefer --secret-file or ${VARIABLE}`,
    );
    return notEmpty(sources.secret, '--secret');
  }
  const inherited = process.env[VARIABLE];
  return inherited === undefined ? undefined : notEmpty(inherited, VARIABLE);
}

function notEmpty(secret: string, source: string): string {
  if (secret === '') throw new KtlsError('ERR_KTLS_INVALID_OPTION', `${source} is empty`);
  return secret;
}

function readSecretFile(path: string, warn: (text: string) => void): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    const { code = 'ERR_KTLS_SYSTEM', errno = 0 } = cause as NodeJS.ErrnoException;
    const details = { cause, errno: Math.abs(errno), syscall: 'open', path };
    throw new KtlsError(code, `${code}: the secret file cannot be opened, '${path}'`, details);
  }
  try {
    const status = fstatSync(fd);
    if (status.isFile() && (status.mode & OTHERS) !== 0) {
      warn(`the secret file '${path}' can be read by other users: chmod 600 it`);
    }
    if (status.size > SECRET_FILE_LIMIT) {
      throw new KtlsError('ERR_KTLS_INVALID_OPTION', `'${path}' is too large to be a secret file`);
    }
    // Editors and `keygen > k` end the line; that is no part of the secret.
    return notEmpty(readFileSync(fd, 'utf8').replace(/\r?\n$/, ''), `the secret file '${path}'`);
  } finally {
    closeSync(fd);
  }
}

/** Asks on the terminal, without echo. */
export function promptSecret(): Promise<string> {
  const { stdin, stderr } = process;
  // In this order: whoever answers at the sight of the prompt must not be echoed.
  stdin.setRawMode(true);
  stderr.write('Secret: ');
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (settle: () => void) => {
      stdin.off('data', read);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const read = (text: string) => {
      for (const character of text) {
        if (character === '\u0003') return end(() => reject(new Stopped('SIGINT')));
        if (character === '\r' || character === '\n' || character === '\u0004') {
          return end(() => {
            if (typed !== '') resolve(typed);
            else reject(new KtlsError('ERR_KTLS_INVALID_OPTION', 'no secret was typed'));
          });
        }
        typed = character === '\u007f' || character === '\b' ? typed.slice(0, -1) : typed + character;
      }
    };
    stdin.on('data', read);
  });
}
