/**
 * The embedded state database of the primary process, in `dataDir/state`. Its password is made once and kept beside it, readable only by
 * the gateway's account; it reaches workers over their private channel, never through an environment or an argument.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../base/logger.js';
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';

export interface EmbeddedState {
  readonly url: Secret;
  stop(): Promise<void>;
}

/** For state that is small and must survive a power cut; connections: a handful for each worker. */
const SETTINGS: Readonly<Record<string, string>> = { shared_buffers: '16MB', max_connections: '200', max_wal_size: '128MB', min_wal_size: '32MB' };

/** @throws GwError `store.start` | `store.in_use` | `gateway.start` */
export async function startEmbeddedState(dataDir: string, logger: Logger): Promise<EmbeddedState> {
  const { startEmbeddedPostgres } = await import('../store/embedded-postgres.js');
  const password = await statePassword(join(dataDir, 'state-password'));
  const server = await startEmbeddedPostgres({ dir: join(dataDir, 'state'), base: dataDir, port: 0, superuser: 'gw', password, settings: SETTINGS, logger });
  void server.exited.then(({ expected }) => {
    if (!expected) logger.error({}, 'the embedded state database ended unexpectedly; new logins are refused until the gateway is started again');
  });
  return { url: server.url, stop: () => server.stop() };
}

async function statePassword(file: string): Promise<Secret> {
  try {
    const known = (await readFile(file, 'utf8')).trim();
    if (known !== '') return new Secret(known);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw new GwError('gateway.start', `The file ${file} cannot be read.`, { cause });
  }
  const password = randomBytes(24).toString('base64url');
  try {
    await writeFile(file, `${password}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new GwError('gateway.start', `The file ${file} cannot be written.`, { cause });
  }
  return new Secret(password);
}
