#!/usr/bin/env node
// The command `ktls-transfer`.
import { runProgram } from './program';
import { watchOutputs } from './signals';

watchOutputs();
runProgram(process.argv).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`ktls-transfer: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
