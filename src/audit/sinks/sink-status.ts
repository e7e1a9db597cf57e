/** How far a sink is behind, from what lies on disk: whichever process is asked, it sees what the one that delivers has done. */

import type { SinkStatus } from '../../contract/api-types.js';
import { isKindOf } from '../../contract/audit-entry.js';
import type { SinkSettings } from '../../contract/settings.js';
import { entriesFrom } from '../follow-logs.js';
import { firstKept, logState } from '../live-log.js';
import { FAILING_ATTEMPTS, readPlace, type SinkFailure } from './sink-place.js';

/**
 * @param logs directories of the logs
 * @param now milliseconds since the epoch
 * @param unserved what keeps all sinks from being served: nobody can have written that to their places
 * @throws GwError `audit.invalid` when a log cannot be read
 */
export async function sinkStatus(
  directory: string,
  settings: SinkSettings,
  logs: readonly string[],
  now: number,
  unserved: SinkFailure | null = null,
): Promise<SinkStatus> {
  const { name, format, to, alarmMs } = settings;
  const place = await readPlace(directory, name);
  let waiting = 0;
  let oldest: string | null = null;
  for (const log of logs) {
    // What was pruned cannot wait any more: the sink itself says that it is gone.
    const from = Math.max(await firstKept(log), place?.next[log.slice(log.lastIndexOf('/') + 1)] ?? 0);
    const size = (await logState(log))?.size ?? 0;
    if (size <= from) continue;
    waiting += size - from;
    const first = (await entriesFrom(log, from)).entries.find(({ kind }) => isKindOf(kind, settings.events));
    if (first !== undefined && (oldest === null || first.time < oldest)) oldest = first.time;
  }
  const failing = unserved ?? place?.failing ?? null;
  const late = oldest !== null && now - Date.parse(oldest) > alarmMs;
  return {
    name,
    kind: to.kind,
    format,
    state: failing !== null && failing.attempts >= FAILING_ATTEMPTS ? 'failing' : late ? 'behind' : 'ok',
    waiting,
    oldest,
    failing,
  };
}
