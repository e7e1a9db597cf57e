/** Everything that the journals of a gateway hold, read in one pass for each journal; `readSession` reads one session at a time. */
import { dirname, join } from 'node:path';
import type { SessionEnd, SessionStart } from '../../../src/contract/recording.js';
import { keyringBeside } from '../../../src/gateway/journal-keys.js';
import { openEntries } from '../../../src/recording/encryption/open-entries.js';
import type { RecordedOperation } from '../../../src/recording/index.js';
import { listWorkers } from '../../../src/recording/journal-directory.js';
import { SessionJoiner } from '../../../src/recording/session-joiner.js';
import { walkJournal } from '../../../src/recording/walk-journal.js';
import { isWorkerAlive } from '../../../src/recording/worker-lock.js';

export interface RecordedSession {
  readonly journal: string;
  readonly start: SessionStart;
  end: SessionEnd | null;
  readonly operations: RecordedOperation[];
  /** What the target sent without being asked, its last words for instance. */
  unsolicited: Buffer;
}

/** Names of the journals whose process runs. */
export async function liveJournals(dir: string): Promise<string[]> {
  const live: string[] = [];
  for (const journal of await listWorkers(dir)) if (await isWorkerAlive(join(dir, journal))) live.push(journal);
  return live;
}

export async function recordedSessions(dir: string, journal: string): Promise<RecordedSession[]> {
  const opener = await (await keyringBeside(dirname(dir))).opener(dir, journal);
  const sessions = new Map<number, RecordedSession>();
  const joiners = new Map<number, SessionJoiner>();
  for await (const item of walkJournal({ dir, bootId: journal, live: false })) {
    if (item.kind !== 'frame') continue;
    for (const entry of openEntries(item.frame, opener)) {
      if (typeof entry === 'string') throw new TypeError(`journal ${journal}: ${entry}`);
      if (entry.session === 0) continue;
      let joiner = joiners.get(entry.session);
      if (joiner === undefined) joiners.set(entry.session, (joiner = new SessionJoiner()));
      for (const told of joiner.take(entry, item.frame.time)) {
        if (told.kind === 'start') sessions.set(entry.session, { journal, start: told.start, end: null, operations: [], unsolicited: Buffer.alloc(0) });
        const session = sessions.get(entry.session);
        if (told.kind === 'operation') session?.operations.push(told.operation);
        else if (told.kind === 'unsolicited' && session !== undefined) session.unsolicited = Buffer.concat([session.unsolicited, told.bytes]);
        else if (told.kind === 'end' && session !== undefined) session.end = told.end;
      }
    }
  }
  for (const [number, joiner] of joiners) {
    for (const told of joiner.rest()) if (told.kind === 'operation') sessions.get(number)?.operations.push(told.operation);
  }
  return [...sessions.values()];
}
