/**
 * What FROM brings within reach, and what a name means there. Sources are kept in the order in which `*` shows their columns. Lookups are
 * wider than the server's own (a column that two sources have is taken from both), because a name that the server would call ambiguous
 * costs nothing and a missed meaning would show a value.
 */
import { derived, isMade, isNothing, type Lineage, NOTHING, oneOf, unknownLineage } from './lineage.js';
import type { ValueType } from './value-kinds.js';

export interface Output {
  /** Null: the server makes a name up. */
  readonly name: string | null;
  readonly lineage: Lineage;
  /** Stands for any number of columns, none included: whose names are not known. */
  readonly many: boolean;
  /** What decides how many rows its query has, where their number spells that out; the same for all columns of a query. */
  readonly rows?: Lineage;
  /** Where that is certain. */
  readonly type?: ValueType | null;
}

export function output(name: string | null, lineage: Lineage, many = false): Output {
  return { name, lineage, many };
}

/** What the number of their rows spells out. */
export function rowsOf(columns: readonly Output[]): Lineage {
  return derived(...columns.map(({ rows }) => rows ?? NOTHING));
}

/** Columns of a query whose number of rows spells something out. Where it has none, something must carry that along. */
export function withRows(columns: readonly Output[], rows: Lineage): readonly Output[] {
  if (isNothing(rows)) return columns;
  return (columns.length === 0 ? [output(null, NOTHING, true)] : columns).map((column) => ({ ...column, rows }));
}

/** A source of one level of FROM. */
export interface Source {
  readonly alias: string | null;
  readonly columns: readonly Output[];
}

/** Columns that every table has and that say nothing of its content; a subquery or function has none, and any column may be named so. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax']);

export class Level {
  readonly parent: Level | null;
  /** All that can be named, joins and their sides alike. */
  readonly sources: Source[] = [];
  readonly #shown: Output[] = [];
  readonly #tables = new Map<string, readonly Output[]>();
  #spelled: Lineage = NOTHING;

  constructor(parent: Level | null) {
    this.parent = parent;
  }

  /** Makes a common table expression known by its name. */
  define(name: string, columns: readonly Output[]): void {
    this.#tables.set(name, columns);
  }

  /** Columns that `*` shows, in order. */
  show(columns: readonly Output[]): void {
    this.#shown.push(...columns);
  }

  shown(): readonly Output[] {
    return this.#shown;
  }

  /**
   * These columns are spelled out, in this query and in those around it: values that nobody keeps (numbers of generate_series, constants of
   * VALUES) are held against them, and which of them stay tells; or they say how many rows there are.
   */
  spell(by: Lineage): void {
    if (isNothing(by)) return;
    this.#spelled = derived(this.#spelled, by);
    this.parent?.spell(by);
  }

  /** Columns with what they spell out: all but those that show a table's column as it is. */
  spelling(columns: readonly Output[]): readonly Output[] {
    const spelled = this.#spelled;
    if (isNothing(spelled)) return columns;
    const told = columns.map((column) => (column.lineage.exact && !isMade(column.lineage) ? column : { ...column, lineage: tell(column.lineage, spelled) }));
    return withRows(told, spelled);
  }

  /** Something that is made in the query itself can be named here. */
  holdsMade(): boolean {
    return this.sources.some(({ columns }) => columns.some(({ lineage }) => isMade(lineage))) || this.parent?.holdsMade() === true;
  }

  get spelled(): Lineage {
    return this.#spelled;
  }

  /** A column by its name alone; null: there is none. */
  named(name: string): Lineage | null {
    return this.#lookup(name);
  }

  table(name: string): readonly Output[] | null {
    return this.#tables.get(name) ?? this.parent?.table(name) ?? null;
  }

  /** A column by its name alone, a whole row by the name of its source, or (`t.c`) a column of a source. */
  resolve(names: readonly string[]): Lineage {
    const name = names.at(-1) ?? '';
    const qualifier = names.at(-2) ?? null;
    return qualifier === null ? this.#unqualified(name) : this.#qualified(qualifier, name);
  }

  /** There is a column by this qualified name. */
  has(names: readonly string[]): boolean {
    return this.#find(names.at(-2) ?? '').some(({ columns }) => columns.some(({ name, many }) => !many && name === names.at(-1)));
  }

  /** The type of a column; null where it is not certain which one is meant. */
  typeOf(names: readonly string[]): ValueType | null {
    const name = names.at(-1) ?? '';
    const qualifier = names.at(-2) ?? null;
    const found = (qualifier === null ? this.sources : this.#find(qualifier)).flatMap(({ columns }) =>
      columns.filter((each) => each.many || each.name === name),
    );
    const [first] = found;
    if (first === undefined) return qualifier === null ? (this.parent?.typeOf(names) ?? null) : null;
    return found.every(({ many, type }) => !many && type === first.type) ? (first.type ?? null) : null;
  }

  /** Columns of `t.*`. */
  star(alias: string): readonly Output[] {
    const matching = this.#find(alias);
    const [only, ...more] = matching;
    if (only !== undefined && more.length === 0) return only.columns;
    if (only === undefined) return [output(null, unknownLineage(`"${alias}" is not known`), true)];
    return [output(null, derived(...matching.map(wholeRow)), true)];
  }

  #unqualified(name: string): Lineage {
    return this.#lookup(name) ?? (SYSTEM_COLUMNS.has(name) ? NOTHING : unknownLineage(`column "${name}" is not known`));
  }

  /** Null: nothing in reach can be meant. */
  #lookup(name: string): Lineage | null {
    const certain: Lineage[] = [];
    const possible: Lineage[] = [];
    for (const source of this.sources) {
      let found = false;
      for (const column of source.columns) {
        if (column.many) possible.push(column.lineage);
        else if (column.name === name) {
          certain.push(column.lineage);
          found = true;
        }
      }
      if (!found && source.alias === name) possible.push(wholeRow(source));
    }
    if (certain.length > 0) return oneOf(...certain, ...possible);
    const outer = this.parent === null ? null : this.parent.#lookup(name);
    if (possible.length === 0) return outer;
    return outer === null ? oneOf(...possible) : derived(...possible, outer);
  }

  #qualified(qualifier: string, name: string): Lineage {
    const matching = this.#find(qualifier);
    if (matching.length === 0) {
      // `c.part` of a column with a composite type needs parentheses, but a field of a whole row may be meant.
      return unknownLineage(`"${qualifier}" is not known`);
    }
    const parts: Lineage[] = [];
    for (const source of matching) {
      const named = source.columns.filter((column) => !column.many && column.name === name);
      for (const { lineage } of named) parts.push(lineage);
      const open = source.columns.filter((column) => column.many);
      for (const { lineage } of open) parts.push(lineage);
      // `t.f` calls the function f with the row of t where there is no such column.
      if (named.length === 0 && open.length === 0 && !SYSTEM_COLUMNS.has(name))
        parts.push(derived(wholeRow(source), unknownLineage(`"${qualifier}.${name}" is no known column`)));
    }
    return oneOf(...parts);
  }

  #find(alias: string): readonly Source[] {
    const here = this.sources.filter((source) => source.alias === alias);
    return here.length > 0 || this.parent === null ? here : this.parent.#find(alias);
  }
}

/** What is made to tell of `spelled`. */
function tell(lineage: Lineage, spelled: Lineage): Lineage {
  const told = derived(lineage, spelled);
  return isMade(lineage) ? { ...told, made: true } : told;
}

function inexact(lineage: Lineage): Lineage {
  return lineage.exact && lineage.columns.size > 0 ? { ...lineage, exact: false } : lineage;
}

/** A row as one value. */
function wholeRow(source: Source): Lineage {
  return derived(...source.columns.map(({ lineage }) => inexact(lineage)));
}

/** `AS a (x, y)`: the first columns go by these names. */
export function renamed(columns: readonly Output[], names: readonly string[]): readonly Output[] {
  if (names.length === 0) return columns;
  if (columns.some(({ many }) => many)) {
    // Which of them get the names is not known: any may be any.
    const all = oneOf(...columns.map(({ lineage }) => lineage));
    return withRows([...names.map((name) => output(name, all)), output(null, all, true)], rowsOf(columns));
  }
  return columns.map((column, index) => (index < names.length ? { ...column, name: names[index] ?? null } : column));
}
