/**
 * Entry point of the small server of web-1: a process of its own, which runs as the account of its sessions and ends with the world. Its one
 * argument is the file with its settings. It says on stderr that it listens; whatever nothing caught ends it, and the world says so.
 */
import { writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { startHostServer } from './host-server.js';
import type { HostSettings } from './host-settings.js';

const settings = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as HostSettings;
const hostKey = await readFile(settings.hostKeyFile, 'utf8');
enter(settings.home);
const server = await startHostServer({ ...settings, hostKey });
process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)));
writeSync(2, `Server listening on ${settings.host} port ${settings.port}.\n`);

/** Where programs begin, and what relative names of files mean. */
function enter(home: string): void {
  try {
    process.chdir(home);
  } catch {
    // An account that runs servers may have a home that is not there.
    process.chdir('/');
  }
}
