import { spawnSync } from 'node:child_process';

/**
 * What `rsync -anic --checksum` would change to make `right` like `left`, one itemized line for each file: a second
 * opinion beside compareTrees(). Hard links, times to the nanosecond and extra files count too.
 */
export function rsyncDifferences(left: string, right: string): string[] {
  const options = ['-anic', '--checksum', '--hard-links', '--delete', '--modify-window=-1'];
  const { status, stdout, stderr, error } = spawnSync('rsync', [...options, `${left}/`, `${right}/`], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`rsync ended with ${status}: ${stderr}`);
  return stdout.split('\n').filter((line) => line !== '');
}
