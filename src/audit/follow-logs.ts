/**
 * Entries of the logs of a gateway as they come, from the checkpoints of now on: each log in its order, several logs by time as far as they came
 * together. Also what sinks read. A log that comes up meanwhile is followed from its beginning.
 */
import type { AuditEntry } from '../contract/audit-entry.js';
import { GwError } from '../contract/gw-error.js';
import { firstKept, logState, readEntries } from './live-log.js';
import { TILE_WIDTH } from './tile-layout.js';

export interface FollowOptions {
  readonly list: () => Promise<readonly string[]>;
  /** Waits; false: ends. */
  readonly more: () => Promise<boolean>;
}

/** Where each log ends now, by its directory. */
export async function endsOfLogs(directories: readonly string[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  for (const directory of directories) ends.set(directory, (await logState(directory))?.size ?? 0);
  return ends;
}

/** Gives what is new in all logs together, and an empty list where nothing is. @param from moved on as entries are given */
export async function* followLogs({ list, more }: FollowOptions, from: Map<string, number>): AsyncGenerator<readonly AuditEntry[], void> {
  let entries: AuditEntry[];
  do {
    entries = [];
    for (const directory of await list()) {
      const state = await logState(directory);
      if (state === null) continue;
      const found = await entriesFrom(directory, from.get(directory) ?? (await firstKept(directory)));
      entries.push(...found.entries);
      from.set(directory, found.next);
    }
    yield entries.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    // While there is more than one round gives, nobody waits.
  } while (entries.length > 0 || (await more()));
}

/**
 * The entries of a log from index `from` to the end of their bundle, or none where the log ends. `next`: where to go on.
 * @throws GwError `audit.invalid` when the log is shorter than `from`, does not hold what it should, or was pruned beyond `from`
 */
export async function entriesFrom(directory: string, from: number): Promise<{ readonly entries: readonly AuditEntry[]; readonly next: number }> {
  const state = await logState(directory);
  const size = state?.size ?? 0;
  if (size < from) throw new GwError('audit.invalid', `The audit log in ${directory} has ${size} entries; it had ${from} before.`);
  if (state === null || size === from) return { entries: [], next: from };
  const index = Math.floor(from / TILE_WIDTH);
  const bundle = await readEntries(directory, index, state);
  const next = Math.min(size, (index + 1) * TILE_WIDTH);
  const entries = bundle?.filter(({ n }) => n >= from) ?? null;
  if (entries?.length !== next - from) {
    const first = await firstKept(directory);
    if (from < first) {
      throw new GwError('audit.invalid', `The audit log ${state.origin} was pruned up to entry ${first}: entries ${from} to ${first - 1} are gone.`);
    }
    throw new GwError('audit.invalid', `Entries ${from} to ${next - 1} of the audit log ${state.origin} are missing or damaged.`);
  }
  return { entries, next };
}
