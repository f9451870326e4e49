// The studies that the package started from, repeated with its own modes, in a kernel with kTLS.
import { BASELINE, OURS } from '../rivals/index.mjs';

/** @typedef {import('./index.mjs').Table} Table */
/** @typedef {import('../rivals/index.mjs').Entry} Entry */

const MODES = /** @type {const} */ (['read-send', 'sendfile', 'splice']);
const MB = 1e6;
const GUEST =
  'In a guest kernel with kTLS: one CPU, expensive system calls. Compare the rows, not with the tables from outside.';

/** @param {import('../rivals/ktls-transfer.mjs').Settings} settings
 * @returns {Entry} */
function ours(settings) {
  const { plaintext, kernel, mode } = settings;
  const layer = plaintext ? 'plaintext' : kernel === 'off' ? 'user space' : 'kTLS';
  return { name: [OURS, layer, mode].filter(Boolean).join(', '), settings };
}

/** @param {import('./index.mjs').Choice} choice
 * @returns {import('../cells.mjs').Guest} */
const guest = ({ module }) => (module === undefined ? {} : { module });

/** @type {Table} */
export const ktlsRsync = {
  name: 'ktls',
  title: 'kTLS against rsync over ssh',
  note: GUEST,
  cells: (choice) =>
    (choice.sets ?? (choice.quick ? ['count-200'] : ['ml_small', 'ml_large', 'ml_images_10'])).map((set) => ({
      set,
      destination: 'tmpfs',
      cache: 'warm',
      contestants: [ours({ kernel: 'require' }), ours({ kernel: 'off' }), BASELINE],
      guest: guest(choice),
    })),
};

/** @type {Table} */
export const modes = {
  name: 'modes',
  title: 'Plaintext and kTLS by read+send, sendfile and splice',
  note: `${GUEST} \`delayed\` counts the acknowledgements that TCP held back: a sender whose buffer is smaller than what it writes at once waits for each, 40 ms or more. Content hashes are off.`,
  cells: (choice) =>
    (choice.quick ? [undefined] : [undefined, 32 * 1024]).map((sendBuffer) => ({
      set: choice.quick || sendBuffer !== undefined ? 'sizes-16777216-16777216' : 'sizes-268435456-268435456',
      destination: 'tmpfs',
      cache: 'warm',
      contestants: [true, false].flatMap((plaintext) =>
        MODES.map((mode) =>
          ours({ plaintext, mode, kernel: plaintext ? undefined : 'require', connections: 1, verify: false }),
        ),
      ),
      guest: { ...guest(choice), ...(sendBuffer === undefined ? {} : { sendBuffer }) },
    })),
};

/** @type {Table} */
export const readWrite = {
  name: 'read-write',
  title: 'read+send against sendfile by file size, kernel against user space',
  note: `${GUEST} One file, one connection. Content hashes are off, except in the last row.`,
  cells: (choice) =>
    (choice.quick ? [7] : [7, 21, 63, 98, 200, 350, 700, 1000]).map((megabytes) => ({
      set: `sizes-${megabytes * MB}-${megabytes * MB}`,
      destination: 'tmpfs',
      cache: 'warm',
      contestants: [
        ...MODES.slice(0, 2).map((mode) => ours({ plaintext: true, mode, connections: 1, verify: false })),
        ...MODES.slice(0, 2).map((mode) => ours({ kernel: 'require', mode, connections: 1, verify: false })),
        ours({ kernel: 'off', mode: 'read-send', connections: 1, verify: false }),
        ours({ kernel: 'off', connections: 1 }),
      ],
      guest: guest(choice),
    })),
};
