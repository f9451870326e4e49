// The guest that the kTLS tests rely on has everything they need.
import t from 'tap';

import { probe } from '../../lib/index';

t.test('the kernel takes every cipher, in both directions', async (t) => {
  const report = probe();
  t.match(report, { ulp: true, openssl: true });
  t.equal(report.ciphers.length, 3);
  for (const { cipher, tx, rx } of report.ciphers) {
    t.match(tx, { available: true }, `${cipher} tx: ${tx.reason}`);
    t.match(rx, { available: true }, `${cipher} rx: ${rx.reason}`);
  }
});
