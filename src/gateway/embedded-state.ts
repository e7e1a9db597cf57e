/**
 * The embedded state database of the primary process, in `dataDir/state`. Its password is made once and kept beside it, readable only by
 * the gateway's account; it reaches workers over their private channel, never through an environment or an argument.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileProblem } from '../base/file-problem.js';
import type { Logger } from '../base/logger.js';
import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { EmbeddedPostgres } from '../store/embedded-postgres.js';

export interface EmbeddedState {
  readonly url: Secret;
  stop(): Promise<void>;
}

/** For state that is small and must survive a power cut; connections: a handful for each worker. Its log is deleted, not kept for reuse: it holds what was erased. */
const SETTINGS: Readonly<Record<string, string>> = {
  wal_recycle: 'off',
  shared_buffers: '16MB',
  max_connections: '200',
  max_wal_size: '128MB',
  min_wal_size: '32MB',
};

/** Between attempts to start the database again. */
const RESTART_MS = 1_000;

/** @throws GwError `store.start` | `store.in_use` | `gateway.start` */
export async function startEmbeddedState(dataDir: string, logger: Logger): Promise<EmbeddedState> {
  const { startEmbeddedPostgres } = await import('../store/embedded-postgres.js');
  const password = await statePassword(join(dataDir, 'state-password'));
  const start = (port: number): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({ dir: join(dataDir, 'state'), base: dataDir, port, superuser: 'gw', password, settings: SETTINGS, logger });
  let server = await start(0);
  const { url, port } = server;
  let stopping = false;
  const supervise = async (): Promise<void> => {
    for (;;) {
      const { expected } = await server.exited;
      if (expected || stopping) return;
      logger.error({ state: 'embedded' }, 'the embedded state database ended unexpectedly; starting it again');
      for (let up = false; !up && !stopping; ) up = await restart();
    }
  };
  const restart = async (): Promise<boolean> => {
    try {
      // The same port: the workers know no other, and connect again by themselves.
      server = await start(port);
      logger.info({ state: 'embedded' }, 'the embedded state database runs again');
      return true;
    } catch (err) {
      logger.error({ err }, 'the embedded state database could not be started; trying again');
      await delay(RESTART_MS);
      return false;
    }
  };
  const supervised = supervise();
  return {
    url,
    stop: async () => {
      stopping = true;
      await server.stop();
      await supervised;
      await server.stop();
    },
  };
}

async function statePassword(file: string): Promise<Secret> {
  try {
    const known = (await readFile(file, 'utf8')).trim();
    if (known !== '') return new Secret(known);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new GwError('gateway.start', `The file ${file} cannot be read: ${fileProblem(cause)}.`, { cause });
  }
  const password = randomBytes(24).toString('base64url');
  try {
    await writeFile(file, `${password}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new GwError('gateway.start', `The file ${file} cannot be written: ${fileProblem(cause)}.`, { cause });
  }
  return new Secret(password);
}
