// The range that a request asks for, where `send` takes it otherwise than RFC 9110 has it.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { lengthOfPart, type Part } from './part';

/** What `send` goes by. */
export interface RangeSender {
  req: Pick<IncomingMessage, 'method' | 'headers'>;
  readonly res: ServerResponse;
  readonly options: Part;
  isRangeFresh(): boolean;
}

/** The last bytes, as many as it says; what stands before it in the list. */
const SUFFIX = /([=,]\s*)-(\d+)(?=\s*(?:,|$))/g;

/** Makes `sender` see the range as it is meant, of a file of `size` bytes. The program's request stays as it is. */
export function correctRange(sender: RangeSender, size: number): void {
  const { method, headers } = sender.req;
  const { range, 'if-range': ifRange } = headers;
  if (range === undefined) return;
  // Ranges mean something to GET alone (14.2).
  const meant = method === 'GET' ? withinFile(range, lengthOfPart(size, sender.options)) : undefined;
  if (meant !== range) sender.req = { method, headers: { ...headers, range: meant } };
  // A date has to be that of the file (13.1.5); `send` is content with a later one.
  if (typeof ifRange === 'string' && !ifRange.includes('"')) {
    sender.isRangeFresh = () =>
      Date.parse(ifRange) === Date.parse(String(sender.res.getHeader('Last-Modified')));
  }
}

/** Whoever wants more of the last bytes than there are gets all (14.1.2). Of nothing, no range can be named. */
function withinFile(range: string, length: number): string | undefined {
  let ofNothing = false;
  const within = range.replace(SUFFIX, (suffix, before: string, count: string) => {
    if (Number(count) <= length) return suffix;
    ofNothing = length === 0;
    return `${before}0-`;
  });
  return ofNothing ? undefined : within;
}
