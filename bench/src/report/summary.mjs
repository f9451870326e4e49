// The numbers that the report's forms share: medians with spread, costs and ratios of each contestant.
import { BASELINE, LOCAL_COPY } from '../rivals/index.mjs';
import { spread } from '../stats.mjs';

/** @typedef {import('../stats.mjs').Spread} Spread */

/**
 * @typedef {object} Summary
 * @property {string} name
 * @property {boolean} encrypted
 * @property {string} [failed]
 * @property {Figures} [figures] Absent when it failed.
 * @property {string} remark
 */

/**
 * @typedef {object} Figures
 * @property {Spread} seconds
 * @property {Spread} [insideSeconds]
 * @property {number} [overBaseline] How many times faster than rsync over ssh.
 * @property {number} [overLocalCopy] How many times faster than cp -a.
 * @property {number} senderCpuS Median.
 * @property {number} receiverCpuS Median.
 * @property {number} senderPeakMiB Median.
 * @property {number} receiverPeakMiB Median.
 * @property {number} microsecondsPerFile
 * @property {number} gigabytesPerSecond
 * @property {number} delayedAcks Median.
 */

/**
 * @param {import('../cells.mjs').CellReport} cell
 * @returns {Summary[]}
 */
export function summarize(cell) {
  const time = (/** @type {string} */ wanted) => {
    const found = cell.results.find(({ name, runs }) => name === wanted && runs.length > 0);
    return found && spread(found.runs.map(({ ms }) => ms)).median;
  };
  const [baseline, localCopy] = [time(BASELINE), time(LOCAL_COPY)];
  return cell.results.map(({ name, encrypted, runs, lost, failed }) => {
    if (failed !== undefined || runs.length === 0) {
      return { name, encrypted, failed: failed ?? 'never ran', remark: '' };
    }
    const median = (/** @type {(run: import('../harness.mjs').Run) => number} */ of) =>
      spread(runs.map(of)).median;
    const seconds = spread(runs.map(({ ms }) => ms / 1000));
    const inside = runs.flatMap(({ insideMs }) => (insideMs === undefined ? [] : [insideMs / 1000]));
    const figures = {
      seconds,
      ...(inside.length === 0 ? {} : { insideSeconds: spread(inside) }),
      ...(baseline === undefined ? {} : { overBaseline: baseline / 1000 / seconds.median }),
      ...(localCopy === undefined ? {} : { overLocalCopy: localCopy / 1000 / seconds.median }),
      senderCpuS: median((run) => run.senderCpuS),
      receiverCpuS: median((run) => run.receiverCpuS),
      senderPeakMiB: median((run) => run.senderPeakMiB),
      receiverPeakMiB: median((run) => run.receiverPeakMiB),
      microsecondsPerFile: (seconds.median * 1e6) / Math.max(1, cell.set.files),
      gigabytesPerSecond: cell.set.bytes / 1e9 / seconds.median,
      delayedAcks: median((run) => run.delayedAcks),
    };
    return { name, encrypted, figures, remark: remark(runs, lost) };
  });
}

/**
 * @param {import('../harness.mjs').Run[]} runs
 * @param {string[]} lost
 */
function remark(runs, lost) {
  const details =
    /** @type {{ record?: { tx: string, rx: string }, mode?: string, connections?: number } | undefined} */ (
      runs[0]?.details
    );
  const record =
    details?.record && `record layer ${[...new Set([details.record.tx, details.record.rx])].join('/')}`;
  const connections = details?.connections && `${details.connections} connections`;
  return [record, details?.mode, connections, ...lost.map((what) => `no ${what}`)].filter(Boolean).join(', ');
}
