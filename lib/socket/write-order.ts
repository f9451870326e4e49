// What is written, in order: chunks, and the files and KeyUpdates whose places some empty ones hold.
import type { FileRequest } from './file-request';
import type { KeyUpdate } from './key-update';
import type { OpenRange } from './open-range';

export type Callback = (error?: Error | null) => void;
/** What waits for its turn among the writes. */
export type Request = FileRequest | OpenRange | KeyUpdate;

/** What an empty chunk stands for. */
const REQUEST = Symbol('request');
type Place = Buffer & { [REQUEST]?: Request };

/** The chunk to write where the request is to have its turn. */
export function placeOf(request: Request): Buffer {
  const place: Place = Buffer.alloc(0);
  place[REQUEST] = request;
  return place;
}

export const isPlace = (chunk: Buffer): boolean => (chunk as Place)[REQUEST] !== undefined;

export const lengthOf = (chunks: Buffer[]): number => chunks.reduce((sum, { length }) => sum + length, 0);

/** Where the next request's place is; behind the chunks where there is none. */
function placeFrom(chunks: Buffer[], start: number): number {
  let at = start;
  while (at < chunks.length && !isPlace(chunks[at] as Buffer)) at++;
  return at;
}

export interface Writer {
  send(chunks: Buffer[], callback: Callback): void;
  /** What comes before a request, and the request. */
  serve(request: Request, head: Buffer[], callback: Callback): void;
}

/** Has the writer do one after the other, until one fails; the callback comes behind the last. */
export function writeInOrder(chunks: Buffer[], writer: Writer, callback: Callback): void {
  let at = 0;
  let ready = false;
  let looping = false;
  const goOn: Callback = (error) => {
    if (error) {
      callback(error);
      return;
    }
    ready = true;
    // What is done at once comes back to the loop: thousands that wait would be too many calls in each other.
    if (looping) return;
    looping = true;
    while (ready) {
      ready = false;
      const head = chunks.slice(at, placeFrom(chunks, at));
      at += head.length;
      const request = (chunks[at++] as Place | undefined)?.[REQUEST];
      if (request === undefined) writer.send(head, callback);
      else writer.serve(request, head, goOn);
    }
    looping = false;
  };
  goOn();
}
