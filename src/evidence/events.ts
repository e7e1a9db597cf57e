/**
 * Entries of the log with what the journal keeps apart of them: each entry about the gateway's own doings has an event in the journal with the same
 * public fields, and the sensitive ones beside them (names, reasons, addresses). An entry without its event is told as one. Pure.
 */
import { type AuditLeaf, LOG_EVENTS } from '../audit/index.js';
import { canonicalJson } from '../base/canonical-json.js';
import { GRACE_MS } from './disclosure.js';
import type { PackScope } from './pack-scope.js';

export interface LoggedEvent {
  readonly log: string;
  readonly leaf: AuditLeaf;
  readonly time: number;
  /** Public and sensitive fields together. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The journal has it too; null: it is one that the log alone has. */
  readonly journalled: boolean | null;
}

/** False: the log alone has entries of this kind, or what the journal has of it is no event. */
export const hasEvent = (kind: string): boolean => !Object.hasOwn(LOG_EVENTS, kind);

/** Roles, and what retention did, stand in the log alone, and are told as events are. */
const TOLD = /^(gateway\.roles|retention\.(rules|run)|session\.expire|journal\.prune|log\.prune)$/;

export class EventBook {
  readonly #scope: PackScope;
  readonly #waiting = new Map<string, { readonly data: Readonly<Record<string, unknown>>; readonly what: string | null }[]>();
  readonly #leaves: { readonly log: string; readonly leaf: AuditLeaf }[] = [];

  constructor(scope: PackScope) {
    this.#scope = scope;
  }

  /** An event of the gateway out of a journal. */
  event(journal: string, kind: string, data: Readonly<Record<string, unknown>>, time: number): void {
    const key = keyOf(journal, kind, data);
    // At the edges of the period an event may be in it and its entry not.
    const isDue = hasEvent(kind) && time >= this.#scope.from + GRACE_MS && time < this.#scope.to;
    const event = { data, what: isDue ? `${kind} of ${new Date(time).toISOString()} in ${journal}` : null };
    const list = this.#waiting.get(key);
    if (list === undefined) this.#waiting.set(key, [event]);
    else list.push(event);
  }

  /** An entry of the period. */
  leaf(log: string, leaf: AuditLeaf): void {
    if (hasEvent(leaf.kind) || TOLD.test(leaf.kind)) this.#leaves.push({ log, leaf });
  }

  /** All of them in the order of time; a journal's events must have been given before. */
  list(): LoggedEvent[] {
    const found = this.#leaves.map(({ log, leaf }): LoggedEvent => {
      const event = this.#waiting.get(keyOf(leaf.journal, leaf.kind, leaf.data))?.shift();
      const sensitive = event?.data['sensitive'];
      const apart = typeof sensitive === 'object' && sensitive !== null ? (sensitive as Record<string, unknown>) : {};
      return { log, leaf, time: Date.parse(leaf.time), fields: { ...leaf.data, ...apart }, journalled: hasEvent(leaf.kind) ? event !== undefined : null };
    });
    return found.sort((a, b) => a.time - b.time || (a.log < b.log ? -1 : a.log > b.log ? 1 : a.leaf.n - b.leaf.n));
  }

  /** Events of the journals that the log does not have; after `list`. */
  get unlogged(): string[] {
    return [...this.#waiting.values()].flatMap((list) => list.flatMap(({ what }) => (what === null ? [] : [what])));
  }

  /** At the very end of the period an entry may be in it and its event not. */
  isAtEdge({ time }: LoggedEvent): boolean {
    return time >= this.#scope.to - GRACE_MS;
  }
}

function keyOf(journal: string, kind: string, data: Readonly<Record<string, unknown>>): string {
  const { apart: _apart, dropped: _dropped, sensitive: _sensitive, ...open } = data;
  return `${journal} ${kind} ${canonicalJson(open)}`;
}
