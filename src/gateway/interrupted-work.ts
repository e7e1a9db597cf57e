/**
 * Puts right what processes that ended without a word left behind: their journals are checked and sealed, and the sessions that they
 * carried are shown as ended. Runs before a worker accepts anything, in one worker at a time.
 */
import { readdir } from 'node:fs/promises';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { type RecoveredSession, recoverJournals } from '../recording/index.js';
import type { Store } from '../store/index.js';

export interface InterruptedWork {
  readonly journalDir: string;
  readonly aliveJournals: readonly string[];
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws GwError `store.unavailable` */
export async function recoverInterruptedWork({ journalDir, aliveJournals, store, clock, logger }: InterruptedWork): Promise<void> {
  const alive = new Set(aliveJournals);
  const settle = async (recovered: readonly RecoveredSession[]): Promise<void> => {
    for (const { bootId, start, end } of recovered) {
      // The row may never have been stored: both together make it whole. A row that is whole stays as it is.
      if (store.saturated) await store.sessions.flush();
      store.sessions.started(start, bootId);
      store.sessions.ended(start.session, end);
    }
    await store.sessions.flush();
  };
  const { sessions, failed } = await recoverJournals(journalDir, { clock, logger, alive: (journal) => alive.has(journal), settle });
  // Journals of other gateways are elsewhere: only those whose directory is here are known to be dead.
  const here = new Set(await readdir(journalDir).catch(noSuchDirectory));
  const dead = (await store.liveJournals()).filter((journal) => here.has(journal) && !alive.has(journal));
  const corrected = dead.length === 0 ? 0 : await store.endInterrupted(dead, clock.now());
  const total = sessions.length + corrected;
  if (total > 0) logger.warn({ sessions: total }, 'sessions of a process that ended unexpectedly were closed as interrupted');
  for (const { bootId, problem } of failed) logger.error({ journal: bootId, problem }, 'a journal of an earlier process could not be recovered');
}

function noSuchDirectory(thrown: unknown): string[] {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
  throw thrown;
}
