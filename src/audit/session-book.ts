/**
 * Follows sessions, journals and logs through the entries of all logs of a gateway and says what does not add up: a session without beginning or
 * end, entries that are fewer than its end declares, a number that was left out, a segment that is told twice in two ways, entries after a log's
 * end. This finds what a key's owner could take out of a tree before signing it. Pure; entries are untrusted.
 */

import { type Anchor, anchorsOf } from './anchor.js';
import { AnchorBook } from './anchor-book.js';
import type { AuditLeaf } from './audit-leaf.js';
import { EventDigest, isAuditEvent } from './event-digest.js';
import type { Claim, LogProblem } from './log-problem.js';
import { ownHead, saysRootOverLogs, WRONG_ROOT_OVER_LOGS } from './root-over-logs.js';

interface BookedSession {
  readonly log: string;
  readonly index: number;
  readonly journal: string;
  leaves: number;
}

export interface BookedSegment {
  readonly log: string;
  readonly index: number;
  readonly journal: string;
  readonly segment: number;
  readonly entries: number;
  readonly root: string;
  readonly final: boolean;
}

interface BookedLog {
  /** Who writes it now; null: it was closed. */
  journal: string | null;
  /** Sessions that the writer began. */
  sessions: number;
}

/** Problems listed; more are not worth reading. */
const PROBLEMS = 10_000;

const OF_SESSION = new Set(['operation.deny', 'data.clear', 'data.masked']);

export class SessionBook {
  readonly problems: LogProblem[] = [];
  readonly segments = new Map<string, BookedSegment>();
  /** Sessions that have no end yet, and the ids of those that have. */
  readonly #open = new Map<string, BookedSession>();
  readonly #ended = new Set<string>();
  readonly #recoveries = new Set<string>();
  readonly #logs = new Map<string, BookedLog>();
  /** What the logs say of each other. */
  readonly anchors = new AnchorBook();
  /** What each log last said of itself. */
  readonly #own = new Map<string, Anchor>();
  /** Audit events by journal; null: they are in several logs, so their order is not known. */
  readonly #events = new Map<string, EventDigest | null>();
  /** Logs that a process opened and did not close yet. A process also ends logs that others left: its events are complete when all of its logs are closed. */
  readonly #unclosed = new Map<string, number>();
  /** Sessions of each journal that the logs know. */
  readonly #known = new Map<string, Set<string>>();

  take(log: string, leaf: AuditLeaf): void {
    const { kind, data, n } = leaf;
    const state = this.#logs.get(log);
    if ((state === undefined || state.journal === null) && kind !== 'log.open' && kind !== 'log.recovered')
      this.#report('tail', log, n, `the entry ${kind} follows the end of the log`);
    if (kind === 'log.open') {
      this.#logs.set(log, { journal: leaf.journal, sessions: 0 });
      this.#countOpen(leaf.journal, 1);
    } else if (kind === 'log.close') this.#close(log, leaf);
    else if (kind === 'session.start') this.#begin(log, leaf);
    else if (kind === 'session.end' || OF_SESSION.has(kind)) this.#ofSession(log, leaf);
    else if (kind === 'session.recovered') this.#recovered(leaf);
    else if (kind === 'journal.segment') this.#segment(log, leaf);
    else if (isAuditEvent(kind)) this.#addEvent(leaf);
    for (const anchor of anchorsOf(data['anchors'])) this.anchors.take(anchor);
    if (!saysRootOverLogs(leaf)) return;
    const own = ownHead(log, leaf);
    if (own === null) this.#report('log', log, n, WRONG_ROOT_OVER_LOGS);
    else this.#own.set(log, own);
  }

  /** Takes over what another book found in other logs. */
  absorb(other: SessionBook): void {
    for (const problem of other.problems) this.#add(problem);
    for (const [id, session] of other.#open) {
      if (this.#isKnown(id)) this.#report('session', session.log, session.index, `the session ${id} begins twice`);
      this.#open.set(id, session);
    }
    for (const id of other.#ended) {
      if (this.#isKnown(id)) this.#report('session', '', null, `the session ${id} begins twice`);
      this.#ended.add(id);
    }
    for (const segment of other.segments.values()) this.#bookSegment(segment);
    for (const [journal, digest] of other.#events) this.#events.set(journal, this.#events.has(journal) ? null : digest);
    for (const [journal, count] of other.#unclosed) this.#countOpen(journal, count);
    for (const id of other.#recoveries) this.#recoveries.add(id);
    for (const [log, state] of other.#logs) this.#logs.set(log, state);
    this.anchors.absorb(other.anchors);
    for (const [log, own] of other.#own) this.#own.set(log, own);
    for (const [journal, ids] of other.#known) for (const id of ids) this.#know(journal, id);
  }

  /** What each log last said of itself. */
  get own(): readonly Anchor[] {
    return [...this.#own.values()];
  }

  get sessions(): number {
    let count = this.#ended.size + this.#open.size;
    for (const id of this.#recoveries) if (!this.#ended.has(id) && !this.#open.has(id)) count++;
    return count;
  }

  /** Whether a process still writes this journal, by what the logs say. */
  isOpen(journal: string): boolean {
    return [...this.#logs.values()].some((log) => log.journal === journal);
  }

  /** The audit events of a journal whose process ended in order; null: it did not, so one may be in the log or in the journal alone. */
  eventsOf(journal: string): EventDigest | null {
    if (this.#unclosed.get(journal) !== 0) return null;
    return this.#events.has(journal) ? (this.#events.get(journal) ?? null) : new EventDigest();
  }

  /** Journals of which the logs know sessions. */
  get journals(): readonly string[] {
    return [...this.#known.keys()];
  }

  /** How many sessions of a journal the logs know. */
  sessionsOf(journal: string): number {
    return this.#known.get(journal)?.size ?? 0;
  }

  /** After the last entry of the last log. @param isPruned segments of which earlier ones may be told of in what the log has given up */
  finish(isPruned: (journal: string, segment: number) => boolean = () => false): void {
    for (const [id, session] of this.#open) {
      if (!this.#recoveries.has(id) && !this.isOpen(session.journal)) this.#report('session', session.log, session.index, `the session ${id} has no end`);
    }
    const segments = new Map<string, BookedSegment[]>();
    for (const each of this.segments.values()) segments.set(each.journal, [...(segments.get(each.journal) ?? []), each]);
    for (const [journal, list] of segments) {
      const sorted = list.sort((a, b) => a.segment - b.segment);
      for (const [at, { log, index, segment }] of sorted.entries()) {
        if (segment === (sorted[at - 1]?.segment ?? 0) + 1 || isPruned(journal, segment)) continue;
        // Segments are sealed in the background: while the journal is written, a later one may be there first.
        if (!this.isOpen(journal)) this.#report('segment', log, index, `a segment before segment ${segment} of the journal ${journal} is missing`);
      }
      const last = sorted.at(-1);
      if (last !== undefined && !last.final && !this.isOpen(journal) && !isPruned(journal, last.segment))
        this.#report('segment', last.log, last.index, `the last segment of the journal ${journal} is missing`);
    }
  }

  #begin(log: string, { data, n, journal }: AuditLeaf): void {
    const state = this.#logs.get(log);
    const id = String(data['session']);
    if (state !== undefined) state.sessions++;
    if (data['number'] !== state?.sessions)
      this.#report('session', log, n, `the session ${id} is number ${String(data['number'])}, and ${state?.sessions ?? 0} began`);
    if (this.#isKnown(id)) this.#report('session', log, n, `the session ${id} begins twice`);
    this.#open.set(id, { log, index: n, journal, leaves: 1 });
    this.#know(journal, id);
  }

  #ofSession(log: string, { kind, data, n }: AuditLeaf): void {
    const id = String(data['session']);
    const session = this.#open.get(id);
    if (session === undefined || session.log !== log) {
      this.#report('session', log, n, `the entry ${kind} is of the session ${id}, which ${this.#ended.has(id) ? 'has ended' : 'never began here'}`);
      return;
    }
    session.leaves++;
    if (kind !== 'session.end') return;
    this.#open.delete(id);
    this.#ended.add(id);
    if (data['leaves'] !== session.leaves)
      this.#report('session', log, n, `the session ${id} has ${session.leaves} entries; its end says ${String(data['leaves'])}`);
  }

  /** Told by whoever repaired the journal, in its own log: the beginning may be in a log that is read later, or in none when the process died too early. */
  #recovered({ data }: AuditLeaf): void {
    const id = String(data['session']);
    this.#recoveries.add(id);
    this.#know(String(data['journalOfSession']), id);
  }

  #segment(log: string, { data, n }: AuditLeaf): void {
    this.#bookSegment({
      log,
      index: n,
      journal: String(data['journalOfSegment']),
      segment: Number(data['segment']),
      entries: Number(data['entries']),
      root: String(data['root']),
      final: data['final'] === true,
    });
  }

  #bookSegment(found: BookedSegment): void {
    const { log, index } = found;
    const key = `${found.journal}/${found.segment}`;
    const before = this.segments.get(key);
    if (before !== undefined && (before.root !== found.root || before.entries !== found.entries || before.final !== found.final)) {
      this.#report('segment', log, index, `segment ${found.segment} of the journal ${found.journal} was told before with another root`);
    }
    this.segments.set(key, before ?? found);
  }

  #close(log: string, { data, n, journal }: AuditLeaf): void {
    const state = this.#logs.get(log);
    if (state === undefined) return;
    if (data['sessions'] !== state.sessions)
      this.#report('session', log, n, `${state.sessions} sessions began here; the end of the log says ${String(data['sessions'])}`);
    for (const [id, session] of this.#open) {
      if (session.journal === journal && session.log === log) this.#report('session', log, n, `the log was closed with the session ${id} open`);
    }
    state.journal = null;
    this.#countOpen(journal, -1);
  }

  #addEvent({ journal, kind, data }: AuditLeaf): void {
    const digest = this.#events.has(journal) ? this.#events.get(journal) : new EventDigest();
    digest?.add(kind, data);
    this.#events.set(journal, digest ?? null);
  }

  #countOpen(journal: string, more: number): void {
    this.#unclosed.set(journal, (this.#unclosed.get(journal) ?? 0) + more);
  }

  #know(journal: string, id: string): void {
    const known = this.#known.get(journal);
    if (known === undefined) this.#known.set(journal, new Set([id]));
    else known.add(id);
  }

  #isKnown(id: string): boolean {
    return this.#open.has(id) || this.#ended.has(id);
  }

  #report(claim: Claim, log: string, index: number | null, message: string): void {
    this.#add({ claim, log, index, message });
  }

  #add(problem: LogProblem): void {
    if (this.problems.length < PROBLEMS) this.problems.push(problem);
  }
}
