/**
 * Adapter: what an earlier PostgreSQL server left in its data directory when it, or the process that started it, was killed hard. Called
 * only by the holder of the directory's lock, so whatever still runs there is nobody's. On Linux processes are recognised by their working
 * directory, which for every PostgreSQL process is the data directory; a process id alone proves nothing, ids are used again.
 */
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GwError } from '../contract/gw-error.js';

const POLL_MS = 20;
const FAST_SHUTDOWN_MS = 30_000;

/** Process id in the server's pid file, or null. */
export async function serverPid(dir: string): Promise<number | null> {
  try {
    const pid = Number((await readFile(join(dir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/**
 * Stops a server that still runs in `dir` and removes a pid file that means nothing any more.
 * @throws GwError `store.start` when something there cannot be stopped
 */
export async function clearStaleServer(dir: string): Promise<void> {
  // Without /proc PostgreSQL's own check of its pid file has to do.
  if (platform() !== 'linux') return;
  const pid = await serverPid(dir);
  let running = await processesIn(dir);
  if (pid !== null && running.includes(pid)) signal(pid, 'SIGINT');
  const deadline = performance.now() + FAST_SHUTDOWN_MS;
  while (running.length > 0 && performance.now() < deadline) {
    await delay(POLL_MS);
    running = await processesIn(dir);
  }
  for (const left of running) signal(left, 'SIGKILL');
  for (let turn = 0; running.length > 0 && turn < 100; turn++) {
    await delay(POLL_MS);
    running = await processesIn(dir);
  }
  if (running.length > 0) {
    throw new GwError('store.start', `A PostgreSQL server from an earlier run still uses ${dir} (process ${running.join(', ')}) and could not be stopped.`, {
      hint: `Stop it: kill -9 ${running.join(' ')}`,
    });
  }
  // Nothing runs here, so the shared memory that the file names is attached by nobody and the file guards nothing.
  await rm(join(dir, 'postmaster.pid'), { force: true });
}

/** Ids of all processes whose working directory is `dir`. */
async function processesIn(dir: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      if ((await readlink(`/proc/${pid}/cwd`)) === dir) found.push(pid);
    } catch (cause) {
      // It ended meanwhile, or belongs to another user and so is no server of ours.
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ESRCH' && code !== 'EPERM') throw cause;
    }
  }
  return found;
}

function signal(pid: number, name: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}
