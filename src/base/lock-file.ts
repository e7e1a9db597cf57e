/**
 * A lock between processes of one machine: a file that only one of them can create, and that says who did. It survives its holder, so
 * whoever finds it asks whether that process still runs, and takes it over when not. Advisory; Node has no flock.
 *
 * Invariants: a lock file is whole from the moment it can be seen (it is linked into place), and no two ever have the same content. It is
 * removed only by whoever holds the claim on its exact content. So neither a late remover nor a holder that was stopped for long can
 * take away the lock of somebody else, who came in between the look and the removal.
 */

import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rm, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { nameProcess, type ProcessState, processState, readProcessName } from './process-name.js';

export interface LockHolder {
  /** null when the file names no process: it was torn by a power cut, or is not ours. */
  readonly pid: number | null;
  /** A file that names no process is from `elsewhere`. */
  readonly state: ProcessState;
  /** Since the lock was taken, milliseconds, by the clock of the file system. */
  readonly age: number;
}

export type LockAttempt =
  | {
      readonly kind: 'taken';
      /** Removes the lock, unless another process took it over. Any number of calls. */
      release(): Promise<void>;
    }
  | { readonly kind: 'held'; readonly holder: LockHolder };

interface Found extends LockHolder {
  readonly content: string;
}

const MAX_BYTES = 4096;
/** Several processes may find the same dead holder: then one removes it while the others look again. */
const ATTEMPTS = 10;
const PAUSE = 5;
/** A claim lasts for two system calls; one that cannot be judged is left behind when it is older than this, milliseconds. */
const CLAIM_AGE = 10_000;

/**
 * Takes the lock file `path` (its directory must exist), or says who holds it.
 * @param isAbandoned whether a lock may be taken over: by default each whose holder is not known to run
 */
export async function takeLockFile(path: string, isAbandoned: (holder: LockHolder) => boolean = notRunning): Promise<LockAttempt> {
  for (let attempt = 1; ; attempt++) {
    const found = await look(path);
    if (found === null) {
      const content = await create(path);
      if (content !== null) return { kind: 'taken', release: () => remove(path, content).then(() => undefined) };
    } else if (!isAbandoned(found) || attempt >= ATTEMPTS) return { kind: 'held', holder: found };
    else if (!(await remove(path, found.content))) await wait(PAUSE);
  }
}

/** Runs `act` while this process holds the lock file `path`. @throws `busy()` when another one does, and what `act` throws */
export async function whileLocked<T>(path: string, busy: () => Error, act: () => Promise<T>): Promise<T> {
  const lock = await takeLockFile(path);
  if (lock.kind === 'held') throw busy();
  try {
    return await act();
  } finally {
    await lock.release();
  }
}

/** Who holds the lock file; null when nobody does. */
export function lockHolder(path: string): Promise<LockHolder | null> {
  return look(path);
}

function notRunning(holder: LockHolder): boolean {
  return holder.state !== 'running';
}

async function look(path: string): Promise<Found | null> {
  let content: string;
  let changedAt: number;
  try {
    // Of a pipe, or of a file without end, that somebody put there, nothing is waited for and no more is read than a lock has.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      changedAt = (await file.stat()).mtimeMs;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
      content = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
  const name = readProcessName(parse(content));
  return { content, age: Date.now() - changedAt, pid: name?.pid ?? null, state: name === null ? 'elsewhere' : await processState(name) };
}

function parse(text: string): unknown {
  if (text.length > MAX_BYTES) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @returns the content that only this file has; null when there is one already. */
async function create(path: string): Promise<string | null> {
  const nonce = randomBytes(12).toString('base64url');
  const content = JSON.stringify({ ...(await nameProcess()), nonce });
  const draft = `${path}.${nonce}`;
  try {
    await writeFile(draft, content, { flag: 'wx', mode: 0o600 });
    await link(draft, path);
    return content;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Removes the lock file if it still is the one that says `content`. A claim whose owner died is removed in the same way.
 * @returns false while another process has the claim
 */
async function remove(path: string, content: string): Promise<boolean> {
  if ((await look(path))?.content !== content) return true;
  const claim = `${path}.${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
  for (;;) {
    if ((await create(claim)) !== null) break;
    const claimant = await look(claim);
    if (claimant === null) continue;
    if (claimant.state === 'running' || (claimant.state === 'elsewhere' && claimant.age < CLAIM_AGE)) return false;
    if (!(await remove(claim, claimant.content))) return false;
  }
  try {
    if ((await look(path))?.content === content) await rm(path);
  } finally {
    await rm(claim, { force: true });
  }
  return true;
}
