// The order in which the contestants of a cell run.

/**
 * Every repetition runs each once. Which one ran before, and so what it left in memory and caches, changes with every
 * repetition, as in a Williams design: 0, 1, n - 1, 2, n - 2, … and each repetition one further on; where their number is
 * odd, every other repetition backwards.
 *
 * @param {number} repetitions
 * @param {number} contestants
 * @returns {Generator<{ repetition: number, index: number }>}
 */
export function* inTurns(repetitions, contestants) {
  const first = Array.from({ length: contestants }, (_, n) =>
    n % 2 === 1 ? (n + 1) / 2 : (contestants - n / 2) % contestants,
  );
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const row = first.map((index) => (index + repetition) % contestants);
    const backwards = contestants % 2 === 1 && repetition % 2 === 1;
    for (const index of backwards ? row.reverse() : row) yield { repetition, index };
  }
}
