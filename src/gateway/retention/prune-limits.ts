/**
 * What keeps entries of the audit log besides the logs themselves: sinks that have not taken them, witnesses and mirrors that have not seen them, journals
 * on disk, holds, and requests that are open. What cannot be read keeps everything.
 */
import { basename, join } from 'node:path';
import { checkContinuation, cosignedFile, LogFiles, logState, type PruneLimits, parseCheckpoint, readPlace, wasBegun } from '../../audit/index.js';
import type { HoldStore } from '../../contract/record-keeping.js';
import type { RetentionStore } from '../../contract/retention.js';
import type { SinkSettings } from '../../contract/settings.js';
import { listWorkers } from '../../recording/index.js';

export interface PruneSources {
  readonly dataDir: string;
  readonly journalDir: string;
  readonly holds: Pick<HoldStore, 'list'>;
  readonly rows: Pick<RetentionStore, 'openRequests'>;
  readonly sinks: () => readonly SinkSettings[];
  /** Directories with cosigned checkpoints, or copies of the logs. */
  readonly seenBy: () => readonly string[];
}

/** @param directory of the log. @throws GwError `store.unavailable` */
export async function pruneLimits(directory: string, period: Pick<PruneLimits, 'keepMs' | 'known' | 'few'>, sources: PruneSources): Promise<PruneLimits> {
  const { dataDir, journalDir, holds, rows, sinks, seenBy } = sources;
  let taken = Number.POSITIVE_INFINITY;
  for (const each of sinks()) taken = Math.min(taken, await takenBy(each, join(dataDir, 'sinks'), directory));
  for (const each of seenBy()) taken = Math.min(taken, await seenIn(each, directory));
  return {
    ...period,
    journals: new Set(await listWorkers(journalDir)),
    holds: await holds.list(false),
    openRequests: new Set(await rows.openRequests()),
    taken,
  };
}

/** Up to which entry a sink has taken a log. One that was never seen and begins at the newest entry needs none of those that there are. */
async function takenBy({ name, begin }: SinkSettings, directory: string, log: string): Promise<number> {
  const place = await readPlace(directory, name);
  if (place === null) return begin === 'newest' && !(await wasBegun(directory, name)) ? Number.POSITIVE_INFINITY : 0;
  return place.next[basename(log)] ?? 0;
}

/** Size of the checkpoint of a log that lies in a directory of a witness, or in a copy of the logs; 0 for one that the log does not continue. */
async function seenIn(directory: string, log: string): Promise<number> {
  const state = await logState(log);
  if (state === null) return 0;
  const there = new LogFiles(directory);
  const bytes = (await there.read(cosignedFile(state.origin), NOTE_BYTES)) ?? (await there.read(join('log', basename(log), 'checkpoint'), NOTE_BYTES));
  const seen = bytes === null ? null : (parseCheckpoint(bytes, true)?.checkpoint ?? null);
  const files = new LogFiles(log);
  const own = await files.checkpoint();
  const now = own === null ? null : (parseCheckpoint(own)?.checkpoint ?? null);
  if (now === null || seen === null || seen.origin !== state.origin) return 0;
  let continues = true;
  await checkContinuation(files, now, seen, () => (continues = false), await files.first());
  return continues ? seen.size : 0;
}

const NOTE_BYTES = 64 * 1024;
