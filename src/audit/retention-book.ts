/**
 * Follows what ended in order through the entries of all logs: holds, erasures, expiries, pruned journals, and the rules at the time. Says what was ended
 * while it was held, or before its time. Pure; entries are untrusted. What of it is true of the files themselves their readers compare.
 */
import type { AuditLeaf } from './audit-leaf.js';
import { type HeldContent, Holds, type Place } from './holds.js';
import type { LogProblem } from './log-problem.js';
import { BEGINNINGS } from './pruning.js';
import { type BegunSession, PruningBook } from './pruning-book.js';

interface EndedContent extends Place, HeldContent {
  /** Of an expiry: what it goes by. */
  readonly expiry: { readonly endedAt: number; readonly keepMs: number; readonly knownTime: number; readonly rules: Rules | null } | null;
}

interface KnownSession extends BegunSession {
  readonly journal: string;
  readonly number: number;
  endedAt: number | null;
}

interface Rules {
  readonly recordings: number;
  /** Of the log itself; null: it is kept. */
  readonly log: number | null;
  readonly targets: ReadonlyMap<string, number>;
}

/** Kinds that say something of it. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['session.start', 'session.end', 'session.recovered', 'session.erase', 'session.expire'],
  ...['hold.add', 'hold.release', 'journal.prune', 'retention.rules', 'log.prune', ...BEGINNINGS],
]);

export class RetentionBook {
  readonly #sessions = new Map<string, KnownSession>();
  readonly #holds = new Holds();
  readonly #logPrunings = new PruningBook();
  readonly #ended: EndedContent[] = [];
  readonly #pruned: (Place & { readonly journal: string; readonly through: number })[] = [];
  readonly #rules = new Map<string, Rules>();

  take(log: string, leaf: AuditLeaf): void {
    const { kind, data, n } = leaf;
    this.#logPrunings.see(log, n);
    if (!TAKEN.has(kind)) return;
    const place: Place = { log, index: n, time: Date.parse(leaf.time) };
    const text = (name: string): string => String(data[name] ?? '');
    switch (kind) {
      case 'session.start':
        this.#sessions.set(text('session'), { ...contentOf(data), journal: leaf.journal, number: Number(data['number']), begun: place, endedAt: null });
        return;
      case 'session.end':
      case 'session.recovered': {
        const known = this.#sessions.get(text('session'));
        if (known === undefined)
          this.#sessions.set(text('session'), { ...contentOf(data), journal: text('journalOfSession'), number: 0, begun: null, endedAt: place.time });
        else known.endedAt ??= place.time;
        return;
      }
      case 'hold.add':
      case 'hold.release':
        this.#holds.take(log, leaf);
        return;
      case 'session.erase':
        this.#ended.push({
          ...place,
          session: text('session'),
          target: text('target'),
          issuer: text('sessionIssuer'),
          subject: text('sessionSubject'),
          expiry: null,
        });
        return;
      case 'session.expire': {
        const rules = this.#rules.get(log) ?? null;
        const expiry = { endedAt: Date.parse(text('endedAt')), keepMs: Number(data['keepMs']), knownTime: Date.parse(text('knownTime')), rules };
        this.#ended.push({ ...place, ...contentOf(data), expiry });
        return;
      }
      case 'journal.prune':
        this.#pruned.push({ ...place, journal: text('journalOfSegment'), through: Number(data['through']) });
        return;
      case 'retention.rules':
        this.#rules.set(log, rulesOf(data));
        return;
      case 'log.prune':
        this.#holds.retell(leaf);
        this.#logPrunings.announced(place, leaf, this.#rules.get(log)?.log ?? null);
        return;
      case 'log.open':
      case 'log.recovered':
        this.#logPrunings.begun(place);
        return;
      default:
        return;
    }
  }

  /** Adds what another book of the same gateway has seen. */
  absorb(other: RetentionBook): void {
    for (const [id, session] of other.#sessions) {
      const known = this.#sessions.get(id);
      if (known === undefined) this.#sessions.set(id, { ...session });
      else {
        // The beginning is told in one log, and its recovery perhaps in another.
        const begin = session.number === 0 ? known : session;
        this.#sessions.set(id, { ...begin, endedAt: earlier(known.endedAt, session.endedAt) });
      }
    }
    this.#holds.absorb(other.#holds);
    this.#logPrunings.absorb(other.#logPrunings);
    this.#ended.push(...other.#ended);
    this.#pruned.push(...other.#pruned);
  }

  get erased(): number {
    return new Set(this.#ended.filter(({ expiry }) => expiry === null).map(({ session }) => session)).size;
  }

  get expired(): number {
    return new Set(this.#ended.filter(({ expiry }) => expiry !== null).map(({ session }) => session)).size;
  }

  /** Numbers of the sessions of a journal of which the log says that their content ended. */
  endedIn(journal: string): ReadonlySet<number> {
    const ended = new Set(this.#ended.map(({ session }) => session));
    return new Set([...this.#sessions].filter(([id, each]) => each.journal === journal && ended.has(id)).map(([, { number }]) => number));
  }

  /** Segments of a journal up to this one were pruned, as the log says. */
  prunedThrough(journal: string): number {
    return Math.max(0, ...this.#pruned.filter((each) => each.journal === journal).map(({ through }) => through));
  }

  /**
   * Sessions of a pruned journal whose content nobody ended: they were in what is gone.
   * @param firstSession number of the first session that begins in what is left; 0: none does
   */
  lostBefore(journal: string, firstSession: number): string[] {
    const ended = new Set(this.#ended.map(({ session }) => session));
    return [...this.#sessions]
      .filter(([id, each]) => each.journal === journal && (firstSession === 0 || each.number < firstSession) && !ended.has(id))
      .map(([id]) => id);
  }

  /** What was ended though it was held, or too early. Call it when all logs were taken. */
  problems(): LogProblem[] {
    const found: LogProblem[] = [];
    const report = ({ log, index }: Place, message: string): void => void found.push({ claim: 'retention', log, index, message });
    for (const each of this.#ended) {
      const how = each.expiry === null ? 'was erased' : 'expired';
      const hold = this.#holds.covering(this.#contentOf(each), each);
      if (hold !== null) report(each, `the content of the session ${each.session} ${how} while the hold ${hold} covered it`);
      if (each.expiry !== null) this.#checkTime(each, each.expiry, report);
    }
    const endedBy = new Map(this.#ended.map(({ session, time }) => [session, time]));
    this.#logPrunings.check({ sessions: this.#sessions, endedBy, holds: this.#holds }, report);
    return found;
  }

  /** What it was about the log said when it began; whoever ended it may say something else. */
  #contentOf(ended: EndedContent): HeldContent {
    const known = this.#sessions.get(ended.session);
    return known === undefined || known.begun === null ? ended : known;
  }

  #checkTime(
    each: EndedContent,
    { endedAt, keepMs, knownTime, rules }: NonNullable<EndedContent['expiry']>,
    report: (place: Place, message: string) => void,
  ): void {
    const said = this.#sessions.get(each.session)?.endedAt;
    const rule = rules === null ? null : (rules.targets.get(this.#contentOf(each).target) ?? rules.recordings);
    const early = !(endedAt + keepMs <= knownTime) || !(knownTime <= each.time);
    if (early) report(each, `the content of the session ${each.session} expired before its time`);
    else if (said !== undefined && said !== null && said > endedAt)
      report(each, `the content of the session ${each.session} expired by another end than it had`);
    else if (rule === null || keepMs < rule) report(each, `the content of the session ${each.session} expired by a shorter period than the rules in force say`);
  }
}

const earlier = (one: number | null, other: number | null): number | null => (one === null ? other : other === null ? one : Math.min(one, other));

function contentOf(data: AuditLeaf['data']): HeldContent {
  const text = (name: string): string => String(data[name] ?? '');
  return { session: text('session'), target: text('target'), issuer: text('issuer'), subject: text('subject') };
}

function rulesOf(data: AuditLeaf['data']): Rules {
  const targets = Array.isArray(data['targets']) ? data['targets'] : [];
  const pairs = targets.flatMap((each: unknown): [string, number][] =>
    typeof each === 'object' && each !== null && 'target' in each && 'recordings' in each ? [[String(each.target), Number(each.recordings)]] : [],
  );
  return { recordings: Number(data['recordings']), log: typeof data['log'] === 'number' ? data['log'] : null, targets: new Map(pairs) };
}
