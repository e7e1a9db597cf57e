/** A log as somebody beside its writer reads it while it grows: entries under the newest checkpoint, whole bundles at a time. */
import type { AuditEntry } from '../contract/audit-entry.js';
import { GwError } from '../contract/gw-error.js';
import { decodeLeaf } from './audit-leaf.js';
import { parseCheckpoint } from './checkpoint.js';
import { LogFiles } from './log-files.js';

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
 * The entries of bundle `index` that are under the checkpoint `state`; null when the bundle is not there (pruned, or lost:
 * `gw audit verify` tells which). What is no entry is left out there as well.
 */
export async function readEntries(directory: string, index: number, state: LogState): Promise<AuditEntry[] | null> {
  const leaves = await new LogFiles(directory).bundle(index, state.size);
  if (leaves === null) return null;
  return leaves.flatMap((leaf) => {
    const entry = decodeLeaf(leaf);
    return entry === null ? [] : [{ log: state.origin, n: entry.n, time: entry.time, kind: entry.kind, journal: entry.journal, data: entry.data }];
  });
}
