import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  /** PEM, and the files that hold it. */
  cert: Buffer;
  key: Buffer;
  certFile: string;
  keyFile: string;
}

/** Makes certificates with the openssl command, in a folder that must be there. */
export class CertificateMaker {
  readonly authority: Certificate;

  constructor(private readonly folder: string) {
    this.authority = this.selfSigned('authority');
  }

  selfSigned(name: string): Certificate {
    const files = this.files(name);
    this.openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      files.keyFile,
      '-out',
      files.certFile,
      '-subj',
      `/CN=${name}`,
    );
    return this.read(files);
  }

  /**
   * Signed by the authority, or by `issuer`. `names` as in subjectAltName: 'DNS:localhost,IP:127.0.0.1'; `more` are
   * further lines of openssl's x509v3_config(5).
   */
  issue(name: string, names: string, days = 30, more: string[] = [], issuer = this.authority): Certificate {
    const files = this.files(name);
    const request = join(this.folder, `${name}.csr`);
    const extensions = join(this.folder, `${name}.ext`);
    writeFileSync(extensions, [`subjectAltName=${names}`, ...more, ''].join('\n'));
    this.openssl('req', ...NEW_KEY, '-keyout', files.keyFile, '-out', request, '-subj', `/CN=${name}`);
    const { certFile: ca, keyFile: caKey } = issuer;
    const signing = [
      '-CA',
      ca,
      '-CAkey',
      caKey,
      '-CAcreateserial',
      '-extfile',
      extensions,
      '-days',
      String(days),
    ];
    this.openssl('x509', '-req', '-in', request, '-out', files.certFile, ...signing);
    return this.read(files);
  }

  private files(name: string) {
    return { certFile: join(this.folder, `${name}.crt`), keyFile: join(this.folder, `${name}.key`) };
  }

  private read(files: { certFile: string; keyFile: string }): Certificate {
    return { ...files, cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  }

  private openssl(...options: string[]): void {
    execFileSync('openssl', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
