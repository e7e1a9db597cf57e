/**
 * Names at one point of a statement: common table expressions, and the sources of FROM with their aliases. Column references are charged
 * to relations here. Without the catalog an unqualified column may belong to any relation in reach, so it is charged to all of them: a
 * superset, never a miss. What could rename or widen (`*`, whole rows, aliases with column lists, unresolved qualifiers) makes the columns
 * of the relations concerned "not known".
 */

/** Beyond so many sources in one FROM, or columns of one relation, columns are not told apart: the work would grow with their product. */
const SOURCES_LIMIT = 64;
const COLUMNS_LIMIT = 1600;

/** A use of a relation whose columns are being collected. */
export class RelationUse {
  readonly schema: string | null;
  readonly name: string;
  /** Null: not known, which everyone reads as all. */
  columns: Set<string> | null = new Set<string>();
  /** Set by FOR UPDATE and its kin. */
  locked = false;

  constructor(schema: string | null, name: string) {
    this.schema = schema;
    this.name = name;
  }

  get touched(): boolean {
    return this.columns === null || this.columns.size > 0;
  }
}

export interface Source {
  readonly alias: string | null;
  /** Null for what is not a relation: a subquery, a function, a common table expression. */
  readonly use: RelationUse | null;
  /** Columns go by other names here. */
  readonly renamed: boolean;
}

export class Scope {
  readonly parent: Scope | null;
  readonly sources: Source[] = [];
  /** A locking clause here names no relation: it locks everything read at this level and in its subqueries. */
  locksAll = false;
  /** Columns of this level that a condition holds to one constant (its node). */
  readonly fixed = new Map<string, unknown>();
  #given = 0;
  #gaveOuter = false;
  readonly #tables = new Set<string>();

  constructor(parent: Scope | null) {
    this.parent = parent;
  }

  defineTable(name: string): void {
    this.#tables.add(name);
  }

  /** Whether an unqualified relation name means a common table expression here. */
  isDefined(name: string): boolean {
    return this.#tables.has(name) || (this.parent?.isDefined(name) ?? false);
  }

  isLocked(): boolean {
    return this.locksAll || (this.parent?.isLocked() ?? false);
  }

  /** Charges a column reference; `star` is a trailing `.*` or `*`. */
  column(names: readonly string[], star: boolean): void {
    if (names.length === 0) {
      this.widen(0);
    } else if (names.length === 1 && !star) {
      this.#unqualified(names[0] ?? '');
    } else {
      const qualifier = star ? names.at(-1) : names.at(-2);
      this.#qualified(qualifier ?? '', star ? null : (names.at(-1) ?? null));
    }
  }

  /** A column that every source of this level has (JOIN … USING). */
  shared(name: string): void {
    if (this.#isCrowded()) return;
    for (const source of this.sources) charge(source, name);
  }

  /** Columns of the sources of this level from `first` on are not known. */
  widen(first: number): void {
    if (this.#isCrowded()) return;
    for (let i = first; i < this.sources.length; i++) {
      const source = this.sources[i];
      if (source !== undefined) charge(source, null);
    }
  }

  /** Whether there are too many sources to look at each; then the columns of all of them, and of those around, are not known. */
  #isCrowded(): boolean {
    if (this.sources.length <= SOURCES_LIMIT) return false;
    for (; this.#given < this.sources.length; this.#given++) {
      const use = this.sources[this.#given]?.use;
      if (use != null) use.columns = null;
    }
    if (!this.#gaveOuter) {
      this.#gaveOuter = true;
      if (this.parent !== null) this.parent.#widenAll();
    }
    return true;
  }

  #unqualified(name: string): void {
    if (!this.#isCrowded()) for (const source of this.sources) charge(source, source.alias === name ? null : name);
    if (this.parent !== null) this.parent.#unqualified(name);
  }

  #qualified(qualifier: string, column: string | null): void {
    if (this.#isCrowded()) return;
    const matching = this.#find(qualifier);
    if (matching.length === 0) this.#widenAll();
    for (const source of matching) charge(source, column);
  }

  #find(qualifier: string): readonly Source[] {
    const here = this.sources.filter((source) => source.alias === qualifier);
    return here.length > 0 || this.parent === null ? here : this.parent.#find(qualifier);
  }

  #widenAll(): void {
    this.widen(0);
    if (this.parent !== null) this.parent.#widenAll();
  }
}

function charge(source: Source, column: string | null): void {
  if (source.use === null) return;
  if (column === null || source.renamed) source.use.columns = null;
  else if (source.use.columns !== null && source.use.columns.add(column).size > COLUMNS_LIMIT) source.use.columns = null;
}
