// The secrets of one connection, as node:tls logs them (RFC 9850).

export class KeyLog {
  /** In hexadecimal, by label. */
  private readonly secrets = new Map<string, string>();

  add(line: Buffer): void {
    const [label = '', , secret = ''] = line.toString('latin1').trim().split(' ');
    this.secrets.set(label, secret);
  }

  /** @throws where it was not logged. */
  secretOf(label: string): Buffer {
    const secret = this.secrets.get(label);
    if (secret === undefined) throw new Error(`node:tls did not log ${label}`);
    return Buffer.from(secret, 'hex');
  }
}
