/**
 * Adapter: one process at a time for a directory. A lock whose holder is gone (kill -9, power cut, process id used again by another
 * program) is taken over, by one of those who find it. Advisory, for processes of gw on one machine.
 */
import { takeLockFile } from '../base/lock-file.js';
import { GwError } from '../contract/gw-error.js';

export interface DirectoryLock {
  /** Removes the lock. Any number of calls. */
  release(): Promise<void>;
}

/**
 * Takes the lock file `path` (its directory must exist).
 * @throws GwError `store.in_use` while another living process holds it; the message names its process id.
 */
export async function lockDirectory(path: string, what: string): Promise<DirectoryLock> {
  const attempt = await takeLockFile(path);
  if (attempt.kind === 'taken') return attempt;
  const { pid, state } = attempt.holder;
  if (state === 'running') throw new GwError('store.in_use', `${what} is in use by process ${pid}.`, { detail: { lock: path, pid } });
  throw new GwError('store.in_use', `${what} is being started by another process at this moment.`, { detail: { lock: path } });
}
