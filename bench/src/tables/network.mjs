import { BASELINE, FEW, LOCAL_COPY, OURS } from '../rivals/index.mjs';

/** @type {import('./index.mjs').Table} */
export const network = {
  name: 'network',
  title: 'Round-trip time',
  note: 'In a guest kernel whose loopback device has netem: half the round-trip time each way, and a rate limit. One CPU, expensive system calls: compare the programs with each other, not with the tables from outside.',
  cells({ quick, sets, rtts, rateMbit }) {
    const trips = quick ? rtts.filter((rtt) => rtt === 0 || rtt === 40) : rtts;
    const contestants = quick ? [OURS, BASELINE] : FEW.filter((name) => name !== LOCAL_COPY);
    return trips.flatMap((rttMs) =>
      (sets ?? (quick ? ['sizes-16777216-16777216'] : ['ml_small', 'sizes-268435456-268435456'])).map(
        (set) => ({
          set,
          destination: 'tmpfs',
          cache: 'warm',
          contestants,
          guest: { rttMs, rateMbit },
        }),
      ),
    );
  },
};
