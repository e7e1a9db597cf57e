/**
 * Puts right what processes that ended without a word left behind: their journals are checked and sealed, and the sessions that they
 * carried are shown as ended. Runs before a worker accepts anything, in one worker at a time.
 */
import { readdir } from 'node:fs/promises';
import type { AuditTrail } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { noSuchDirectory } from '../base/no-such-directory.js';
import type { SessionEnd } from '../contract/recording.js';
import { type JournalKeys, type RecoveredSession, recoverJournals, type SealedSegment } from '../recording/index.js';
import type { Store } from '../store/index.js';

export interface InterruptedWork {
  readonly journalDir: string;
  readonly keys: JournalKeys;
  readonly aliveJournals: readonly string[];
  readonly store: Store;
  readonly trail: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws GwError `store.unavailable` */
export async function recoverInterruptedWork({ journalDir, keys, aliveJournals, store, trail, clock, logger }: InterruptedWork): Promise<void> {
  const alive = new Set(aliveJournals);
  const settle = async (recovered: readonly RecoveredSession[], segments: readonly SealedSegment[]): Promise<void> => {
    for (const each of recovered) logRecovered(trail, each);
    for (const each of segments) logSegment(trail, each);
    await trail.synced();
    for (const { bootId, start, end } of recovered) {
      // The row of one whose key is gone is put right with those of its journal, below.
      if (start === null || end === null) continue;
      // The row may never have been stored: both together make it whole. A row that is whole stays as it is.
      if (store.saturated) await store.sessions.flush();
      store.sessions.started(start, bootId);
      store.sessions.ended(start.session, end);
    }
    await store.sessions.flush();
  };
  const { sessions, failed } = await recoverJournals(journalDir, { clock, logger, keys, alive: (journal) => alive.has(journal), settle });
  // Journals of other gateways are elsewhere: only those whose directory is here are known to be dead.
  const here = new Set(await readdir(journalDir).catch(noSuchDirectory));
  const dead = (await store.liveJournals()).filter((journal) => here.has(journal) && !alive.has(journal));
  const corrected = dead.length === 0 ? 0 : await store.endInterrupted(dead, clock.now());
  const total = sessions.length + corrected;
  if (total > 0) logger.warn({ sessions: total }, 'sessions of a process that ended unexpectedly were closed as interrupted');
  for (const { bootId, problem } of failed) logger.error({ journal: bootId, problem }, 'a journal of an earlier process could not be recovered');
}

/** @throws GwError `recording.failed`: then the segment must not count as settled */
export function logSegment(trail: AuditTrail, { bootId, segment, entries, root, final }: SealedSegment): void {
  trail.append('journal.segment', { journalOfSegment: bootId, segment, entries, root, final });
  trail.commit();
}

function logRecovered(trail: AuditTrail, { id, bootId, start, end }: RecoveredSession): void {
  const who = start === null ? {} : { target: start.target, issuer: start.identity.issuer, subject: start.identity.subject };
  trail.append('session.recovered', { session: id, journalOfSession: bootId, ...who, ...(end === null ? {} : totalsOf(end)) });
}

const totalsOf = ({ reason, operations, refused, rows, bytesUp, bytesDown }: SessionEnd) => ({ reason, operations, refused, rows, bytesUp, bytesDown });
