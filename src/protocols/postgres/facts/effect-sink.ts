/**
 * Collects the effects of one text in the order in which they are met, each once: effects that differ only in their columns are one
 * effect with the union of them, and "not known" swallows any list. What cannot be known is an effect too (`unknown`), with its reason.
 */
import type { Effect, FactValue, Resource } from '../../../contract/operation.js';
import type { NameUses } from './name-uses.js';

export type EffectFacts = Readonly<Record<string, FactValue>>;

interface Entry {
  readonly action: string;
  readonly type: string | null;
  readonly name: readonly (string | null)[];
  readonly facts: EffectFacts;
  columns: Set<string> | null;
}

export const NO_FACTS: EffectFacts = Object.freeze({});

export class EffectSink {
  readonly #entries = new Map<string, Entry>();
  readonly #unknown = new Set<string>();
  readonly #operators = new Set<string>();
  readonly #types = new Map<string, readonly [string | null, string]>();
  readonly #paths: (string | null)[] = [];

  get size(): number {
    return this.#entries.size;
  }

  add(action: string, type: string, name: readonly (string | null)[], facts: EffectFacts = NO_FACTS, columns: Iterable<string> | null = null): void {
    const key = JSON.stringify([action, type, name, facts]);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { action, type, name, facts, columns: columns === null ? null : new Set(columns) });
    } else if (columns === null) {
      entry.columns = null;
    } else if (entry.columns !== null) {
      for (const column of columns) entry.columns.add(column);
    }
  }

  /** An effect on nothing that has a name. */
  bare(action: string, facts: EffectFacts = NO_FACTS): void {
    const key = JSON.stringify([action, null, [], facts]);
    if (!this.#entries.has(key)) this.#entries.set(key, { action, type: null, name: [], facts, columns: null });
  }

  unknown(reason: string, facts: EffectFacts = NO_FACTS): void {
    this.#unknown.add(reason);
    this.bare('unknown', { reason, ...facts });
  }

  /** An operator written without a schema. */
  usesOperator(name: string): void {
    this.#operators.add(name);
  }

  /** Something is converted to this type. */
  usesType(schema: string | null, name: string): void {
    if (schema !== 'pg_catalog') this.#types.set(JSON.stringify([schema, name]), [schema, name]);
  }

  /** Sessions of a role or database will begin with this search_path; null: not a constant. */
  fixesPath(value: string | null): void {
    this.#paths.push(value);
  }

  has(action: string): boolean {
    for (const entry of this.#entries.values()) if (entry.action === action) return true;
    return false;
  }

  /** Takes over what another sink holds, with each effect as `change` gives it. */
  take(
    other: EffectSink,
    change: (effect: { readonly action: string; readonly facts: EffectFacts }) => { readonly action: string; readonly facts: EffectFacts },
  ): void {
    for (const reason of other.#unknown) this.#unknown.add(reason);
    for (const name of other.#operators) this.#operators.add(name);
    for (const [key, type] of other.#types) this.#types.set(key, type);
    this.#paths.push(...other.#paths);
    for (const entry of other.#entries.values()) {
      const changed = change(entry);
      if (entry.type === null) this.bare(changed.action, changed.facts);
      else this.add(changed.action, entry.type, entry.name, changed.facts, entry.columns);
    }
  }

  effects(): readonly Effect[] {
    return [...this.#entries.values()].map((entry) => ({ action: entry.action, resource: resourceOf(entry), facts: entry.facts }));
  }

  uses(): NameUses {
    return { operators: [...this.#operators], types: [...this.#types.values()], paths: this.#paths };
  }

  reasons(): readonly string[] {
    return [...this.#unknown];
  }
}

function resourceOf(entry: Entry): Resource | null {
  if (entry.type === null) return null;
  return { type: entry.type, name: entry.name, columns: entry.columns === null ? null : [...entry.columns] };
}
