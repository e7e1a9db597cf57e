/**
 * What retention deleted of a period, as the entries of the logs tell it: the segments of journals that `journal.prune` names after they were sealed, and the
 * sessions whose content had ended by then. A segment or a session that is gone without such a word is missing. Says too what was deleted against a hold or
 * before its time, as far as the entries at hand tell. Pure; entries are untrusted.
 */
import { type AuditLeaf, type HeldContent, Holds, type Place } from '../audit/index.js';
import type { PackScope } from './pack-scope.js';
import { type Survey, type SurveyedSegment, type SurveyedSession, segmentKey } from './survey.js';

export interface ToldEntry {
  readonly log: string;
  readonly leaf: AuditLeaf;
}

export interface DeletedSegment {
  readonly segment: SurveyedSegment;
  readonly prune: ToldEntry;
}

export interface DeletedSession {
  readonly session: SurveyedSession;
  /** Its content ended: `session.expire` or `session.erase`. */
  readonly ended: ToldEntry;
  readonly prune: ToldEntry;
}

/** A session that ended, and whose record had not. */
export interface KeptRecord {
  readonly content: HeldContent;
  /** The entry that tells its end. */
  readonly ended: ToldEntry;
}

type Period = Pick<PackScope, 'from' | 'to'>;

/** What a log shows of itself. */
interface Sight {
  readonly begin: number;
  readonly isWhole: boolean;
  last: AuditLeaf;
}

const ENDS = new Set(['session.end', 'session.recovered']);
const CONTENT_ENDS = new Set(['session.expire', 'session.erase']);

export class Deletions {
  readonly #logs = new Map<string, Sight>();
  /** When the process of each journal wrote its first entry. */
  readonly #begun = new Map<string, number>();
  /** By journal. */
  readonly #prunes = new Map<string, ToldEntry[]>();
  /** By session. */
  readonly #ends = new Map<string, ToldEntry>();
  readonly #contentEnds = new Map<string, ToldEntry[]>();
  readonly #holds: ToldEntry[] = [];
  /** By log. */
  readonly #rules = new Map<string, ToldEntry[]>();
  /** By session. */
  readonly #starts = new Map<string, AuditLeaf>();
  /** Entries `retention.run`. */
  readonly #looks: ToldEntry[] = [];
  readonly #survey: Survey;

  /** @param survey of the same entries; asked when all of them were taken */
  constructor(survey: Survey) {
    this.#survey = survey;
  }

  /** Every entry at hand, in the order of its log. */
  take(log: string, leaf: AuditLeaf): void {
    const { kind, data, n } = leaf;
    const sight = this.#logs.get(log);
    const time = timeOf({ leaf });
    if (sight === undefined) this.#logs.set(log, { begin: time, isWhole: n === 0, last: leaf });
    else sight.last = leaf;
    if (!((this.#begun.get(leaf.journal) ?? Number.POSITIVE_INFINITY) <= time)) this.#begun.set(leaf.journal, time);
    const told = { log, leaf };
    if (kind === 'journal.prune') insert(this.#prunes, String(data['journalOfSegment']), told);
    else if (CONTENT_ENDS.has(kind)) insert(this.#contentEnds, String(data['session']), told);
    else if (kind === 'hold.add' || kind === 'hold.release' || kind === 'log.prune') this.#holds.push(told);
    else if (kind === 'retention.run') this.#looks.push(told);
    else if (kind === 'session.start') this.#starts.set(String(data['session']), leaf);
    else if (kind === 'retention.rules') insert(this.#rules, log, told);
    else if (ENDS.has(kind)) {
      const id = String(data['session']);
      const before = this.#ends.get(id);
      if (before === undefined || timeOf(told) < timeOf(before)) this.#ends.set(id, told);
    }
  }

  /** The first word after it was sealed that a segment is deleted; null: there is none. */
  pruneOf({ journal, segment, log, index, time }: SurveyedSegment): ToldEntry | null {
    return this.#prunes.get(journal)?.find((each) => throughOf(each) >= segment && comesAfter(each, { log, index, time })) ?? null;
  }

  /**
   * Segments that may hold something of the period, and are deleted.
   * @param isHere whether one can be read
   */
  segments(scope: Period, isHere: (journal: string, segment: number) => boolean): DeletedSegment[] {
    const found: DeletedSegment[] = [];
    for (const segment of this.#survey.segments.values()) {
      if (isHere(segment.journal, segment.segment) || !this.#mayHold(segment, scope)) continue;
      const prune = this.pruneOf(segment);
      if (prune !== null) found.push({ segment, prune });
    }
    return found.sort((a, b) =>
      a.segment.journal < b.segment.journal ? -1 : a.segment.journal > b.segment.journal ? 1 : a.segment.segment - b.segment.segment,
    );
  }

  /** How the begin of a session of the period came to be deleted; null: nothing says that it was. */
  session(session: SurveyedSession): DeletedSession | null {
    const end = this.#ends.get(session.id);
    if (end === undefined) return null;
    for (const ended of this.#contentEnds.get(session.id) ?? []) {
      const { kind, data } = ended.leaf;
      if (!comesAfter(ended, placeOf(end)) || (kind === 'session.expire' && data['journalOfSession'] !== session.journal)) continue;
      const prune = this.#prunes.get(session.journal)?.find((each) => comesAfter(each, placeOf(ended)) && this.#held(each, session));
      if (prune !== undefined) return { session, ended, prune };
    }
    return null;
  }

  /** The newest time of what deleted segments can hold, by journal: entries of the log of later ones are in what is left. */
  static newest(segments: readonly DeletedSegment[]): ReadonlyMap<string, number> {
    const newest = new Map<string, number>();
    for (const { segment } of segments) newest.set(segment.journal, Math.max(newest.get(segment.journal) ?? 0, segment.time));
    return newest;
  }

  /** The period in the rules that a deletion goes by; null: the entries at hand do not tell them. @param target of a session; left out: the period of all */
  ruleOf({ log, leaf }: ToldEntry, target: string | null = null): number | null {
    const rules = this.#rules.get(log)?.findLast((each) => each.leaf.n < leaf.n)?.leaf.data;
    const own =
      target === null || !Array.isArray(rules?.['targets']) ? undefined : (rules['targets'] as readonly RuleOfTarget[]).find((each) => each?.target === target);
    const period = own?.recordings ?? rules?.['recordings'];
    return typeof period === 'number' ? period : null;
  }

  /** What was deleted though it was held, or before its time. */
  problems(segments: readonly DeletedSegment[], sessions: readonly DeletedSession[]): string[] {
    const holds = this.visibleHolds();
    return [
      ...segments.flatMap(({ segment, prune }) => {
        const name = `segment ${segment.segment} of ${segment.journal}`;
        const known = knownTime(prune);
        const rule = this.ruleOf(prune) ?? 0;
        return known <= timeOf(prune) && segment.time + rule <= known ? [] : [`${name} was deleted before its time`];
      }),
      ...sessions.flatMap((each) => {
        const { session, ended } = each;
        const content = contentOf(each);
        const hold = holds.covering(content, placeOf(ended));
        const { log, leaf } = ended;
        const found = hold === null ? [] : [`the content of ${session.id} ended (${log} entry ${leaf.n}) while the hold ${hold} covered it`];
        return leaf.kind === 'session.expire' && this.#isEarly(each, content) ? [...found, `the content of ${session.id} expired before its time`] : found;
      }),
    ];
  }

  /** When the oldest hold was placed that content was deleted against: a pack that leaves it out does not show it. */
  oldestBrokenHold(sessions: readonly DeletedSession[]): number | null {
    const holds = this.visibleHolds();
    const placed = sessions.flatMap((each) => {
      const id = holds.covering(contentOf(each), placeOf(each.ended));
      return holds.changes.filter(({ hold, placed }) => placed && hold === id).map(({ time }) => time);
    });
    return placed.length === 0 ? null : Math.min(...placed);
  }

  /** Logs that say nothing about the time up to which others deleted: a hold may have been placed there. */
  behind(entries: readonly ToldEntry[]): string[] {
    const horizon = horizonOf(entries);
    return [...this.#logs].filter(([, { last }]) => last.kind !== 'log.close' && timeOf({ leaf: last }) < horizon).map(([log]) => log);
  }

  /** Entries `retention.rules`, in the order of time. */
  get rules(): readonly ToldEntry[] {
    return inOrder([...this.#rules.values()].flat());
  }

  /** Entries `retention.run`: every look at all records, in the order of time. */
  get looks(): readonly ToldEntry[] {
    return inOrder(this.#looks);
  }

  /** Every word that the content of a session ended, in the order of time. */
  get contentEnds(): readonly ToldEntry[] {
    return inOrder([...this.#contentEnds.values()].flat());
  }

  /** The first word after the end of a session that its content was erased or had expired; null: nothing at hand says so. */
  contentEndOf(session: string): ToldEntry | null {
    const end = this.#ends.get(session);
    if (end === undefined) return null;
    return this.#contentEnds.get(session)?.find((each) => comesAfter(each, placeOf(end))) ?? null;
  }

  /** Who and what a session was about whose content ended. */
  contentOf({ leaf }: ToldEntry): HeldContent {
    const session = String(leaf.data['session']);
    const { target, issuer, subject } = { ...leaf.data, ...this.#starts.get(session)?.data };
    const [who, by] = [subject ?? leaf.data['sessionSubject'], issuer ?? leaf.data['sessionIssuer']];
    return { session, target: String(target ?? ''), issuer: String(by ?? ''), subject: String(who ?? '') };
  }

  /** Sessions of which begin and end are at hand and whose content had not ended at a time, those that ended first before others. */
  keptAt(to: number): readonly KeptRecord[] {
    const kept: ToldEntry[] = [];
    for (const [session, ended] of this.#ends) {
      const isGone = this.#contentEnds.get(session)?.some((each) => timeOf(each) < to) === true;
      if (timeOf(ended) < to && !isGone && this.#starts.has(session)) kept.push(ended);
    }
    return inOrder(kept).map((ended) => ({ content: this.contentOf(ended), ended }));
  }

  /** Of a hold from before the first entry at hand of some log nobody knows whether it was released there. */
  visibleHolds(): Holds {
    const from = Math.max(0, ...[...this.#logs.values()].filter(({ isWhole }) => !isWhole).map(({ begin }) => begin));
    const holds = new Holds();
    for (const { log, leaf } of this.#holds) {
      if (leaf.kind === 'log.prune') holds.retell(leaf);
      else if (leaf.kind === 'hold.release' || timeOf({ leaf }) >= from) holds.take(log, leaf);
    }
    return holds;
  }

  /** One that was sealed after the period holds something of it only when it may have begun in it: segments are sealed while the next is written. */
  #mayHold({ journal, segment, time }: SurveyedSegment, { from, to }: Period): boolean {
    if (time < from) return false;
    if (time < to) return true;
    const begun = segment <= 2 ? this.#begun.get(journal) : (this.#survey.segments.get(segmentKey(journal, segment - 2))?.time ?? 0);
    return begun !== undefined && begun < to;
  }

  /** Whether what a journal lost may have held the begin of a session. */
  #held(prune: ToldEntry, { journal, start }: SurveyedSession): boolean {
    const begun = start === null ? 0 : timeOf({ leaf: start });
    return this.#survey
      .segmentsOf(journal)
      .some(({ segment, time, log, index }) => segment <= throughOf(prune) && time >= begun && comesAfter(prune, { log, index, time }));
  }

  #isEarly({ session, ended }: DeletedSession, { target }: HeldContent): boolean {
    const { data } = ended.leaf;
    const endedAt = Date.parse(String(data['endedAt']));
    const keepMs = Number(data['keepMs']);
    const known = knownTime(ended);
    const end = this.#ends.get(session.id);
    const isDue = endedAt + keepMs <= known && known <= timeOf(ended) && keepMs >= (this.ruleOf(ended, target) ?? 0);
    return !isDue || (end !== undefined && timeOf(end) > endedAt);
  }
}

interface RuleOfTarget {
  readonly target?: unknown;
  readonly recordings?: unknown;
}

/** The last moment that is needed to judge deletions. */
export const horizonOf = (entries: readonly ToldEntry[]): number => Math.max(0, ...entries.map(timeOf));

/** Who and what a session was about: the log said so when it began, before anybody wanted it gone. */
function contentOf({ session, ended }: DeletedSession): HeldContent {
  const begun = session.start?.data ?? ended.leaf.data;
  const text = (name: string): string => String(begun[name] ?? '');
  return { session: session.id, target: text('target'), issuer: text('issuer'), subject: text('subject') };
}

const timeOf = ({ leaf }: Pick<ToldEntry, 'leaf'>): number => Date.parse(leaf.time);
const knownTime = ({ leaf }: ToldEntry): number => Date.parse(String(leaf.data['knownTime']));
const throughOf = ({ leaf }: ToldEntry): number => Number(leaf.data['through']);
const placeOf = (entry: ToldEntry): Place => ({ log: entry.log, index: entry.leaf.n, time: timeOf(entry) });

/** Of two logs in one millisecond the order is not known: then nobody is accused. */
function comesAfter(entry: ToldEntry, { log, index, time }: Place): boolean {
  const own = timeOf(entry);
  return own === time && entry.log === log ? entry.leaf.n > index : own >= time;
}

const inOrder = (entries: readonly ToldEntry[]): ToldEntry[] => [...entries].sort((a, b) => (isBefore(a, b) ? -1 : 1));

/** In the order of time, then of the logs: the same whichever log is read first. */
function insert(lists: Map<string, ToldEntry[]>, key: string, entry: ToldEntry): void {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  let at = list.length;
  while (at > 0 && isBefore(entry, list[at - 1] ?? entry)) at--;
  list.splice(at, 0, entry);
}

function isBefore(a: ToldEntry, b: ToldEntry): boolean {
  const [one, other] = [timeOf(a), timeOf(b)];
  return one < other || (one === other && (a.log < b.log || (a.log === b.log && a.leaf.n < b.leaf.n)));
}
