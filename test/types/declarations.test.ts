// types/*.d.ts are written by hand: the compiler holds them against lib/.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import * as ts from 'typescript';

const top = join(__dirname, '..', '..');

t.test('declarations and implementation agree, in every export, parameter and error code', async (t) => {
  const { config } = ts.readConfigFile(join(top, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, top);
  const files = readdirSync(__dirname).filter((name) => name.startsWith('conformance'));
  const program = ts.createProgram(
    files.map((name) => join(__dirname, name)),
    {
      ...options,
      rootDir: top,
      noEmit: true,
      // Not only where they are used: the declarations themselves must compile.
      skipLibCheck: false,
      skipDefaultLibCheck: true,
    },
  );
  const ours = ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file === undefined || !file.fileName.includes('/node_modules/'))
    .map(({ file, start, messageText }) => {
      const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
      return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  t.same(ours, []);
});
