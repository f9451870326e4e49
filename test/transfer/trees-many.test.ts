// As many small files as a data set for training has in one shard.
import { join } from 'node:path';
import t from 'tap';

import { generateSecret } from '../../lib/index';
import { compareTrees } from '../helpers/compare-trees';
import { makeDataset } from '../helpers/dataset';
import { temporaryFolder } from '../helpers/temporary-folder';
import { transfer } from '../helpers/transfer-pair';

t.test('100,000 small files', async (t) => {
  const folder = temporaryFolder(t);
  const [source, destination] = [join(folder, 'source'), join(folder, 'destination')];
  const secret = generateSecret();
  const made = makeDataset(source, { files: 100_000, bytes: 40_000_000 });
  const { sent, received } = await transfer(source, destination, { secret, connections: 4 }, { secret });
  t.same(compareTrees(source, destination), []);
  t.match(sent, made);
  t.match(received, made);
});
