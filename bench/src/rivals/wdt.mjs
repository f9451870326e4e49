import { join } from 'node:path';

import { freePort } from '../measure/ports.mjs';
import { needs, quote } from './contestant.mjs';

const CONNECTIONS = 4;

/** By default it waits for the disk after each file, which no other contestant does: not here.
 * @type {import('./contestant.mjs').Contestant} */
export const wdt = {
  name: 'WDT, 4 connections (aes128-gcm)',
  encrypted: true,
  missing: needs('wdt', 'bash'),
  async plan(workshop, source, destination) {
    const port = await freePort();
    const url = join(workshop.folder, `wdt-${port}`);
    const options = '-encryption_type aes128gcm -minloglevel 2';
    const ports = `-hostname 127.0.0.1 -start_port ${port} -num_ports ${CONNECTIONS}`;
    const receive = `wdt -directory ${quote(destination)} ${ports} -fsync=false -disk_sync_interval_mb=-1`;
    return {
      send: ['bash', '-c', `exec wdt -directory ${quote(source)} ${options} - < ${quote(url)}`],
      receive: {
        command: ['bash', '-c', `exec ${receive} ${options} > ${quote(url)}`],
        port: port + CONNECTIONS - 1,
        once: true,
      },
    };
  },
};
