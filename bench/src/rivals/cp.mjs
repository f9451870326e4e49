import { needs } from './contestant.mjs';

/** The local copy, without a network: what the files themselves cost.
 * @type {import('./contestant.mjs').Contestant} */
export const cp = {
  name: 'cp -a',
  encrypted: false,
  missing: needs('cp'),
  plan: async (_, source, destination) => ({ send: ['cp', '-a', `${source}/.`, destination] }),
};
