// A receiver that does not keep to docs/protocol.md: the sender ends with a coded error, in time.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { generateSecret, sendTree } from '../../lib/index';
import type { KtlsError, SendTreeOptions, Timeouts } from '../../types/index';
import { type HostilePeer, hostileServer } from '../helpers/hostile-peer';
import { temporaryFolder } from '../helpers/temporary-folder';
import {
  allDone,
  directory,
  fileData,
  fileHeader,
  frame,
  hello,
  helloOk,
  report,
  TYPES,
  u8,
  u64,
} from '../helpers/transfer-frames';

const folder = temporaryFolder(t);
const secret = generateSecret();
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const CONTROL = /[\u0000-\u001f]/;
const PROTOCOL = 'ERR_KTLS_PROTOCOL';
const MISMATCH = 'ERR_KTLS_COUNT_MISMATCH';
/** Only for those that are to end by them: on a slow machine anything else may take as long. */
const SHORT: Record<string, Timeouts> = {
  ERR_KTLS_HANDSHAKE_TIMEOUT: { handshake: 800 },
  ERR_KTLS_IDLE_TIMEOUT: { idle: 800 },
};

const small = join(folder, 'small');
mkdirSync(small);
for (const name of ['a', 'b']) writeFileSync(join(small, name), 'content');
const large = join(folder, 'large');
mkdirSync(large);
writeFileSync(join(large, 'file'), Buffer.alloc(60 << 20));
const HELD = { files: 2, bytes: 14 };

/** What a sender says of a receiver that does this. */
async function outcome(
  t: Test,
  behave: (peer: HostilePeer) => void,
  source = small,
  options: SendTreeOptions = {},
) {
  const port = await hostileServer(t, secret, behave);
  const sending = sendTree(source, `127.0.0.1:${port}`, { secret, connections: 1, ...options });
  return sending.then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as KtlsError }),
  );
}
type Test = { teardown(handler: () => unknown): void };

/** Answers HELLO, waits for the sender's ALL_DONE, and says these. */
function afterAllDone(...frames: Buffer[]) {
  return async (peer: HostilePeer) => {
    peer.send(helloOk());
    await peer.expect(TYPES.ALL_DONE).catch(() => {});
    peer.send(...frames);
    drain(peer);
  };
}

/** Answers HELLO, and says these at once. */
function atOnce(...frames: Buffer[]) {
  return (peer: HostilePeer) => {
    peer.send(helloOk(), ...frames);
    drain(peer);
  };
}

async function drain(peer: HostilePeer): Promise<void> {
  while ((await peer.next()) !== null);
  peer.end();
}

const evil = '\u001b]0;evil\u0007\r\n';
const reportOf = (type: number, code: string) =>
  report(type, { code, errno: 0, path: `p${evil}`, message: `m${evil}` });
const valid = helloOk().subarray(5);

const cases: [string, string, (peer: HostilePeer) => void][] = [
  ['ERR_KTLS_HANDSHAKE_TIMEOUT', 'HELLO is never answered', drain],
  [PROTOCOL, 'HELLO is answered by HELLO', (peer) => peer.send(hello())],
  [PROTOCOL, 'HELLO is answered by content', (peer) => peer.send(fileData('x'))],
  [PROTOCOL, 'HELLO is answered by nonsense', (peer) => peer.send(Buffer.alloc(100, 'nonsense'))],
  [PROTOCOL, 'HELLO_OK is cut', (peer) => peer.send(frame(TYPES.HELLO_OK, valid.subarray(0, -1)))],
  [PROTOCOL, 'HELLO_OK has another magic', (peer) => peer.send(frame(TYPES.HELLO_OK, Buffer.alloc(25)))],
  [
    'ERR_KTLS_PROTOCOL_VERSION',
    'HELLO_OK has another version',
    (peer) => peer.send(frame(TYPES.HELLO_OK, Buffer.from(valid).fill(9, 4, 6))),
  ],
  [PROTOCOL, 'HELLO_OK grants nothing', (peer) => peer.send(helloOk(undefined, 0))],
  ['ERR_KTLS_TRUNCATED', 'it hangs up instead of answering', (peer) => peer.end()],
  ['ERR_KTLS_REFUSED', 'it refuses', (peer) => peer.send(reportOf(TYPES.ERROR, 'ERR_KTLS_REFUSED'))],
  ['ERR_KTLS_IDLE_TIMEOUT', 'ALL_DONE is never answered', afterAllDone()],
  [MISMATCH, 'it holds too little', afterAllDone(allDone({ files: 1, bytes: 7 }))],
  [MISMATCH, 'it holds too much', afterAllDone(allDone({ files: 3, bytes: 14 }))],
  [MISMATCH, 'it holds other bytes', afterAllDone(allDone({ files: 2, bytes: 15 }))],
  [
    MISMATCH,
    'its sum overflows',
    afterAllDone(allDone({ files: 2n ** 64n - 1n, directories: 2, bytes: 14 })),
  ],
  [PROTOCOL, 'it says ALL_DONE unasked', atOnce(allDone(HELD))],
  [PROTOCOL, 'it cuts ALL_DONE', afterAllDone(frame(TYPES.ALL_DONE, allDone(HELD).subarray(5, -1)))],
  [PROTOCOL, 'it sends a directory', atOnce(directory(1, 0, 'd'))],
  [PROTOCOL, 'it sends a file', atOnce(fileHeader('f', 5))],
  [PROTOCOL, 'it sends content', atOnce(fileData('x'))],
  [PROTOCOL, 'it says HELLO', atOnce(hello())],
  [PROTOCOL, 'it says HELLO_OK twice', atOnce(helloOk())],
  [PROTOCOL, 'it says CONN_DONE', atOnce(frame(TYPES.CONN_DONE))],
  [PROTOCOL, 'it sends an unknown frame', atOnce(frame(0x7f))],
  [PROTOCOL, 'it sends a frame above 16 KiB', atOnce(frame(TYPES.PROGRESS, [], 16_385))],
  [PROTOCOL, 'it sends an ignorable frame above 16 KiB', atOnce(frame(0xff, [], 2 ** 32 - 1))],
  [PROTOCOL, 'it sends a PROGRESS that is cut', atOnce(frame(TYPES.PROGRESS, [u64(1), u8(0)]))],
  [PROTOCOL, 'it sends a FILE_ERROR that is cut', atOnce(frame(TYPES.FILE_ERROR, [u8(9)]))],
  ['ERR_KTLS_PEER', 'it reports an error nobody knows', atOnce(reportOf(TYPES.ERROR, `X${evil}`))],
  ['ERR_KTLS_LIMIT', 'it reports an error', atOnce(reportOf(TYPES.ERROR, 'ERR_KTLS_LIMIT'))],
  ['ERR_KTLS_INTEGRITY', 'it reports a file', atOnce(reportOf(TYPES.FILE_ERROR, 'ERR_KTLS_INTEGRITY'))],
];

for (const [code, what, behave] of cases) {
  t.test(`${what}: ${code}`, async (t) => {
    const { error } = await outcome(t, behave, small, { timeouts: SHORT[code] });
    t.equal(error?.code, code);
    t.notMatch(`${error?.message}${error?.path}${error?.code}`, CONTROL);
  });
}

t.test('it says all is well: success, with unknown frames passed over', async (t) => {
  const { result, error } = await outcome(
    t,
    afterAllDone(frame(0x80), frame(0xff, Buffer.alloc(9)), allDone(HELD)),
  );
  t.equal(error, undefined);
  t.match(result, HELD);
});

t.test('it takes nothing: the idle limit', async (t) => {
  const { error } = await outcome(
    t,
    (peer) => {
      peer.send(helloOk());
      peer.socket.pause();
    },
    large,
    { timeouts: SHORT.ERR_KTLS_IDLE_TIMEOUT },
  );
  t.equal(error?.code, 'ERR_KTLS_IDLE_TIMEOUT');
});

t.test('it hangs up in the middle', async (t) => {
  for (const how of ['end', 'destroy'] as const) {
    const { error } = await outcome(
      t,
      async (peer) => {
        peer.send(helloOk());
        await peer.expect(TYPES.FILE_DATA);
        peer[how]();
      },
      large,
    );
    t.match(error?.code, /^(ERR_KTLS_TRUNCATED|ECONNRESET|EPIPE)$/, how);
  }
});

t.test('what it reports of files is escaped in skipped, and bounded', async (t) => {
  const reports = Array(10_500).fill(reportOf(TYPES.FILE_ERROR, 'ERR_KTLS_INTEGRITY'));
  const { result } = await outcome(t, afterAllDone(...reports, allDone({ failed: 2 })), small, {
    onError: 'continue',
  });
  t.equal(result?.skippedTotal, 10_500);
  t.equal(result?.skipped.length, 10_000);
  for (const { path, reason } of result?.skipped.slice(0, 3) ?? []) t.notMatch(path + reason, CONTROL);
});
