/**
 * Says whether the process that writes a journal directory still lives, in a way that survives kill -9: the file `lock` names that process,
 * and whoever asks compares with what runs now. A lock from another PID namespace cannot be judged from here and counts as dead, so two
 * containers must not share a journal directory.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder, takeLockFile } from '../base/lock-file.js';
import { GwError } from '../contract/gw-error.js';

const LOCK = 'lock';
const CLAIM = 'recovery';

/** The lock of a journal directory in use. @throws GwError `recording.failed` when the directory has one. */
export async function takeLock(workerDirectory: string): Promise<void> {
  const attempt = await takeLockFile(join(workerDirectory, LOCK), () => false);
  if (attempt.kind === 'held') throw new GwError('recording.failed', `The journal directory ${workerDirectory} belongs to another worker.`);
}

export async function dropLock(workerDirectory: string): Promise<void> {
  await rm(join(workerDirectory, LOCK), { force: true });
}

/** Whether the process that holds the directory's lock is running now. */
export async function isWorkerAlive(workerDirectory: string): Promise<boolean> {
  return (await lockHolder(join(workerDirectory, LOCK)))?.state === 'running';
}

/**
 * Claims a dead worker's directory for recovery, so that two processes that start together do not both repair it.
 * @returns how to give the claim back, or null when another process has it, or has removed the directory.
 */
export async function claimRecovery(workerDirectory: string): Promise<(() => Promise<void>) | null> {
  try {
    const attempt = await takeLockFile(join(workerDirectory, CLAIM));
    return attempt.kind === 'taken' ? attempt.release : null;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
}
