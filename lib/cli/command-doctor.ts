// doctor: probe() in words.
import type { ProbeDirection, ProbeReport } from '../../types/index';
import { probe } from '../probe';
import { EXIT } from './exit-status';

export function doctor(flags: { json?: boolean }): number {
  const report = probe();
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : `${describe(report)}\n`);
  return EXIT.whole;
}

function describe(report: ProbeReport): string {
  const lines = [`Linux ${report.kernelRelease}, Node ${process.version}`, `kernel TLS: ${ulp(report)}`];
  for (const { cipher, tx, rx } of report.ciphers) {
    lines.push(`  ${cipher}`, `    sending: ${direction(tx)}`, `    receiving: ${direction(rx)}`);
  }
  lines.push(
    `key change in the kernel: ${report.rekey ? 'yes' : 'no; connections are replaced by fresh ones instead'}`,
    `user-space records: ${report.openssl ? `yes, by ${report.opensslVersion}` : 'no, OpenSSL was not found in this process'}`,
    verdict(report),
  );
  return lines.join('\n');
}

function ulp(report: ProbeReport): string {
  return report.ulp ? 'there' : `not there: ${report.ulpReason}`;
}

function direction({ available, reason }: ProbeDirection): string {
  return available ? 'the kernel' : `user space: ${reason}`;
}

function verdict(report: ProbeReport): string {
  const whole = report.ciphers.filter(({ tx, rx }) => tx.available && rx.available);
  if (whole.length > 0)
    return `Transfers use the kernel for ${whole.map(({ cipher }) => cipher).join(', ')}.`;
  if (report.openssl)
    return 'Transfers work, encrypted in user space; docs/kernel.md tells how to get kernel TLS.';
  return 'Transfers cannot be encrypted here: neither the kernel nor OpenSSL can do it.';
}
