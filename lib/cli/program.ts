// The commands, their options and their help.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';

import { KtlsError } from '../errors';
import { EXIT, statusOfError } from './exit-status';
import {
  addInitiatorOptions,
  addListenOption,
  addSharedOptions,
  addWriteOptions,
  parseInteger,
} from './options';
import { addProxyOptions } from './options-proxy';
import { addServeOptions } from './options-serve';
import { createOutput } from './output';

const EPILOGUE = `
Start the receiver, then the sender, with the same secret on both machines:
  $ ktls-transfer keygen > key
  $ ktls-transfer recv /backup --listen 9999 --secret-file key
  $ ktls-transfer send /data host:9999 --secret-file key
Or let others fetch:
  $ ktls-transfer recv /data --serve --keep --listen 9999 --secret-file key
  $ ktls-transfer pull host:9999/sub /data --secret-file key
Put TLS in front of a server that has none:
  $ ktls-transfer proxy --listen 443 --target localhost:80 --cert cert.pem --key key.pem
Serve files over HTTPS:
  $ ktls-transfer serve /srv --listen 8443 --cert cert.pem --key key.pem

Environment: KTLS_TRANSFER_SECRET holds the secret where neither --secret-file nor --secret is given.

Exit status: 0 everything arrived; 1 it failed; 2 wrong usage; 3 it ended, but some files were skipped
(they are listed); 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM, 141 with an output that nobody reads any
more, with nothing half-written left.
`;

/** @returns the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.whole;
  const program = createProgram((result) => {
    status = result;
  });
  try {
    await program.parseAsync(argv);
    return status;
  } catch (error) {
    return failed(error, argv);
  }
}

function failed(error: unknown, argv: readonly string[]): number {
  const json = argv.includes('--json');
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.whole; // --help and --version
    // Commander has told a reader already; a program that reads JSON waits for a result.
    if (json) createOutput({ json }).failure(new KtlsError('ERR_KTLS_INVALID_OPTION', error.message));
    return EXIT.usage;
  }
  createOutput({ json }).failure(error);
  return statusOfError(error);
}

function createProgram(done: (status: number) => void): Command {
  // Each command is loaded when it is called: together they take longer to load than a small tree to send.
  const act =
    <Arguments extends unknown[]>(load: () => Promise<(...given: Arguments) => Promise<number> | number>) =>
    async (...given: Arguments) => {
      const command = await load();
      done(await command(...given));
    };

  const program = new Command('ktls-transfer')
    .description(
      'Moves directory trees between machines over TLS 1.3, encrypted by the Linux kernel where it can.',
    )
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .showHelpAfterError('(add --help for what is possible)')
    .configureHelp({ helpWidth: 110 })
    .addHelpText('after', EPILOGUE);

  addSharedOptions(
    addWriteOptions(
      addListenOption(
        program
          .command('recv')
          .summary('wait for a tree')
          .description('Waits for one transfer into DIR, and exits with its outcome.')
          .argument('<dir>', 'where the tree goes; made where it is missing')
          .optionsGroup('How:')
          .option('--keep', 'stay, and take any number of transfers, several at once')
          .option('--serve', 'give DIR out to those who pull, and write nothing; implies --keep'),
      ),
    ),
  ).action(act(async () => (await import('./command-recv.js')).recv));

  addSharedOptions(
    addInitiatorOptions(
      program
        .command('send')
        .summary('send a tree to a receiver')
        .description('Sends what is in DIR to a receiver.')
        .argument('<dir>', 'the folder to send')
        .argument('<target>', 'host:port, host:port/sub/dir, or ktls://host:port/sub/dir')
        .optionsGroup('How:')
        .addOption(
          new Option('--mode <mode>', 'how content leaves (default: auto)').choices([
            'auto',
            'read-send',
            'sendfile',
            'splice',
          ]),
        )
        .option(
          '--block-threshold <bytes>',
          'files of this size travel over all connections (default: 64 MiB; 4 MiB far away)',
          parseInteger,
        ),
    ),
  ).action(act(async () => (await import('./command-send.js')).send));

  addSharedOptions(
    addWriteOptions(
      addInitiatorOptions(
        program
          .command('pull')
          .summary('fetch a tree from recv --serve')
          .description('Fetches a tree from a receiver started with --serve.')
          .argument('<source>', 'host:port, host:port/sub/dir, or ktls://host:port/sub/dir')
          .argument('<dir>', 'where the tree goes; made where it is missing'),
      ),
    ),
  ).action(act(async () => (await import('./command-send.js')).pull));

  addProxyOptions(
    program
      .command('proxy')
      .summary('relay connections to a server, with or without TLS on either side')
      .description(
        'Accepts TCP connections and relays each to the target, outside JavaScript, until a signal ends it: running ' +
          'connections then go on to their ends, unless a second signal comes.',
      ),
  ).action(act(async () => (await import('./command-proxy.js')).proxy));

  addServeOptions(
    program
      .command('serve')
      .summary('serve files over HTTPS')
      .description(
        'Serves the files below DIR over HTTPS, until a signal ends it: requests that are being answered are then ' +
          'answered whole, unless a second signal comes. SIGHUP makes it read certificate and key again.',
      )
      .argument('<dir>', 'what is served; nothing outside of it ever is'),
  ).action(act(async () => (await import('./command-serve.js')).serve));

  program
    .command('keygen')
    .summary('print a new secret')
    .description(
      'Prints a new secret of 256 random bits. Where the output is a file, others lose the right to read it.',
    )
    .action(act(async () => (await import('./command-keys.js')).keygen));

  program
    .command('fingerprint')
    .summary('print what --fingerprint takes')
    .description(
      "Prints the SHA-256 of a certificate's public key, which the other end takes as --fingerprint.",
    )
    .argument('<cert>', 'certificate, PEM or DER')
    .action(act(async () => (await import('./command-keys.js')).fingerprint));

  program
    .command('doctor')
    .summary('say what this machine can do')
    .description('Tries what this kernel can do for TLS, says what is missing and what to do about it.')
    .option('--json', 'the same as one JSON object')
    .action(act(async () => (await import('./command-doctor.js')).doctor));

  return program;
}

function packageVersion(): string {
  const manifest = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
