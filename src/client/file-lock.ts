/**
 * One process of a user at a time. It guards the renewal of logins, where two processes that spend the same rotating refresh token would
 * end the login, and changes of the settings file. A holder that died is recognised at once; one that cannot be judged from here (the
 * home directory is shared with another machine or a container), or that was stopped, by an age that no renewal reaches.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type LockHolder, takeLockFile } from '../base/lock-file.js';
import { GwError } from '../contract/gw-error.js';

/** Longer than all time limits of a renewal together. Milliseconds. */
const STALE = 120_000;
const PAUSE = 25;

function isAbandoned({ state, age }: LockHolder): boolean {
  return state === 'gone' || age > STALE;
}

/** Runs `work` while holding the lock. @throws GwError `session.limit` when another process holds it for longer than any renewal takes. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const giveUp = Date.now() + STALE + 10_000;
  let attempt = await takeLockFile(path, isAbandoned);
  while (attempt.kind === 'held') {
    if (Date.now() > giveUp)
      throw new GwError('session.limit', `Another gw process keeps the lock ${path}.`, { hint: 'End the other process, or remove the file if there is none.' });
    await wait(PAUSE);
    attempt = await takeLockFile(path, isAbandoned);
  }
  try {
    return await work();
  } finally {
    await attempt.release();
  }
}
