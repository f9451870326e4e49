import { contestants, SLOW } from '../rivals/index.mjs';

/** @typedef {import('./index.mjs').Table} Table */

const SETS = ['ml_small', 'ml_large', 'ml_images_10', 'one_big', 'big16', 'deep', 'mixed'];

/** @type {Table} */
export const rivals = {
  name: 'rivals',
  title: 'Against other programs',
  note: 'Trees over loopback, every program as its users run it. `inside` is the time of the transfer by the program itself, without its start-up.',
  cells({ quick, sets, destinations, caches }) {
    const names = contestants.map(({ name }) => name).filter((name) => !quick || !SLOW.includes(name));
    return (sets ?? (quick ? ['ml_small', 'sizes-268435456-268435456'] : SETS)).flatMap((set) =>
      destinations.flatMap((destination) =>
        caches.map((cache) => ({ set, destination, cache, contestants: names })),
      ),
    );
  },
};
