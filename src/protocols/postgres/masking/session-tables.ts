/**
 * Tables that one session made: what is known of their columns, which no catalog lists (temporary ones) or not yet. Data may flow into a
 * temporary one and stays hidden there, also where it moves by itself: by generated columns, foreign keys, heirs. A name whose table may be gone, or another one by now, is never again taken for one that hides.
 */
import type { Catalog, CatalogRelation } from '../catalog/catalog.js';
import { derived, type Lineage, sourceColumns, TEMPORARY, unknownLineage } from '../lineage/lineage.js';
import { type Output, output } from '../lineage/sources.js';
import type { StatementLineage } from '../lineage/statement-lineage.js';
import type { Created, Flow, Tie } from '../lineage/trace.js';

export class SessionTables {
  readonly #columns = new Map<string, readonly Output[]>();
  readonly #gone = new Set<string>();
  readonly #shadowing = new Set<string>();
  /** Made for all to see; they and what is in them are as the statement says until one of them changes. */
  readonly #own = new Map<string, readonly Output[]>();
  /** Tables in which what is in one column may come to stand in another. */
  readonly #mixed = new Set<string>();
  /** By the table that is written into: those in which it may come to stand. */
  readonly #followers = new Map<string, Set<string>>();

  get none(): boolean {
    return this.#columns.size === 0 && this.#shadowing.size === 0 && this.#own.size === 0;
  }

  has(name: string): boolean {
    return this.#columns.has(name) || this.#shadowing.has(name);
  }

  columns(name: string): readonly Output[] | null {
    return this.#columns.get(name) ?? this.#own.get(name) ?? null;
  }

  /** What is known of the columns of all. */
  every(): readonly Output[] {
    return [...this.#columns.values(), ...this.#own.values()].flat();
  }

  /** It is as it was made. */
  isOwn(name: string): boolean {
    return this.#own.has(name);
  }

  /** Something of which nothing is known stands before a relation of this name. */
  shadows(name: string): boolean {
    return this.#shadowing.has(name);
  }

  /** What flows into a table of this name may stay in the session. */
  keeps(name: string): boolean {
    return this.#columns.has(name) && !this.#gone.has(name);
  }

  /** `home`: the schema where it comes to stand without one of its own; null: not known. */
  create({ schema, name, temporary, filled, columns }: Created, home: string | null, catalog: Catalog | null): void {
    if (!temporary) {
      this.lose(name);
      const place = schema ?? home;
      if (!filled && place !== null && catalog?.relations(null, name).length === 0 && columns.every(({ many }) => !many))
        this.#own.set(name, named(place, name, columns));
      return;
    }
    const before = this.#columns.get(name);
    this.#columns.set(name, before === undefined ? named(TEMPORARY, name, columns) : asOne([...before, ...columns]));
  }

  /** A view or a renamed relation may stand before another one by this name. */
  place({ name, temporary, qualified }: NonNullable<StatementLineage['placed']>): void {
    // A view over a temporary table is temporary, whatever its statement says.
    this.#own.delete(name);
    if (temporary || (!qualified && this.#columns.size + this.#shadowing.size > 0)) this.#shadowing.add(name);
  }

  /** The table of this name is dropped, renamed, or another one may be made by it. */
  lose(name: string): void {
    this.#own.delete(name);
    const columns = this.#columns.get(name);
    if (columns === undefined) return;
    this.#gone.add(name);
    // Its columns may have changed their names among each other.
    this.#columns.set(name, asOne(columns));
  }

  /** How data moves from here on. A table whose rows others see, or code, is none that keeps what flows into it. */
  tie(tie: Tie): void {
    if (tie.kind === 'open' && this.#columns.has(tie.name)) this.lose(tie.name);
    if (tie.kind === 'mixed') this.#mixed.add(tie.name);
    if (tie.kind !== 'follows') return;
    this.#followers.set(tie.from, (this.#followers.get(tie.from) ?? new Set()).add(tie.name));
    for (const { lineage } of this.#columns.get(tie.from) ?? []) this.#spread(tie.name, null, lineage, new Set());
  }

  /** What flows in is in it from then on. */
  taint({ relation, column, lineage }: Flow): void {
    if (relation !== null) this.#spread(relation.name, column, lineage, new Set());
  }

  #spread(name: string, column: string | null, lineage: Lineage, seen: Set<string>): void {
    if (seen.has(name)) return;
    seen.add(name);
    const any = column === null || this.#mixed.has(name);
    const columns = this.#columns.get(name);
    if (columns !== undefined)
      this.#columns.set(
        name,
        columns.map((each) => (any || each.many || each.name === column ? { ...each, lineage: derived(each.lineage, lineage) } : each)),
      );
    for (const follower of this.#followers.get(name) ?? []) this.#spread(follower, null, lineage, seen);
  }
}

/** Any may be any. */
function asOne(columns: readonly Output[]): readonly Output[] {
  return [output(null, derived(...columns.map(({ lineage }) => lineage)), true)];
}

/** The columns as sources of their own, beside what they were made of. */
function named(schema: string, name: string, columns: readonly Output[]): readonly Output[] {
  if (columns.some((column) => column.many || column.name === null)) return columns.map((column) => ({ ...column, lineage: unplaced(column.lineage) }));
  const relation: CatalogRelation = {
    oid: 0,
    schema,
    name,
    kind: 'r',
    columns: columns.map((column, index) => ({ name: column.name ?? '', number: index + 1, type: 0 })),
    definition: null,
    parents: [],
  };
  const sources = sourceColumns(relation);
  return columns.map((column): Output => {
    const source = sources.get(column.name ?? '');
    if (source === undefined) return { ...column, lineage: unplaced(column.lineage) };
    const { exact, unknown } = column.lineage;
    return output(column.name, { columns: new Set([...column.lineage.columns, source]), exact, unknown });
  });
}

function unplaced(lineage: Lineage): Lineage {
  return lineage.unknown === null ? derived(lineage, unknownLineage('which column of a temporary table it is, is not known')) : lineage;
}
