// What the records of a handshake look like from outside.

/** RFC 8446, 5.1. */
export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export const HEADER_LENGTH = 5;
export const MAX_PLAINTEXT = 16384;

/** The first whole records of `data`; the rest is what has not come yet. */
export function cutRecords(data: Buffer): { records: Buffer[]; rest: Buffer } {
  const records: Buffer[] = [];
  let end = 0;
  while (data.length - end >= HEADER_LENGTH) {
    const next = end + HEADER_LENGTH + data.readUInt16BE(end + 3);
    if (next > data.length) break;
    records.push(data.subarray(end, next));
    end = next;
  }
  return { records, rest: data.subarray(end) };
}
