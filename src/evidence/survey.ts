/**
 * What the entries of the logs say of a period: its sessions, and the segments of journals that hold what happened in it. Entries from the end of the period on count for nothing but the segments, which are sealed later than what they hold. Pure.
 */
import type { AuditLeaf } from '../audit/index.js';
import type { PackScope } from './pack-scope.js';

export interface SurveyedSession {
  readonly id: string;
  readonly log: string;
  /** Index of its first entry in that log; null: only its end was told, by whoever repaired its journal. */
  readonly index: number | null;
  readonly journal: string;
  /** Number in its journal; null when not known. */
  readonly number: number | null;
  /** Null: its begin is not in the log. */
  readonly start: AuditLeaf | null;
  /** The entry that tells its end, in whichever log; null: it goes on past the period. */
  end: AuditLeaf | null;
  endLog: string | null;
  /** Entries of it, begin and end included. */
  leaves: number;
}

export interface SurveyedSegment {
  readonly journal: string;
  readonly segment: number;
  readonly log: string;
  readonly index: number;
  readonly entries: number;
  /** Hex. */
  readonly root: string;
  readonly final: boolean;
  /** When it was told, milliseconds since the epoch: nothing in it is newer. */
  readonly time: number;
}

/** The last word on a client's recording. */
export interface JudgedRecording {
  readonly log: string;
  readonly leaf: AuditLeaf;
}

const OF_SESSION = new Set(['operation.deny', 'data.clear', 'data.masked']);

export const segmentKey = (journal: string, segment: number): string => `${journal}/${segment}`;

export class Survey {
  readonly sessions = new Map<string, SurveyedSession>();
  readonly segments = new Map<string, SurveyedSegment>();
  readonly #segments = new Map<string, SurveyedSegment[]>();
  /** By id. */
  readonly recordings = new Map<string, JudgedRecording>();
  readonly #scope: Pick<PackScope, 'from' | 'to'>;

  constructor(scope: Pick<PackScope, 'from' | 'to'>) {
    this.#scope = scope;
  }

  isIn(leaf: AuditLeaf): boolean {
    const time = Date.parse(leaf.time);
    return time >= this.#scope.from && time < this.#scope.to;
  }

  take(log: string, leaf: AuditLeaf): void {
    const { kind, data, n } = leaf;
    const time = Date.parse(leaf.time);
    if (kind === 'journal.segment') this.#segment(log, leaf, time);
    if (time >= this.#scope.to) return;
    if (kind === 'client_recording.judge') this.#judged(log, leaf);
    const id = String(data['session']);
    if (kind === 'session.start') {
      const before = this.sessions.get(id);
      this.sessions.set(id, {
        id,
        log,
        index: n,
        journal: leaf.journal,
        number: Number(data['number']),
        start: leaf,
        end: before?.end ?? null,
        endLog: before?.endLog ?? null,
        leaves: 1,
      });
      // Its end was read before, out of another log.
      if (before?.end !== null && before !== undefined) this.#ended(id, Date.parse(before.end.time));
    } else if (kind === 'session.end' || OF_SESSION.has(kind)) {
      const session = this.sessions.get(id);
      if (session === undefined) return;
      session.leaves++;
      if (kind !== 'session.end') return;
      session.end = leaf;
      session.endLog = log;
      this.#ended(id, time);
    } else if (kind === 'session.recovered') {
      const session = this.sessions.get(id);
      if (session === undefined) {
        const journal = String(data['journalOfSession']);
        this.sessions.set(id, { id, log, index: null, journal, number: null, start: null, end: leaf, endLog: log, leaves: 0 });
        return;
      }
      session.end ??= leaf;
      session.endLog ??= log;
      this.#ended(id, time);
    }
  }

  /** The segments of a journal, as they were told. */
  segmentsOf(journal: string): readonly SurveyedSegment[] {
    return this.#segments.get(journal) ?? [];
  }

  /** After the last entry: what ended before the period is not of it, whichever log told it first. */
  finish(): void {
    for (const { id, end } of [...this.sessions.values()]) if (end !== null) this.#ended(id, Date.parse(end.time));
  }

  #ended(id: string, time: number): void {
    if (time < this.#scope.from) this.sessions.delete(id);
  }

  #judged(log: string, leaf: AuditLeaf): void {
    const id = String(leaf.data['recording']);
    const before = this.recordings.get(id);
    if (before === undefined || before.leaf.time <= leaf.time) this.recordings.set(id, { log, leaf });
  }

  #segment(log: string, { data, n }: AuditLeaf, time: number): void {
    const journal = String(data['journalOfSegment']);
    const segment = Number(data['segment']);
    const key = segmentKey(journal, segment);
    if (this.segments.has(key)) return;
    const found = { journal, segment, log, index: n, entries: Number(data['entries']), root: String(data['root']), final: data['final'] === true, time };
    this.segments.set(key, found);
    const own = this.#segments.get(journal);
    if (own === undefined) this.#segments.set(journal, [found]);
    else own.push(found);
  }
}

/** Sessions in the order of the log: what a sample is drawn from, and listings are in. */
export function sessionsInOrder(survey: Survey): SurveyedSession[] {
  const at = (session: SurveyedSession): string => session.start?.time ?? session.end?.time ?? '';
  return [...survey.sessions.values()].sort((a, b) => (at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : a.id < b.id ? -1 : 1));
}
