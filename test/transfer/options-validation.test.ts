// Options are judged alike everywhere, by name, before anything is touched.
import t from 'tap';

import { createReceiver, receiveTree, sendTree, transferDirectory } from '../../lib/index';

const nowhere = '/nonexistent/ktls-transfer';
const code = 'ERR_KTLS_INVALID_OPTION';

/** biome-ignore lint/suspicious/noExplicitAny: wrong types are the subject */
type Any = any;

const calls: Record<string, (options: Any) => Promise<unknown>> = {
  sendTree: async (options) => sendTree(nowhere, 'localhost:1', options),
  receiveTree: async (options) => receiveTree(nowhere, { port: 0, ...options }),
  createReceiver: async (options) => {
    createReceiver({ root: nowhere, ...options });
  },
  push: async (options) => transferDirectory(nowhere, 'ktls://localhost:1', options),
  pull: async (options) => transferDirectory('ktls://localhost:1', nowhere, options),
};
const all = Object.keys(calls);
const acceptors = ['receiveTree', 'createReceiver'];
const initiators = ['sendTree', 'push', 'pull'];

const wrong: [option: string, values: unknown[], functions: string[]][] = [
  ['secret', [1, '', Buffer.alloc(0), {}, null], all],
  ['cert', [1, '', []], all],
  ['key', [true], all],
  ['passphrase', [Buffer.from('x'), ''], all],
  ['ca', [7, [], [7]], all],
  ['fingerprint', [7, [], [7], Buffer.from('x')], all],
  ['servername', [7, ''], all],
  ['cipher', ['aes-128-gcm', 'TLS_AES_128_CCM_SHA256', 3], all],
  ['kernel', [true, 'on'], all],
  ['encryption', [false, 'tls1.3'], all],
  ['insecure', ['yes', 1], all],
  ['maxRecordsPerKey', [0, 15, 2 ** 24 + 1, 1.5, '16'], all],
  ['timeouts', [1000, null, [], { idle: 0 }, { connect: -1 }, { handshake: '1' }, { idle: 2 ** 31 }], all],
  ['timeouts.total', [], all],
  ['signal', [{}, 'now', new AbortController()], all],
  ['onError', ['ignore', true], all],
  ['ownership', ['root'], all],
  ['connections', [0, 65, 1.5, '4', Number.NaN], initiators],
  ['verify', ['no', 0], initiators],
  ['mode', ['fast', 1], ['sendTree', 'push', 'createReceiver']],
  ['blockThreshold', [0, -1, 2 ** 60, '1'], ['sendTree', 'push']],
  ['overwrite', ['no'], [...acceptors, 'pull']],
  ['fsync', [true, 'always'], [...acceptors, 'pull']],
  ['maxConnections', [0, 65], acceptors],
  ['maxUnauthenticated', [0, 65_536], acceptors],
  ['maxTransfers', [0, 1.5], ['createReceiver']],
  ['serve', [1], ['createReceiver']],
  ['root', [7, '', 'a\0b', new URL('http://x/')], ['createReceiver']],
  ['port', [-1, 65_536, '9999'], ['receiveTree']],
  ['host', [7, ''], ['receiveTree']],
  ['onConnectionError', ['x'], ['receiveTree']],
];

for (const [option, values, functions] of wrong) {
  t.test(`${option}: wrong values are refused by name`, async (t) => {
    for (const name of functions) {
      for (const value of values) {
        const shown = typeof value === 'object' ? JSON.stringify(value) : String(value);
        await t.rejects(
          (calls[name] as Any)({ [option]: value }),
          { code, message: option },
          `${name} ${shown}`,
        );
      }
    }
  });
}

t.test('an option of another function, or of none, is refused by name', async (t) => {
  for (const name of all) {
    const call = calls[name] as (options: Any) => Promise<unknown>;
    await t.rejects(call({ sekret: 'x' }), { code, message: "'sekret' is unknown" }, name);
    await t.rejects(call({ toString: 'x' }), { code, message: "'toString' is unknown" }, name);
    await t.rejects(call({ timeouts: { total: 1 } }), { code, message: "'timeouts.total' is unknown" }, name);
    for (const [option, , functions] of wrong) {
      const known = functions.includes(name) || option === 'root' || option === 'port' || option === 'host';
      if (known || option === 'timeouts.total') continue;
      await t.rejects(
        call({ [option]: 1 }),
        { code, message: `'${option}' is unknown` },
        `${name} ${option}`,
      );
    }
  }
});

t.test('options must be an object, undefined means not given', async (t) => {
  for (const options of [null, 'secret', 7, [], () => {}]) {
    await t.rejects(async () => sendTree(nowhere, 'localhost:1', options as Any), { code });
  }
  await t.rejects(async () => sendTree(nowhere, 'localhost:1', { secret: 'long enough', cert: undefined }), {
    code: 'ENOENT',
  });
});

t.test('no encryption needs a second word, and no credentials', async (t) => {
  for (const name of all) {
    const call = calls[name] as (options: Any) => Promise<unknown>;
    await t.rejects(call({ encryption: 'none' }), { code, message: 'insecure: true' }, name);
    await t.rejects(call({ insecure: true }), { code, message: 'insecure' }, name);
    for (const option of ['secret', 'cert', 'key', 'passphrase', 'ca', 'fingerprint', 'servername']) {
      const given = { encryption: 'none', insecure: true, [option]: 'something' };
      await t.rejects(call(given), { code, message: `'${option}' means nothing` }, `${name} ${option}`);
    }
  }
});

t.test('paths are text, bytes or file: URLs', async (t) => {
  const options = { secret: 'long enough' };
  for (const path of [7, '', Buffer.alloc(0), 'a\0b', new URL('https://x/y'), null, undefined]) {
    await t.rejects(async () => sendTree(path as Any, 'localhost:1', options), {
      code,
      message: 'directory',
    });
    await t.rejects(async () => receiveTree(path as Any, { ...options, port: 0 }), {
      code,
      message: 'directory',
    });
  }
  const missing = { code: 'ENOENT', syscall: 'stat', path: nowhere };
  for (const path of [nowhere, Buffer.from(nowhere), new URL(`file://${nowhere}`)]) {
    await t.rejects(async () => sendTree(path, 'localhost:1', options), missing);
  }
  await t.rejects(async () => sendTree(__filename, 'localhost:1', options), { code: 'ENOTDIR' });
});

t.test('transferDirectory wants one URL', async (t) => {
  await t.rejects(async () => transferDirectory('/a', '/b'), { code, message: 'none is' });
  await t.rejects(async () => transferDirectory('ktls://a', 'ktls://b'), { code, message: 'both are' });
});
