/**
 * Where journals lie: `<dir>/<boot id>/000001.gwj …`, one directory for each run of a worker process. Names that do not fit are not the
 * journal's and are left alone.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { noSuchDirectory } from '../base/no-such-directory.js';
import { readIfThere } from '../base/read-if-there.js';
import { isBootId } from './segment-layout.js';

const SEGMENT = /^(\d{6,10})\.gwj$/;

export function segmentName(number: number): string {
  return `${String(number).padStart(6, '0')}.gwj`;
}

/** Boot ids of all workers that wrote here, sorted; none when the directory does not exist. */
export async function listWorkers(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(noSuchDirectory);
  return entries
    .filter((entry) => entry.isDirectory() && isBootId(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** Numbers of the segments of one worker, ascending. */
export async function listSegments(workerDirectory: string): Promise<number[]> {
  const entries = await readdir(workerDirectory, { withFileTypes: true }).catch(noSuchDirectory);
  const numbers: number[] = [];
  for (const entry of entries) {
    const match = SEGMENT.exec(entry.name);
    const number = Number(match?.[1]);
    if (entry.isFile() && match !== null && segmentName(number) === entry.name) numbers.push(number);
  }
  return numbers.sort((a, b) => a - b);
}

/** What is in a directory besides segments, before the first one and behind the last: locks, and what they are made of and claimed with; keys. */
const BESIDE_SEGMENTS = /^(?:(?:lock|recovery)(?:\..+)?|keys|keys\.json(?:\.draft)?)$/;

export function isBesideSegments(name: string): boolean {
  return BESIDE_SEGMENTS.test(name);
}

/**
 * Nothing was recorded here: a process is opening its journal, or died in that. Whoever empties a journal makes it look the same, as whoever removes it leaves
 * nothing to look at: the audit log knows the sessions and segments that it had.
 */
export async function isUnused(workerDirectory: string): Promise<boolean> {
  const names: readonly string[] = await readdir(workerDirectory).catch(noSuchDirectory);
  if (!names.every(isBesideSegments)) return false;
  return !names.includes('keys') || (await stat(join(workerDirectory, 'keys'))).size === 0;
}

/** Says how many segments of a journal were deleted when their time was over. */
export const PRUNED_FILE = 'pruned';

/** Segments up to this one are gone in order; 0 when none are. What the file says counts only as far as the audit log says it too. */
export async function prunedThrough(workerDirectory: string): Promise<number> {
  const text = await readIfThere(join(workerDirectory, PRUNED_FILE));
  const through: unknown = text === null ? null : /^\{"through":(\d{1,9})\}\n?$/.exec(text)?.[1];
  return Number(through ?? 0);
}

export async function segmentExists(workerDirectory: string, number: number): Promise<boolean> {
  return stat(join(workerDirectory, segmentName(number))).then(
    (found) => found.isFile(),
    () => false,
  );
}
