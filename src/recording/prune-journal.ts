/**
 * Takes the oldest segments of a closed journal away when all that they hold has ended: no session in them can be read any more. What is left verifies
 * as before; `pruned` says how many are gone, and the audit log, which the verifier asks, says why.
 */
import { open, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import { listSegments, PRUNED_FILE, prunedThrough, segmentName } from './journal-directory.js';
import { SegmentReader } from './segment-reader.js';

export interface Prunable {
  /** Segments 1 to this can go. */
  readonly through: number;
  /** Those of them that are still here. */
  readonly segments: number;
  /** Nothing else is left of the journal then. */
  readonly whole: boolean;
}

/**
 * How much of a closed journal can go.
 * @param ended whether the content of a session, by its number, has ended
 * @param limit segments after this one must stay
 * @returns null when nothing can go, or the journal is not closed
 */
export async function prunableSegments(workerDirectory: string, ended: (session: number) => boolean, limit: number): Promise<Prunable | null> {
  if ((await readdir(workerDirectory).catch(() => ['lock'])).includes('lock')) return null;
  const numbers = await listSegments(workerDirectory);
  let through = await prunedThrough(workerDirectory);
  let segments = 0;
  for (const number of numbers) {
    if (number <= through) continue;
    if (number !== through + 1 || number > limit) break;
    const footer = await footerOf(join(workerDirectory, segmentName(number)));
    if (footer === null || !footer.sessions.every(({ session }) => session === 0 || ended(session))) break;
    through = number;
    segments++;
  }
  // A deletion that was stopped is finished.
  const leftovers = through > 0 && (numbers.length === 0 || numbers.some((number) => number <= through));
  return segments > 0 || leftovers ? { through, segments, whole: numbers.every((number) => number <= through) } : null;
}

/** Deletes them. What stops half-way is finished by the next call. @throws errors of the file system */
export async function pruneSegments(workerDirectory: string, { through, whole }: Prunable): Promise<void> {
  const mark = await open(join(workerDirectory, PRUNED_FILE), 'w', 0o600);
  try {
    await mark.writeFile(`${JSON.stringify({ through })}\n`);
    await mark.sync();
  } finally {
    await mark.close();
  }
  for (const name of await readdir(workerDirectory)) {
    const number = Number(/^(\d{6,10})\.gwj/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
    if (number <= through) await rm(join(workerDirectory, name), { force: true });
  }
  if (!whole) return;
  for (const name of ['keys', 'keys.json', PRUNED_FILE]) await rm(join(workerDirectory, name), { force: true });
  await rmdir(workerDirectory).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'ENOTEMPTY' && thrown.code !== 'ENOENT') throw thrown;
  });
}

async function footerOf(path: string): Promise<{ readonly sessions: readonly { readonly session: number }[] } | null> {
  const reader = await SegmentReader.open(path);
  if (typeof reader === 'string') throw new GwError('recording.failed', `The journal segment ${path} cannot be read: ${reader}.`);
  try {
    for (;;) {
      const item = await reader.next();
      if (item.kind === 'seal') return item.footer;
      if (item.kind !== 'frame') return null;
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}
