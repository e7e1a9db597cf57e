/**
 * Reads sessions out of journals, also while they are written. Streams: memory is bounded by one frame and by the open operations of the one
 * session. Input is untrusted; what is wrong is reported at the end, and what can still be read is given.
 */
import { join } from 'node:path';
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import { type JournalKeys, plainJournals } from './encryption/journal-keyring.js';
import { openEntries } from './encryption/open-entries.js';
import { decodeEnd, decodeObject, type HiddenReason } from './entry-decoder.js';
import { KIND } from './format.js';
import { listWorkers } from './journal-directory.js';
import type { SessionItem } from './recorded.js';
import { readEnd, readStart } from './recorded-shapes.js';
import { SessionJoiner } from './session-joiner.js';
import { SessionLedger } from './session-ledger.js';
import { type JournalProblem, walkJournal } from './walk-journal.js';
import { isWorkerAlive } from './worker-lock.js';

const PROBLEMS = 1000;
const OPEN_SESSIONS = 200_000;

/**
 * The story of one session, by the id in its SessionStart, from the journal of the worker that carried it. Yields nothing but the final
 * `integrity` item with the problem `session-unknown` when the session is not there.
 * @param keys open an encrypted journal; what they do not open is left out, and a problem says so
 * @param more of a live session waits for more, see `WalkOptions`
 * @throws GwError `recording.key` when the journal's key cannot be had
 */
export async function* readSession(
  dir: string,
  bootId: string,
  session: string,
  keys: JournalKeys = plainJournals,
  more?: () => Promise<boolean>,
): AsyncGenerator<SessionItem, void> {
  const opener = await keys.opener(dir, bootId);
  const live = await isWorkerAlive(join(dir, bootId));
  const problems: JournalProblem[] = [];
  const report = (problem: JournalProblem): void => {
    if (problems.length < PROBLEMS) problems.push(problem);
  };
  const joiner = new SessionJoiner();
  // The ledger checks counters and totals of this session alone: it is shown as the first one of its journal.
  const ledger = new SessionLedger();
  let number = 0;
  let ended = false;
  let hidden: HiddenReason | null = null;
  let segment = 0;
  // A writer that died tells nothing more.
  const waiting = more === undefined ? undefined : async (): Promise<boolean> => (await more()) && (await isWorkerAlive(join(dir, bootId)));
  for await (const item of walkJournal({ dir, bootId, live, more: waiting })) {
    if (item.kind === 'problem') report(item.problem);
    if (item.kind !== 'frame') continue;
    segment = item.segment;
    const { frame } = item;
    for (const entry of openEntries(frame, opener)) {
      const found = (code: JournalProblem['code'], message: string): void =>
        report({ code, bootId, segment, offset: frame.offset, session: number === 0 ? null : number, message });
      if (typeof entry === 'string') {
        found('entry-unreadable', entry);
        break;
      }
      if (number === 0 && entry.kind === KIND.sessionStart && decodeObject(entry.payload)?.['session'] === session) number = entry.session;
      if (number === 0 || entry.session !== number) continue;
      const finding = ledger.take({ ...entry, session: 1 });
      if (finding !== null) found(finding.code, finding.message);
      if (entry.kind === KIND.sessionEnd) ended = true;
      if (entry.hidden === null) yield* joiner.take(entry, frame.time);
      else if (hidden !== entry.hidden) {
        hidden = entry.hidden;
        if (hidden !== 'damaged') found(hidden === 'destroyed' ? 'content-erased' : 'content-locked', HIDDEN[hidden]);
      }
    }
    if (ended) break;
  }
  yield* joiner.rest();
  if (number === 0) report({ code: 'session-unknown', bootId, segment, offset: 0, session: null, message: 'the journal holds no such session' });
  else if (!ended && !live) report({ code: 'end-missing', bootId, segment, offset: 0, session: number, message: 'the session has no end' });
  yield { kind: 'integrity', intact: problems.length === 0, live: live && number !== 0 && !ended, problems };
}

const HIDDEN: Readonly<Record<Exclude<HiddenReason, 'damaged'>, string>> = {
  destroyed: 'the content of the session was erased',
  locked: 'the content is encrypted, and its key is not here',
  'no-key': 'the content is encrypted, and the journal has no key for it',
  'wrong-key': 'the content is encrypted, and the key in its place is not the key of this session',
};

export interface ListedSession {
  readonly bootId: string;
  /** Number of the session in its journal. */
  readonly number: number;
  readonly start: SessionStart;
  /** Null while it is open, or when its journal was not recovered. */
  readonly end: SessionEnd | null;
}

/** All sessions of all journals of a directory: each as it ends, those without an end last. Reads everything; unreadable parts are skipped. */
export async function* listSessions(dir: string, keys: JournalKeys = plainJournals): AsyncGenerator<ListedSession, void> {
  for (const bootId of await listWorkers(dir)) {
    const opener = await keys.opener(dir, bootId);
    const open = new Map<number, SessionStart>();
    for await (const item of walkJournal({ dir, bootId, live: true })) {
      if (item.kind !== 'frame') continue;
      for (const entry of openEntries(item.frame, opener)) {
        if (typeof entry === 'string') break;
        if (entry.kind === KIND.sessionStart) {
          const start = readStart(entry.payload);
          if (start !== null && open.size < OPEN_SESSIONS) open.set(entry.session, start);
        } else if (entry.kind === KIND.sessionEnd) {
          const start = open.get(entry.session);
          const end = decodeEnd(entry.payload);
          open.delete(entry.session);
          if (start !== undefined) yield { bootId, number: entry.session, start, end: end === null ? null : readEnd(end.json) };
        }
      }
    }
    for (const [number, start] of open) yield { bootId, number, start, end: null };
  }
}
