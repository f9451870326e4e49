// The keys of a server's session tickets: the first makes them, all of them open them, so that a fleet can
// change its key while the sessions of the one before still resume (RFC 5077, 4 and 5.5; RFC 8446, 4.6.1).
import { randomBytes } from 'node:crypto';
import type { SecureContext, TLSSocketOptions } from 'node:tls';

import { invalid } from './options';

/** As node:tls has them: a name, by which a ticket tells its key, a key for HMAC-SHA256, one for AES-128-CBC. */
export const TICKET_KEY_LENGTH = 48;
const PART_LENGTH = 16;

interface TicketKey {
  name: Buffer;
  hmac: Buffer;
  aes: Buffer;
}

/**
 * What OpenSSL is answered (SSL_CTX_set_tlsext_ticket_key_cb(3)): no such key, so a full handshake; the key;
 * the key, but the client shall have a new ticket.
 */
const Answer = { unknown: 0, found: 1, renew: 2 } as const;

/** The answer, the two keys, and for a new ticket the key's name and an IV. */
type KeyAnswer = [number, Buffer?, Buffer?, Buffer?, Buffer?];

/** Node's own SecureContext inside the public one. Its test test-https-resume-after-renew.js shows the callback. */
interface InnerContext {
  setTicketKeys(keys: Buffer): void;
  enableTicketKeyCallback?(): void;
  onticketkeycallback?(name: Buffer, iv: Buffer, encrypting: boolean): KeyAnswer;
}

/** Node wants keys with every answer. */
const UNKNOWN: KeyAnswer = [Answer.unknown, Buffer.alloc(PART_LENGTH), Buffer.alloc(PART_LENGTH)];

export type SniCallback = NonNullable<TLSSocketOptions['SNICallback']>;

export class TicketKeyRing {
  #bytes: Buffer;
  #keys: TicketKey[];
  /** With the keys that they were given, unless they ask for them. */
  readonly #attached = new WeakMap<InnerContext, TicketKey[] | 'asks'>();

  /** @throws ERR_KTLS_INVALID_OPTION */
  constructor(bytes: Buffer = randomBytes(TICKET_KEY_LENGTH)) {
    this.#bytes = Buffer.from(checkTicketKeys(bytes));
    this.#keys = split(this.#bytes);
  }

  get bytes(): Buffer<ArrayBuffer> {
    return Buffer.from(this.#bytes);
  }

  /**
   * For tickets to come; those of keys that are no longer there lead to full handshakes.
   *
   * @throws ERR_KTLS_INVALID_OPTION
   */
  replace(bytes: Buffer): void {
    this.#bytes = Buffer.from(checkTicketKeys(bytes));
    this.#keys = split(this.#bytes);
  }

  /**
   * Makes a context use the keys as they are now: to be called for each handshake. A context is given the key where
   * there is one, and asks for keys from when there are more on, which costs each handshake two calls; a runtime whose
   * contexts do not ask has the first one.
   */
  attach(context: SecureContext): SecureContext {
    const inner = ((context as { context?: InnerContext }).context ?? context) as InnerContext;
    const attached = this.#attached.get(inner);
    if (attached === this.#keys || attached === 'asks') return context;
    if (this.#keys.length === 1 || inner.enableTicketKeyCallback === undefined) {
      this.#attached.set(inner, this.#keys);
      inner.setTicketKeys(this.#bytes.subarray(0, TICKET_KEY_LENGTH));
      return context;
    }
    this.#attached.set(inner, 'asks');
    inner.onticketkeycallback = (name, _iv, encrypting) => (encrypting ? this.#current() : this.#find(name));
    inner.enableTicketKeyCallback();
    return context;
  }

  /** As attach(), for the contexts that an SNICallback chooses: OpenSSL makes the tickets in those. */
  attachChosen(choose: SniCallback): SniCallback {
    return (servername, done) =>
      choose(servername, (error, context) => done(error, context && this.attach(context)));
  }

  #current(): KeyAnswer {
    const { name, hmac, aes } = this.#keys[0] as TicketKey;
    return [Answer.found, hmac, aes, name, randomBytes(PART_LENGTH)];
  }

  #find(name: Buffer): KeyAnswer {
    const index = this.#keys.findIndex((key) => key.name.equals(name));
    const key = this.#keys[index];
    if (key === undefined) return UNKNOWN;
    return [index === 0 ? Answer.found : Answer.renew, key.hmac, key.aes];
  }
}

/** @throws ERR_KTLS_INVALID_OPTION */
function checkTicketKeys(bytes: unknown): Buffer {
  if (Buffer.isBuffer(bytes) && bytes.length > 0 && bytes.length % TICKET_KEY_LENGTH === 0) return bytes;
  throw invalid(
    'ticketKeys',
    `must be ${TICKET_KEY_LENGTH} bytes, or several times as many: the first key, and older ones`,
  );
}

function split(bytes: Buffer): TicketKey[] {
  return Array.from({ length: bytes.length / TICKET_KEY_LENGTH }, (_, index) => {
    const at = index * TICKET_KEY_LENGTH;
    const part = (n: number) => bytes.subarray(at + n * PART_LENGTH, at + (n + 1) * PART_LENGTH);
    return { name: part(0), hmac: part(1), aes: part(2) };
  });
}
