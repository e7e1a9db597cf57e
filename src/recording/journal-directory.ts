/**
 * Where journals lie: `<dir>/<boot id>/000001.gwj …`, one directory for each run of a worker process. Names that do not fit are not the
 * journal's and are left alone.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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

export async function segmentExists(workerDirectory: string, number: number): Promise<boolean> {
  return stat(join(workerDirectory, segmentName(number))).then(
    (found) => found.isFile(),
    () => false,
  );
}

function noSuchDirectory(thrown: unknown): [] {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
  throw thrown;
}
