/**
 * A lock across processes of one user: a file that only one of them can create. It guards the renewal of logins, where two processes
 * that spend the same rotating refresh token would end the login. A holder that died is recognised by its process id, or by an age
 * that no renewal reaches; the stale file is taken away by rename, which only one of many can win.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
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

async function removeStale(path: string, content: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  // Between the look and the rename another process may have taken the lock over: then it goes back.
  if ((await readFile(aside, 'utf8')) === content) await rm(aside, { force: true });
  else await rename(aside, path);
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
  const content = `${process.pid} ${randomBytes(9).toString('base64url')}\n`;
  const giveUp = Date.now() + STALE + 10_000;
  while (!(await tryCreate(path, content))) {
    const holder = await inspect(path);
    if (holder?.stale === true) await removeStale(path, holder.content);
    else if (Date.now() > giveUp)
      throw new GwError('session.limit', `Another gw process keeps the lock ${path}.`, { hint: 'End the other process, or remove the file if there is none.' });
    else await wait(PAUSE);
  }
  try {
    return await work();
  } finally {
    // Only our own: after a long stop of this process another may hold it rightly.
    const now = await inspect(path);
    if (now?.content === content) await rm(path, { force: true });
  }
}
