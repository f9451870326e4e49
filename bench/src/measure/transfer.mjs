// One transfer: a receiving end and a sending end, both measured, to a number or to the reason of a failure.
import { join } from 'node:path';

import { listening } from './ports.mjs';
import { measured } from './process.mjs';

/**
 * How a contestant does one transfer.
 *
 * @typedef {object} Plan
 * @property {string[]} send The command whose start starts the clock.
 * @property {Receiver} [receive] Started before the clock.
 * @property {(stdout: string) => Inside} [inside] What the sending program says about itself.
 */

/**
 * @typedef {object} Receiver
 * @property {string[]} command
 * @property {number} port Listened on when it is ready.
 * @property {boolean} once It ends by itself after the transfer, and the clock runs until then; else it is
 *   stopped, and what it used counts all the same.
 * @property {boolean} [openInput] It ends with its standard input, so gets a pipe that stays open. (Not for all:
 *   Node's pipes are sockets, which a daemon takes for inetd's.)
 */

/**
 * @typedef {object} Inside
 * @property {number} ms The transfer without the program's start-up.
 * @property {Record<string, unknown>} details
 */

/**
 * @typedef {object} Run
 * @property {number} ms Wall time, from the sender's start until both ends have ended.
 * @property {number | undefined} insideMs
 * @property {number} senderCpuS
 * @property {number} receiverCpuS
 * @property {number} senderPeakMiB
 * @property {number} receiverPeakMiB
 * @property {Record<string, unknown>} details
 */

/**
 * @param {string} measure
 * @param {string} folder For the reports.
 * @param {Plan} plan
 * @param {number} limitS
 * @returns {Promise<Run>} Rejects with a sentence that says why the transfer failed.
 */
export async function transfer(measure, folder, plan, limitS) {
  const receiver =
    plan.receive === undefined
      ? undefined
      : measured(measure, join(folder, 'receiver.json'), plan.receive.command, plan.receive.openInput);
  /** @type {import('./process.mjs').MeasuredProcess | undefined} */
  let sender;
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    sender?.kill();
    receiver?.kill();
  }, limitS * 1000);
  try {
    if (receiver !== undefined) {
      await listening(/** @type {Receiver} */ (plan.receive).port, receiver.done);
    }
    sender = measured(measure, join(folder, 'sender.json'), plan.send);
    const sent = await sender.done;
    if (sent.code !== 0 || receiver === undefined || !plan.receive?.once) {
      receiver?.stop();
    }
    const received = await receiver?.done;
    if (sent.code !== 0) {
      throw new Error(`exit status ${sent.code}`);
    }
    if (plan.receive?.once && received?.code !== 0) {
      throw new Error(`exit status ${received?.code} of the receiving end`);
    }
    const inside = plan.inside?.(sender.stdout());
    const end = plan.receive?.once ? Math.max(sent.endNs, received?.endNs ?? 0) : sent.endNs;
    return {
      ms: (end - sent.startNs) / 1e6,
      insideMs: inside?.ms,
      senderCpuS: (sent.userUs + sent.systemUs) / 1e6,
      receiverCpuS: received === undefined ? 0 : (received.userUs + received.systemUs) / 1e6,
      senderPeakMiB: sent.peakKiB / 1024,
      receiverPeakMiB: (received?.peakKiB ?? 0) / 1024,
      details: inside?.details ?? {},
    };
  } catch (error) {
    if (late) {
      throw new Error(`stopped after ${limitS} s`);
    }
    const said = [sender, plan.receive?.once ? receiver : undefined].map((end) => end && complaint(end));
    throw new Error([/** @type {Error} */ (error).message, ...said].filter(Boolean).join(': ').slice(0, 400));
  } finally {
    clearTimeout(limit);
    sender?.kill();
    receiver?.kill();
  }
}

/**
 * @param {import('./process.mjs').MeasuredProcess} end
 * @returns {string | undefined} The line that tells most about why it failed.
 */
function complaint(end) {
  const lines = [end.stderr(), end.stdout()].flatMap((text) => text.trim().split('\n')).filter(Boolean);
  return lines.find((line) => /error|cannot|failed/i.test(line)) ?? lines.at(-1);
}
