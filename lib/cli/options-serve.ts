// The options of the command serve.
import type { Command } from 'commander';

import { addOutputOptions, kernelOption, parseListen, parseSeconds } from './options';
import type { OutputOptions } from './output';

/** As commander collects them. */
export interface ServeFlags extends OutputOptions {
  listen: { host?: string | undefined; port: number };
  cert: string;
  key: string;
  index?: boolean;
  dotfiles?: boolean;
  precompressed?: boolean;
  /** Milliseconds. */
  maxAge?: number;
  kernel?: 'auto' | 'require' | 'off';
}

export function addServeOptions(command: Command): Command {
  command
    .optionsGroup('Where:')
    .requiredOption(
      '--listen <[host:]port>',
      'where to listen; port 0 lets the system choose',
      parseListen as (text: string) => ServeFlags['listen'],
    )
    .requiredOption('--cert <file>', 'certificate chain, PEM')
    .requiredOption('--key <file>', 'its private key, PEM')
    .optionsGroup('What:')
    .option('--index', 'answer for a folder without index.html with a list of what is in it')
    .option('--dotfiles', 'also serve what begins with a dot')
    .option('--precompressed', 'send FILE.br or FILE.gz in place of FILE to clients that take it')
    .option(
      '--max-age <seconds>',
      'how long clients may keep a file without asking (default: 0)',
      parseSeconds,
    )
    .optionsGroup('How:')
    .addOption(kernelOption());
  return addOutputOptions(command);
}
