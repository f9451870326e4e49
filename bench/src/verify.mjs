// Whether a transfer's result is the source, by rsync's own comparison of every byte.
import { output } from './process.mjs';

// rsync's itemized line: YXcstpog… : what would be done, the entry's type, then one letter for what differs.
const METADATA = [
  { column: 4, name: 'times' },
  { column: 5, name: 'modes' },
  { column: 6, name: 'owners' },
  { column: 7, name: 'groups' },
];

/**
 * @param {string} source
 * @param {string} destination
 * @returns {Promise<string[]>} Which metadata it did not keep. Rejects when an entry is missing, added or
 *   differs in content.
 */
export async function verify(source, destination) {
  const listing = await output('rsync', ['-anic', '--delete', `${source}/`, `${destination}/`]);
  const lines = listing.split('\n').filter((line) => line !== '' && !line.endsWith(' ./'));
  const wrong = lines.filter((line) => !line.startsWith('.'));
  if (wrong.length > 0) {
    throw new Error(
      `wrong result: ${wrong.length} entries missing, added or different, first: ${wrong[0]?.trim()}`,
    );
  }
  return METADATA.filter(({ column }) => lines.some((line) => /[a-zA-Z]/.test(line.charAt(column)))).map(
    ({ name }) => name,
  );
}
