/**
 * Says whether the process that writes a journal directory still lives, in a way that survives kill -9: the file `lock` names the process
 * by machine boot, PID namespace, pid and start time, and whoever asks compares with /proc. A reused pid has another start time. A lock from
 * another PID namespace cannot be judged from here and counts as dead, so two containers must not share a journal directory.
 */
import { link, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const LOCK = 'lock';
const MAX_BYTES = 4096;

interface ProcessName {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot; null where there is no /proc. */
  readonly start: string | null;
  readonly boot: string | null;
  readonly namespace: string | null;
}

/** The lock of a journal directory in use. */
export async function takeLock(workerDirectory: string): Promise<void> {
  await writeFile(join(workerDirectory, LOCK), JSON.stringify(await processName(process.pid)), { flag: 'wx', mode: 0o600 });
}

export async function dropLock(workerDirectory: string): Promise<void> {
  await rm(join(workerDirectory, LOCK), { force: true });
}

/** Whether the process that holds the directory's lock is running now. */
export async function isWorkerAlive(workerDirectory: string): Promise<boolean> {
  return isHolderAlive(join(workerDirectory, LOCK));
}

/**
 * Claims a dead worker's directory for recovery, so that two processes that start together do not both repair it.
 * @returns how to give the claim back, or null when a living process has it.
 */
export async function claimRecovery(workerDirectory: string): Promise<(() => Promise<void>) | null> {
  const claim = join(workerDirectory, 'recovery');
  const own = join(workerDirectory, `recovery.${process.pid}`);
  await writeFile(own, JSON.stringify(await processName(process.pid)), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 2; attempt++) {
      const taken = await link(own, claim).then(
        () => true,
        () => false,
      );
      if (taken) return () => rm(claim, { force: true });
      if (await isHolderAlive(claim)) return null;
      await rm(claim, { force: true });
    }
    return null;
  } finally {
    await rm(own, { force: true });
  }
}

async function isHolderAlive(path: string): Promise<boolean> {
  const holder = parse(await readFile(path, 'utf8').catch(() => ''));
  if (holder === null) return false;
  const now = await processName(holder.pid);
  if (now.boot !== holder.boot || now.namespace !== holder.namespace) return false;
  if (now.start !== null || holder.start !== null) return now.start === holder.start;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

async function processName(pid: number): Promise<ProcessName> {
  const [stat, boot, namespace] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null),
    readlink('/proc/self/ns/pid').catch(() => null),
  ]);
  return { pid, start: stat === null ? null : startTime(stat), boot: boot === null ? null : boot.trim(), namespace };
}

/** The program's name, in parentheses, may hold spaces and parentheses itself, so fields are counted from the last one. A zombie is dead. */
function startTime(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function parse(text: string): ProcessName | null {
  if (text.length > MAX_BYTES) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number' || !Number.isSafeInteger(value.pid) || value.pid <= 0)
      return null;
    const field = (name: string): string | null => {
      const found = (value as Record<string, unknown>)[name];
      return typeof found === 'string' ? found : null;
    };
    return { pid: value.pid, start: field('start'), boot: field('boot'), namespace: field('namespace') };
  } catch {
    return null; // a torn lock: its writer died while writing it
  }
}
