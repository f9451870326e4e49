// Contestants run in turns that are fair to each.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';

interface Turn {
  repetition: number;
  index: number;
}

const ORDER = pathToFileURL(join(__dirname, '../../bench/src/order.mjs')).href;

t.test('every repetition runs each contestant once, behind another one than before', async (t) => {
  const { inTurns } = (await import(ORDER)) as {
    inTurns(repetitions: number, contestants: number): Iterable<Turn>;
  };
  for (let contestants = 1; contestants <= 12; contestants++) {
    const repetitions = 2 * contestants;
    const rows = Array.from({ length: repetitions }, (): number[] => []);
    for (const { repetition, index } of inTurns(repetitions, contestants)) rows[repetition]?.push(index);
    const everyone = Array.from({ length: contestants }, (_, n) => n);
    t.ok(
      rows.every((row) => String([...row].sort((a, b) => a - b)) === String(everyone)),
      `${contestants}: each has its turn`,
    );
    const behind = new Map<string, number>();
    for (const row of rows) {
      for (const [n, index] of row.slice(1).entries()) {
        const pair = `${row[n]} ${index}`;
        behind.set(pair, (behind.get(pair) ?? 0) + 1);
      }
    }
    t.equal(behind.size, contestants * (contestants - 1), `${contestants}: each runs behind each other`);
    t.ok(
      [...behind.values()].every((times) => times === 2),
      `${contestants}: equally often`,
    );
  }
});
