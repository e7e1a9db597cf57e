/**
 * The columns of a relation as a source. A name that several relations have in schemas that may be meant gives the columns of all of them.
 * A view gives its own columns and, through its definition, what they are made of: tags may be on either.
 */
import { type Catalog, type CatalogColumn, type CatalogRelation, isView, kinOf } from '../catalog/catalog.js';
import { parse } from '../facts/parser.js';
import { as, field, isTree, list } from '../facts/tree.js';
import { derived, type Lineage, NOTHING, oneOf, type SourceColumn, sourceColumns, unknownLineage } from './lineage.js';
import { Level, type Output, output, rowsOf, withRows } from './sources.js';
import type { Trace } from './trace.js';
import { typeOfColumn } from './value-kinds.js';

/** Columns of the server's own catalog that show what tables hold, or what other sessions said. */
const TELLING: Readonly<Record<string, readonly string[]>> = {
  pg_statistic: [
    'stavalues1',
    'stavalues2',
    'stavalues3',
    'stavalues4',
    'stavalues5',
    'stanumbers1',
    'stanumbers2',
    'stanumbers3',
    'stanumbers4',
    'stanumbers5',
  ],
  pg_statistic_ext_data: ['stxdmcv', 'stxdexpr', 'stxddependencies', 'stxdndistinct'],
  pg_stats: [
    'most_common_vals',
    'histogram_bounds',
    'most_common_elems',
    'range_bounds_histogram',
    'range_length_histogram',
    'most_common_freqs',
    'correlation',
  ],
  pg_stats_ext: ['most_common_vals', 'most_common_val_nulls', 'most_common_freqs', 'most_common_base_freqs'],
  pg_stats_ext_exprs: ['most_common_vals', 'histogram_bounds', 'most_common_elems', 'most_common_freqs', 'correlation'],
  pg_stat_activity: ['query'],
  pg_cursors: ['statement'],
  // Of a search in an index: between which keys it ended.
  pg_locks: ['page', 'tuple'],
  pg_stat_database: ['temp_files', 'temp_bytes'],
  pg_backend_memory_contexts: ['total_bytes', 'total_nblocks', 'free_bytes', 'free_chunks', 'used_bytes'],
  pg_largeobject: ['data'],
  pg_authid: ['rolpassword'],
  pg_shadow: ['passwd'],
  pg_user_mapping: ['umoptions'],
  pg_user_mappings: ['umoptions'],
  pg_subscription: ['subconninfo'],
};

/** Columns of the server's own catalog that hold values of certain columns of tables. */
const HOLDING: Readonly<Record<string, Readonly<Record<string, (catalog: Catalog | null) => Lineage>>>> = {
  pg_class: { relpartbound: partitionBounds },
  pg_attribute: { attmissingval: missingValues },
};

/** Views upon views; a definition that nests deeper is not followed. */
const VIEW_DEPTH = 32;

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

interface Known {
  readonly columns: readonly Output[];
  /** What a view works out, shown or not. */
  readonly computed: ReadonlySet<Lineage>;
}

const known = new WeakMap<CatalogRelation, Known>();
const NOTHING_COMPUTED: ReadonlySet<Lineage> = new Set();

/** The columns that a table, view or other relation named so has here; null: there is none that is known. */
export function relationColumns(trace: Trace, schema: string | null, name: string): readonly Output[] | null {
  const { catalog } = trace.context;
  if (trace.context.doubtful(name)) return [output(null, unknownLineage(`what ${name} is has changed in this session`), true)];
  if (schema === null || schema === 'pg_temp') {
    const found = trace.context.temporary(name);
    if (found !== null && catalog !== null) {
      // Its columns may have another type since.
      const temporary = found.map(({ type: _, ...column }) => column);
      const hidden = schema === null ? candidates(catalog, trace.context.searchPath, null, name) : [];
      return hidden.length === 0 ? temporary : together([temporary, ...hidden.map((each) => columnsOf(trace, catalog, each))]);
    }
  }
  if (catalog === null) return null;
  const found = candidates(catalog, trace.context.searchPath, schema, name);
  const [only, ...more] = found;
  if (only === undefined) return null;
  return more.length === 0 ? columnsOf(trace, catalog, only) : together(found.map((each) => columnsOf(trace, catalog, each)));
}

/** Relations that may be meant. */
function candidates(catalog: Catalog, searchPath: readonly string[] | null, schema: string | null, name: string): readonly CatalogRelation[] {
  if (schema !== null) return catalog.relations(schema, name);
  if (searchPath !== null) {
    for (const each of searchPath) {
      const [first] = catalog.relations(each, name);
      if (first !== undefined) return [first];
    }
    return [];
  }
  // Other sessions' temporary tables are out of reach by any name.
  return catalog.relations(null, name).filter((each) => !each.schema.startsWith('pg_temp_') && !each.schema.startsWith('pg_toast'));
}

/** One of several sets of columns: by name where all have the same names, else nothing is told apart. */
function together(sets: readonly (readonly Output[])[]): readonly Output[] {
  const [first = [], ...rest] = sets;
  const same = rest.every((set) => set.length === first.length && set.every((column, index) => column.name === first[index]?.name && !column.many));
  const merged = same
    ? first.map((column, index) => output(column.name, oneOf(column.lineage, ...rest.map((set) => set[index]?.lineage ?? NOTHING)), column.many))
    : [output(null, derived(...sets.flat().map(({ lineage }) => lineage)), true)];
  return withRows(merged, rowsOf(sets.flat()));
}

export function columnsOf(trace: Trace, catalog: Catalog | null, relation: CatalogRelation): readonly Output[] {
  const steady = trace.context.steady;
  let found = steady ? known.get(relation) : undefined;
  if (found === undefined) {
    const own = [...sourceColumns(relation).values()];
    const holding = relation.schema === 'pg_catalog' ? HOLDING[relation.name] : undefined;
    const telling = SYSTEM_SCHEMAS.has(relation.schema) ? (TELLING[relation.name] ?? []) : null;
    const behind = telling === null && isView(relation) ? definitionOf(trace, catalog, relation) : null;
    const lineageOf = (source: SourceColumn, index: number): Output => {
      const { name } = source.column;
      if (relation.name === 'pg_settings' && trace.context.unseenRan) return output(name, unknownLineage('code of the database may have set it'));
      const held = holding?.[name];
      if (held !== undefined) return output(name, held(catalog));
      if (telling !== null) return output(name, telling.includes(name) ? unknownLineage(`${relation.name}.${name} shows what tables hold`) : NOTHING);
      // Rows of its partitions and heirs are shown through it, and its own are rows of what it is a part of.
      const all = shownThrough(source);
      const self: Lineage = { columns: new Set(all), exact: all.every(({ column }) => column.inherited?.exact !== false), unknown: null };
      // A generated column is what it is computed from, too: by its own expression, and by those of partitions and heirs.
      const generated = all.filter(({ column }) => column.generated === true);
      if (generated.length > 0) return output(name, generated.map((each) => generatedFrom(trace, catalog, each)).reduce(viewColumn, self));
      return output(name, behind === null ? self : viewColumn(self, behind.columns[index]?.lineage ?? unknownLineage('its view could not be followed')));
    };
    const shown = own.map((source, index) => ({ ...lineageOf(source, index), type: typeOfColumn(source.column.type, catalog) }));
    found = { columns: withRows(shown, rowsOf(behind?.columns ?? [])), computed: behind?.computed ?? NOTHING_COMPUTED };
    if (steady) known.set(relation, found);
  }
  for (const each of found.computed) trace.computed.add(each);
  return found.columns;
}

/** The bounds of partitions are values of the columns that their tables are partitioned by. */
export function partitionBounds(catalog: Catalog | null): Lineage {
  return heldOf(catalog, (relation) => {
    const { key } = relation;
    return relation.columns.filter(({ number }) => key !== undefined && (key.includes(0) || key.includes(number)));
  });
}

/** What rows have that were there before their column was. */
function missingValues(catalog: Catalog | null): Lineage {
  return heldOf(catalog, ({ columns }) => columns.filter(({ missing }) => missing === true));
}

function heldOf(catalog: Catalog | null, columnsIn: (relation: CatalogRelation) => readonly CatalogColumn[]): Lineage {
  if (catalog === null) return unknownLineage('which columns it is of is not known');
  const sources = catalog.keptInCatalog.flatMap((relation) => columnsIn(relation).flatMap(({ name }) => sourceColumns(relation).get(name) ?? []));
  return derived({ columns: new Set(sources), exact: false, unknown: null });
}

/** The view's column and what it is made of are one value. */
function viewColumn(self: Lineage, behind: Lineage): Lineage {
  return { columns: new Set([...self.columns, ...behind.columns]), exact: self.exact && behind.exact, unknown: behind.unknown };
}

/** A column, and those of its name in partitions and heirs, whose rows are shown through it. */
function shownThrough(source: SourceColumn): readonly SourceColumn[] {
  return [source, ...kinOf(source.relation).flatMap((each) => sourceColumns(each).get(source.column.name) ?? [])];
}

/** A generated column is no column of others. Where its expression cannot be followed, it is made of every column of its table. */
function generatedFrom(trace: Trace, catalog: Catalog | null, { relation, column }: SourceColumn): Lineage {
  const plain = [...sourceColumns(relation).values()].filter((each) => each.column.generated !== true);
  const columns = plain.map((source) =>
    output(source.column.name, { columns: new Set(shownThrough(source)), exact: source.column.inherited?.exact !== false, unknown: null }),
  );
  const parsed = column.expression === undefined ? null : parse(`select ${column.expression}`);
  const [statement] = parsed?.kind === 'tree' ? parsed.statements : [];
  const [target] = list(as(isTree(statement) ? field(statement, 'stmt') : undefined, 'SelectStmt') ?? {}, 'targetList');
  if (target === undefined) return derived(...columns.map(({ lineage }) => lineage));
  const level = new Level(null);
  level.sources.push({ alias: relation.name, columns });
  const inner = trace.within({ ...trace.context, catalog, searchPath: ['pg_catalog'], temporary: () => null });
  const value = inner.value(field(as(target, 'ResTarget') ?? {}, 'val'), level);
  // What code of the database put there when the row was written is that of who made it, like what a trigger puts there.
  return value.unknown === null ? value : derived(...columns.map(({ lineage }) => lineage));
}

/** What a view's query gives, in the order of the view's columns. */
function definitionOf(trace: Trace, catalog: Catalog | null, relation: CatalogRelation): Known {
  const unknown = unknownLineage(`the definition of ${relation.schema}.${relation.name} could not be followed`);
  const lost = { columns: relation.columns.map(({ name }) => output(name, unknown)), computed: new Set([unknown]) };
  if (trace.nesting >= VIEW_DEPTH || relation.definition === null) return lost;
  const parsed = parse(relation.definition.replace(/;\s*$/, ''));
  const [statement] = parsed.kind === 'tree' ? parsed.statements : [];
  if (!isTree(statement)) return lost;
  const inner = trace.within({ ...trace.context, catalog, searchPath: ['pg_catalog'], temporary: () => null });
  const columns = inner.query(field(statement, 'stmt'), new Level(null));
  return columns.length === relation.columns.length && columns.every(({ many }) => !many) ? { columns, computed: inner.computed } : lost;
}
