/**
 * Legal holds as the entries of all logs tell them: when each was placed and released, and what it covers. Of two logs in one millisecond the order is not
 * known: then nobody is accused. Holds whose entries were pruned are told again by the entry that announces it. Pure; entries are untrusted.
 */
import type { AuditLeaf } from './audit-leaf.js';

/** Where an entry is. */
export interface Place {
  readonly log: string;
  readonly index: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface HeldContent {
  readonly session: string;
  readonly target: string;
  readonly issuer: string;
  readonly subject: string;
}

interface HoldChange extends Place {
  readonly hold: string;
  readonly placed: boolean;
  readonly scope: string;
  readonly value: string;
  readonly issuer: string;
}

/** A hold that was released, as an entry `log.prune` tells it again: what it covered, and from when to when. */
export interface RetoldHold {
  readonly hold: string;
  readonly scope: string;
  readonly value: string;
  readonly holdIssuer: string;
  /** RFC 3339, UTC. */
  readonly from: string;
  readonly until: string;
}

export class Holds {
  readonly #changes: HoldChange[] = [];
  readonly #retold = new Set<string>();
  #sorted = false;

  take(log: string, { kind, data, n, time }: AuditLeaf): void {
    const text = (name: string): string => String(data[name] ?? '');
    const place: Place = { log, index: n, time: Date.parse(time) };
    this.#add({ ...place, hold: text('hold'), placed: kind === 'hold.add', scope: text('scope'), value: text('value'), issuer: text('holdIssuer') });
  }

  /** Holds of which the entries may be gone. */
  retell(leaf: AuditLeaf): void {
    for (const { hold, scope, value, holdIssuer, from, until } of retoldHolds(leaf)) {
      if (this.#retold.has(hold)) continue;
      this.#retold.add(hold);
      const nowhere = { log: '', index: 0 };
      this.#add({ ...nowhere, time: Date.parse(from), hold, placed: true, scope, value, issuer: holdIssuer });
      this.#add({ ...nowhere, time: Date.parse(until), hold, placed: false, scope: '', value: '', issuer: '' });
    }
  }

  absorb(other: Holds): void {
    for (const change of other.#changes) this.#add(change);
    for (const hold of other.#retold) this.#retold.add(hold);
  }

  /** Entries in the order of time. */
  get changes(): readonly Readonly<HoldChange>[] {
    if (!this.#sorted) this.#changes.sort((a, b) => a.time - b.time || a.index - b.index);
    this.#sorted = true;
    return this.#changes;
  }

  /** Holds in force at a place, each with the entry that placed it; those of nobody's content as well. */
  inForce(place: Place): readonly Readonly<HoldChange>[] {
    const placed = new Map<string, HoldChange>();
    for (const change of this.changes) {
      if (!cameBefore(change, place)) continue;
      if (change.placed) placed.set(change.hold, change);
      else placed.delete(change.hold);
    }
    return [...placed.values()];
  }

  /** A hold that covers content at a place; null: none does. */
  covering(content: HeldContent, place: Place): string | null {
    return this.inForce(place).find((hold) => covers(hold, content))?.hold ?? null;
  }

  #add(change: HoldChange): void {
    this.#changes.push(change);
    this.#sorted = false;
  }
}

export function retoldHolds({ data }: AuditLeaf): RetoldHold[] {
  const list: unknown = data['holds'];
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    const { hold, scope, value, holdIssuer, from, until } = (typeof each === 'object' && each !== null ? each : {}) as Partial<
      Record<keyof RetoldHold, unknown>
    >;
    const texts = {
      hold: String(hold),
      scope: String(scope),
      value: String(value),
      holdIssuer: String(holdIssuer ?? ''),
      from: String(from),
      until: String(until),
    };
    return Number.isNaN(Date.parse(texts.from)) || Number.isNaN(Date.parse(texts.until)) ? [] : [texts];
  });
}

function covers({ scope, value, issuer }: HoldChange, content: HeldContent): boolean {
  if (scope === 'session') return value === content.session;
  if (scope === 'target') return value === content.target;
  return scope === 'subject' && value === content.subject && issuer === content.issuer;
}

function cameBefore(change: HoldChange, { log, index, time }: Place): boolean {
  if (change.time !== time) return change.time < time;
  return change.log === log ? change.index < index : !change.placed;
}
