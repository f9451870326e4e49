// Of the programs that a test starts only Node gets the sanitizers' runtimes: curl hangs with them.
const { join } = require('node:path');

delete process.env.LD_PRELOAD;
process.execPath = join(__dirname, 'node');
