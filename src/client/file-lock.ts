/**
 * A lock across processes of one user: a file that only one of them can create. It guards the renewal of logins, where two processes
 * that spend the same rotating refresh token would end the login. A holder that died is recognised by its process id, or by an age
 * that no renewal reaches.
 *
 * Invariant: a lock file is removed only by whoever holds the claim on its exact content, which no second lock file ever has. So
 * neither a late remover nor its holder can take away the lock of somebody else, who came in between the look and the removal.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { GwError } from '../contract/gw-error.js';

/** Longer than all time limits of a renewal together. Milliseconds. */
const STALE = 120_000;
const PAUSE = 25;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the holder is gone; null when there is no lock any more. */
async function inspect(path: string): Promise<{ readonly stale: boolean; readonly content: string } | null> {
  try {
    const [content, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const pid = Number.parseInt(content, 10);
    // An empty file is a holder between create and write.
    const dead = content !== '' && !(Number.isSafeInteger(pid) && pid > 0 && isAlive(pid));
    return { stale: dead || Date.now() - mtimeMs > STALE, content };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** Removes the lock file if it still is the one that says `content`. A claim whose owner died is removed in the same way. */
async function remove(path: string, content: string): Promise<void> {
  const claim = `${path}.${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
  const own = ownContent();
  if (!(await tryCreate(claim, own))) {
    const claimant = await inspect(claim);
    if (claimant?.stale === true) await remove(claim, claimant.content);
    return;
  }
  try {
    const now = await inspect(path);
    // An empty file is like any other empty file: only its age says that its holder is gone.
    if (now?.content === content && (content !== '' || now.stale)) await rm(path);
  } finally {
    await rm(claim, { force: true });
  }
}

/** Process id first, then what makes it unlike every other lock file. */
function ownContent(): string {
  return `${process.pid} ${randomBytes(9).toString('base64url')}\n`;
}

async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(content);
    await file.close();
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** Runs `work` while holding the lock. @throws GwError `session.limit` when another process holds it for longer than any renewal takes. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const content = ownContent();
  const giveUp = Date.now() + STALE + 10_000;
  while (!(await tryCreate(path, content))) {
    const holder = await inspect(path);
    if (holder?.stale === true) await remove(path, holder.content);
    else if (Date.now() > giveUp)
      throw new GwError('session.limit', `Another gw process keeps the lock ${path}.`, { hint: 'End the other process, or remove the file if there is none.' });
    else await wait(PAUSE);
  }
  try {
    return await work();
  } finally {
    // Only our own: after a long stop of this process another may hold it rightly.
    await remove(path, content);
  }
}
