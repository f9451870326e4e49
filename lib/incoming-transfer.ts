// A transfer at the end that listens: its handle, and what joins it.
import type { IncomingTransfer } from '../types/index';
import { escapeText } from './errors';
import type { Link } from './link';
import type { Hello, NativeTransfer } from './native';
import { Transfer } from './transfer-handle';
import { publicProgress, publicResult } from './transfer-result';

export class Incoming extends Transfer implements IncomingTransfer {
  readonly kind: 'push' | 'pull';
  readonly peer: string;
  readonly path: string;
  readonly pathBuffer: Buffer;

  /** `first` has said HELLO and been answered; it belongs to the transfer from here on. */
  constructor(native: NativeTransfer, first: Link, hello: Hello, signal: AbortSignal | undefined) {
    const startedAt = performance.now();
    super(async (context) => {
      // The end that dials replaces connections; this end only waits for them.
      const running = native.run(first.connection, () => {});
      if (context.signal.aborted) native.cancel();
      else context.signal.addEventListener('abort', () => native.cancel(), { once: true });
      context.running(() => publicProgress(native.progress()));
      return publicResult(await running, startedAt, first);
    }, signal);
    this.markHandled();
    this.kind = hello.kind === 'pull' ? 'pull' : 'push';
    this.peer = first.peer;
    this.pathBuffer = joinPath(hello.path ?? []);
    this.path = escapeText(this.pathBuffer);
  }
}

function joinPath(components: Buffer[]): Buffer {
  const slash = Buffer.from('/');
  return Buffer.concat(
    components.flatMap((component, index) => (index === 0 ? [component] : [slash, component])),
  );
}
