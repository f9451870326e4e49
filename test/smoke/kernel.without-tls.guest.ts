// A kernel without the tls module: said in words, and worked around unless the kernel was required.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { probe, receiveTree, sendTree } from '../../lib/index';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { temporaryFolder } from '../helpers/temporary-folder';

const secret = 'kS0yq0Jq4b1P2w3o4n5m6l7k8j9h0g1f2e3d4c5b6a7';

t.test('probe() says that the module is missing, and what to do', async (t) => {
  const report = probe();
  t.match(report, { ulp: false, ulpReason: /modprobe tls/ });
  for (const { tx, rx } of report.ciphers) t.match([tx, rx], [{ available: false }, { available: false }]);
});

t.test("kernel: 'auto' transfers by user space, and says why", async (t) => {
  const folder = temporaryFolder(t);
  const [source, destination] = ['source', 'destination'].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  makeDataset(source, { files: 30, bytes: 100_000 });
  mkdirSync(destination);
  const receiving = receiveTree(destination, { port: 0, host: '127.0.0.1', secret });
  const { port } = await receiving.listening;
  const [sent, received] = await Promise.all([sendTree(source, `127.0.0.1:${port}`, { secret }), receiving]);
  for (const { record } of [sent, received])
    t.match(record, { tx: 'user', rx: 'user', reason: /modprobe tls/ });
  t.same(compareTrees(source, destination), []);
});

t.test("kernel: 'require' fails", async (t) => {
  const folder = temporaryFolder(t);
  const stop = new AbortController();
  const receiving = receiveTree(folder, { port: 0, host: '127.0.0.1', secret, signal: stop.signal });
  const stopped = t.rejects(Promise.resolve(receiving), { code: 'ABORT_ERR' });
  const { port } = await receiving.listening;
  await t.rejects(Promise.resolve(sendTree(folder, `127.0.0.1:${port}`, { secret, kernel: 'require' })), {
    code: 'ERR_KTLS_KERNEL_REQUIRED',
    message: /modprobe tls/,
  });
  stop.abort();
  await stopped;
});
