/**
 * Takes the oldest segments of a closed journal away when all that they hold has ended: no session in them can be read any more. What is left verifies
 * as before; `pruned` says how many are gone, and the audit log, which the verifier asks, says why.
 */
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DRAFT_SUFFIX, syncDirectories, writeWhole } from '../base/durable-file.js';
import { GwError } from '../contract/gw-error.js';
import { isBesideSegments, listSegments, PRUNED_FILE, prunedThrough, segmentName } from './journal-directory.js';
import { SegmentReader } from './segment-reader.js';

export interface Prunable {
  /** Segments 1 to this can go. */
  readonly through: number;
  /** Those of them that are still here. */
  readonly segments: number;
  /** Nothing else is left of the journal then. */
  readonly whole: boolean;
}

export interface PruneLimit {
  /** Segments after this one must stay. */
  readonly limit: number;
  /** Through which segment the audit log says that the journal was pruned; 0: it does not. Asked where the journal itself cannot say it. */
  readonly told: () => Promise<number>;
}

/**
 * How much of a closed journal can go.
 * @param ended whether the content of a session, by its number, has ended
 * @returns null when nothing can go, or the journal is not closed
 * @throws GwError `recording.failed` when a segment cannot be read, or nobody says why the first ones are gone
 */
export async function prunableSegments(workerDirectory: string, ended: (session: number) => boolean, { limit, told }: PruneLimit): Promise<Prunable | null> {
  const names = await readdir(workerDirectory).catch(() => ['lock']);
  if (names.includes('lock')) return null;
  const numbers = await listSegments(workerDirectory);
  const marked = await prunedThrough(workerDirectory);
  const lost = marked === 0 && names.includes(PRUNED_FILE) && numbers[0] !== 1;
  const from = lost ? gone(workerDirectory, (numbers[0] ?? Number.POSITIVE_INFINITY) - 1, await told()) : marked;
  let through = from;
  for (const number of numbers) {
    if (number <= through) continue;
    if (number !== through + 1 || number > limit) break;
    const footer = await footerOf(join(workerDirectory, segmentName(number)));
    if (footer === null || !footer.sessions.every(({ session }) => session === 0 || ended(session))) break;
    through = number;
  }
  const segments = numbers.filter((number) => number > from && number <= through).length;
  // A deletion that was stopped is finished.
  const leftovers = lost || names.length === 0 || (through > 0 && (numbers.length === 0 || numbers.some((number) => number <= through)));
  return segments > 0 || leftovers ? { through, segments, whole: numbers.every((number) => number <= through) } : null;
}

/** Deletes them. What stops half-way is finished by the next call. @throws errors of the file system */
export async function pruneSegments(workerDirectory: string, { through, whole }: Prunable): Promise<void> {
  // Each step is on disk before the next one: without its mark a journal that has lost its beginning is a damaged one.
  if (through > 0) {
    await writeWhole(workerDirectory, PRUNED_FILE, `${JSON.stringify({ through })}\n`);
    await syncDirectories(workerDirectory, []);
  }
  for (const name of await readdir(workerDirectory)) {
    const number = Number(/^(\d{6,10})\.gwj/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
    if (number <= through) await rm(join(workerDirectory, name), { force: true });
  }
  if (!whole) return;
  await syncDirectories(workerDirectory, []);
  const beside = (await readdir(workerDirectory)).filter((name) => isBesideSegments(name) || name === PRUNED_FILE + DRAFT_SUFFIX);
  for (const name of [...beside, PRUNED_FILE]) await rm(join(workerDirectory, name), { force: true });
  await rmdir(workerDirectory).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'ENOTEMPTY' && thrown.code !== 'ENOENT') throw thrown;
  });
}

/** A mark that was cut off when its process died (a former version wrote it in place): what is gone is what the log told, and no more than that. */
function gone(workerDirectory: string, missing: number, told: number): number {
  if (told > 0 && (missing <= told || missing === Number.POSITIVE_INFINITY)) return Math.min(missing, told);
  throw new GwError(
    'recording.failed',
    `Segments of the journal ${workerDirectory} are gone, and neither its file ${PRUNED_FILE} nor the audit log says why.`,
    {
      hint: 'See what `gw audit verify` says, and put the journal back from a backup.',
    },
  );
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
