/**
 * Names a process so that another process of the machine can tell, after a kill -9 or a power cut, whether that very process still runs:
 * by machine boot, PID namespace, pid and start time, compared with /proc. A pid that was used again has another start time; a zombie is
 * dead. Where there is no /proc only the pid counts. Names are read from files, so they are untrusted.
 */
import { readFile, readlink } from 'node:fs/promises';

export interface ProcessName {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot; null where there is no /proc, and for a process that is gone. */
  readonly start: string | null;
  readonly boot: string | null;
  readonly namespace: string | null;
}

/** `elsewhere`: named by another boot or in another PID namespace, so it cannot be judged from here. */
export type ProcessState = 'running' | 'gone' | 'elsewhere';

/** @throws errors of the file system that will pass: a process that cannot look, for want of a file descriptor, knows nothing of another one */
export async function nameProcess(pid: number = process.pid): Promise<ProcessName> {
  const [stat, boot, namespace] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(notThere),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(notThere),
    readlink('/proc/self/ns/pid').catch(notThere),
  ]);
  return { pid, start: stat === null ? null : startTime(stat), boot: boot === null ? null : boot.trim(), namespace };
}

/** There is no such process, or no /proc, or not for us: the next look says the same. */
const STANDING = new Set(['ENOENT', 'ESRCH', 'ENOTDIR', 'EACCES', 'EPERM']);

function notThere(cause: NodeJS.ErrnoException): null {
  if (STANDING.has(cause.code ?? '')) return null;
  throw cause;
}

/** @throws as `nameProcess` does: then the process must not be taken for a dead one */
export async function processState(name: ProcessName): Promise<ProcessState> {
  const now = await nameProcess(name.pid);
  if (now.boot !== name.boot || now.namespace !== name.namespace) return 'elsewhere';
  if (now.start !== null || name.start !== null) return now.start === name.start ? 'running' : 'gone';
  try {
    process.kill(name.pid, 0);
    return 'running';
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM' ? 'running' : 'gone';
  }
}

/** The program's name, in parentheses, may hold spaces and parentheses itself, so fields are counted from the last one. */
function startTime(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

/** @returns null for what names no process. */
export function readProcessName(value: unknown): ProcessName | null {
  if (typeof value !== 'object' || value === null || !('pid' in value)) return null;
  const { pid } = value;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  const field = (name: string): string | null => {
    const found = (value as Record<string, unknown>)[name];
    return typeof found === 'string' ? found : null;
  };
  return { pid, start: field('start'), boot: field('boot'), namespace: field('namespace') };
}
