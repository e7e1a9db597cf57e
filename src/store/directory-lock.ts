/**
 * Adapter: one process at a time for a directory. The lock is a file with the holder's process id and start time, made atomically; a lock
 * whose holder is gone (kill -9, power cut, process id used again by another program) is taken over. Advisory, for processes of gw on
 * one machine.
 */
import { link, open, readFile, rm, unlink } from 'node:fs/promises';
import { newId } from '../base/id.js';
import { GwError } from '../contract/gw-error.js';

export interface DirectoryLock {
  /** Removes the lock. Any number of calls. */
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Takes the lock file `path` (its directory must exist).
 * @throws GwError `store.in_use` while another living process holds it; the message names its process id.
 */
export async function lockDirectory(path: string, what: string): Promise<DirectoryLock> {
  const own: Holder = { pid: process.pid, startedAt: await startTime(process.pid) };
  const draft = `${path}.${newId('lock')}`;
  const file = await open(draft, 'wx', 0o600);
  await file.writeFile(JSON.stringify(own));
  await file.close();
  try {
    // Bounded: each turn either takes the lock, finds a living holder, or removed one stale file.
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await linked(draft, path)) {
        let held = true;
        return {
          release: async () => {
            if (!held) return;
            held = false;
            await rm(path, { force: true });
          },
        };
      }
      const holder = await readHolder(path);
      if (holder !== null && (await isAlive(holder))) {
        throw new GwError('store.in_use', `${what} is in use by process ${holder.pid}.`, { detail: { lock: path, pid: holder.pid } });
      }
      await rm(path, { force: true });
    }
    throw new GwError('store.in_use', `${what} is being started by another process at this moment.`, { detail: { lock: path } });
  } finally {
    await unlink(draft);
  }
}

/** Hard links are the atomic "create if absent" that also carries the content: no reader ever sees an empty lock. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

async function readHolder(path: string): Promise<Holder | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return null;
    return typeof value.pid === 'number' && typeof value.startedAt === 'string' ? { pid: value.pid, startedAt: value.startedAt } : null;
  } catch (cause) {
    if (cause instanceof SyntaxError || (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return (await startTime(holder.pid)) === holder.startedAt;
}

/** Start time in clock ticks since boot (field 22 of /proc/PID/stat); empty where there is no /proc, and then only the id counts. */
async function startTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything, so count from its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' || (cause as NodeJS.ErrnoException).code === 'ESRCH') return '';
    throw cause;
  }
}
