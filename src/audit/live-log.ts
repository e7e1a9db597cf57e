/**
 * A log as somebody beside its writer reads it while it grows: entries under the newest checkpoint, whole bundles at a time. Partial tiles go away
 * as the log grows, so a bundle that is gone is looked for once more under the checkpoint of then.
 */
import type { AuditEntry } from '../contract/audit-entry.js';
import { GwError } from '../contract/gw-error.js';
import { decodeLeaf } from './audit-leaf.js';
import { parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';
import { TILE_WIDTH } from './tile-layout.js';

const ATTEMPTS = 5;

export interface LogState {
  readonly origin: string;
  readonly size: number;
}

/** Index of the first entry that is kept: what lies before it was pruned. */
export function firstKept(directory: string): Promise<number> {
  return new LogFiles(directory).first();
}

/** What the newest checkpoint says; null: the log has none yet. @throws GwError `audit.invalid` when it cannot be read */
export async function logState(directory: string): Promise<LogState | null> {
  const bytes = await new LogFiles(directory).checkpoint();
  if (bytes === null) return null;
  const parsed = parseCheckpoint(bytes);
  if (parsed === null) throw new GwError('audit.invalid', `The checkpoint of the audit log in ${directory} cannot be read.`);
  return parsed.checkpoint;
}

/**
 * The entries of bundle `index` that are under the checkpoint `state`, or under a newer one; null when the bundle is not there (pruned, or lost:
 * `gw audit verify` tells which). What is no entry is left out there as well.
 */
export async function readEntries(directory: string, index: number, state: LogState): Promise<AuditEntry[] | null> {
  const files = new LogFiles(directory);
  let size = state.size;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const leaves = await files.bundle(index, size);
    if (leaves !== null) {
      const wanted = leaves.slice(0, Math.max(0, state.size - index * TILE_WIDTH));
      return wanted.flatMap((leaf) => {
        const entry = decodeLeaf(leaf);
        return entry === null ? [] : [{ log: state.origin, n: entry.n, time: entry.time, kind: entry.kind, journal: entry.journal, data: entry.data }];
      });
    }
    const now = (await logState(directory))?.size ?? size;
    if (now === size) return null;
    size = now;
  }
  return null;
}
