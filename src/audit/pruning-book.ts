/**
 * Follows what the logs announce of their own pruning, and says what was pruned though it was held, not ended, or too young. As long as the entries are
 * there they are looked at; when they are gone, what is kept still shows some of it. Pure; entries are untrusted.
 */
import { LEAST_LOG_PERIOD_MS } from '../contract/retention.js';
import type { AuditLeaf } from './audit-leaf.js';
import { type HeldContent, type Holds, type Place, retoldHolds } from './holds.js';

interface Announcement extends Place {
  /** Index of the first entry that is kept. */
  readonly first: number;
  readonly keepMs: number;
  readonly knownTime: number;
  /** The period in force; null: logs are kept. */
  readonly rule: number | null;
  readonly retold: ReadonlySet<string>;
}

export interface BegunSession extends HeldContent {
  /** Where it began; null: only its recovery is told. */
  readonly begun: Place | null;
}

export interface Kept {
  /** By id. */
  readonly sessions: ReadonlyMap<string, BegunSession>;
  /** When the content of a session ended, by id. */
  readonly endedBy: ReadonlyMap<string, number>;
  readonly holds: Holds;
}

type Say = (place: Place, message: string) => void;

export class PruningBook {
  readonly #announced: Announcement[] = [];
  /** Index of the first entry that is there, by log. */
  readonly #first = new Map<string, number>();
  /** Time of the entries with which processes began, by log and index. */
  readonly #begun = new Map<string, number>();

  see(log: string, n: number): void {
    if (!this.#first.has(log)) this.#first.set(log, n);
  }

  begun({ log, index, time }: Place): void {
    this.#begun.set(`${log}#${index}`, time);
  }

  announced(place: Place, leaf: AuditLeaf, rule: number | null): void {
    const { first, keepMs, knownTime } = leaf.data;
    const retold = new Set(retoldHolds(leaf).map(({ hold }) => hold));
    this.#announced.push({ ...place, first: Number(first), keepMs: Number(keepMs), knownTime: Date.parse(String(knownTime)), rule, retold });
  }

  absorb(other: PruningBook): void {
    this.#announced.push(...other.#announced);
    for (const [log, first] of other.#first) this.#first.set(log, first);
    for (const [key, time] of other.#begun) this.#begun.set(key, time);
  }

  check(kept: Kept, say: Say): void {
    for (const each of this.#announced) {
      // What an older one announced is gone, and more: the newest speaks for both.
      if (each.first < (this.#first.get(each.log) ?? 0)) continue;
      this.#checkTime(each, say);
      checkSessions(each, kept, say);
      for (const hold of kept.holds.inForce(each)) {
        if (hold.log === each.log && hold.index < each.first) say(each, `the hold ${hold.hold} was in force, and the entry that placed it was pruned`);
      }
    }
    this.#checkGone(kept, say);
  }

  #checkTime(each: Announcement, say: Say): void {
    const { log, first, keepMs, knownTime, rule, index, time } = each;
    const begun = this.#begun.get(`${log}#${first}`);
    if (begun === undefined || !(first < index)) say(each, `the log is said to be pruned up to entry ${first}, where no process began`);
    else if (!(begun + keepMs <= knownTime) || !(knownTime <= time)) say(each, `the entries before ${first} were pruned before their time`);
    else if (!(keepMs >= LEAST_LOG_PERIOD_MS))
      say(each, `the entries before ${first} were pruned by a period of less than ${LEAST_LOG_PERIOD_MS / 86_400_000} days`);
    else if (rule === null || keepMs < rule) say(each, `the entries before ${first} were pruned by a shorter period than the rules in force say`);
  }

  /** What shows in the entries that are left that something was pruned which had to stay. */
  #checkGone({ sessions, holds }: Kept, say: Say): void {
    const [earliest] = [...this.#announced].sort((a, b) => a.time - b.time);
    if (earliest === undefined) return;
    const placed = new Set(holds.changes.filter(({ placed: add }) => add).map(({ hold }) => hold));
    for (const change of holds.changes) {
      if (!change.placed && !placed.has(change.hold))
        say(change, `the hold ${change.hold} was released, and the entry that placed it was pruned and is not told again`);
    }
    // While a hold is on one session, all announcements that come after it are kept: so this is about the first one that took something.
    for (const { scope, value, hold } of holds.inForce(earliest)) {
      if (scope === 'session' && !sessions.has(value)) say(earliest, `the session ${value} was pruned while the hold ${hold} covered it`);
    }
  }
}

/** Entries that are announced to go and are still there. */
function checkSessions(each: Announcement, { sessions, endedBy, holds }: Kept, say: Say): void {
  for (const [id, session] of sessions) {
    if (session.begun === null || session.begun.log !== each.log || session.begun.index >= each.first) continue;
    const ended = endedBy.get(id);
    const hold = holds.covering(session, each);
    if (hold !== null) say(each, `the session ${id} was pruned while the hold ${hold} covered it`);
    else if (ended === undefined || ended > each.time) say(each, `the session ${id} was pruned, and its content had not ended`);
  }
}
