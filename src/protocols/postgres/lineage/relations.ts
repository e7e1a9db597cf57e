/**
 * The columns of a relation as a source. A name that several relations have in schemas that may be meant gives the columns of all of them.
 * A view gives its own columns and, through its definition, what they are made of: tags may be on either.
 */
import { type Catalog, type CatalogRelation, isView, kinOf } from '../catalog/catalog.js';
import { parse } from '../facts/parser.js';
import { field, isTree } from '../facts/tree.js';
import { derived, type Lineage, NOTHING, oneOf, sourceColumns, unknownLineage } from './lineage.js';
import { Level, type Output, output, rowsOf, withRows } from './sources.js';
import type { Trace } from './trace.js';

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
  pg_stats: ['most_common_vals', 'histogram_bounds', 'most_common_elems', 'range_bounds_histogram', 'range_length_histogram', 'most_common_freqs'],
  pg_stats_ext: ['most_common_vals', 'most_common_val_nulls', 'most_common_freqs', 'most_common_base_freqs'],
  pg_stats_ext_exprs: ['most_common_vals', 'histogram_bounds', 'most_common_elems', 'most_common_freqs'],
  pg_stat_activity: ['query'],
  pg_cursors: ['statement'],
  pg_largeobject: ['data'],
  pg_authid: ['rolpassword'],
  pg_shadow: ['passwd'],
  pg_user_mapping: ['umoptions'],
  pg_user_mappings: ['umoptions'],
  pg_subscription: ['subconninfo'],
};

/** Views upon views; a definition that nests deeper is not followed. */
const VIEW_DEPTH = 32;

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

const known = new WeakMap<CatalogRelation, readonly Output[]>();

/** The columns that a table, view or other relation named so has here; null: there is none that is known. */
export function relationColumns(trace: Trace, schema: string | null, name: string): readonly Output[] | null {
  const { catalog } = trace.context;
  if (trace.context.doubtful(name)) return [output(null, unknownLineage(`what ${name} is has changed in this session`), true)];
  if (schema === null || schema === 'pg_temp') {
    const temporary = trace.context.temporary(name);
    if (temporary !== null && catalog !== null) {
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
  let columns = steady ? known.get(relation) : undefined;
  if (columns === undefined) {
    const own = [...sourceColumns(relation).values()];
    const telling = SYSTEM_SCHEMAS.has(relation.schema) ? (TELLING[relation.name] ?? []) : null;
    const behind = telling === null && isView(relation) ? definitionOf(trace, catalog, relation) : null;
    const shown = own.map((source, index): Output => {
      const { name } = source.column;
      if (relation.name === 'pg_settings' && trace.context.unseenRan) return output(name, unknownLineage('code of the database may have set it'));
      if (telling !== null) return output(name, telling.includes(name) ? unknownLineage(`${relation.name}.${name} shows what tables hold`) : NOTHING);
      // Rows of its partitions and heirs are shown through it, and its own are rows of what it is a part of.
      const kin = kinOf(relation).flatMap((each) => sourceColumns(each).get(name) ?? []);
      const exact = [source, ...kin].every(({ column }) => column.inherited?.exact !== false);
      const self: Lineage = { columns: new Set([source, ...kin]), exact, unknown: null };
      return output(name, behind === null ? self : viewColumn(self, behind[index]?.lineage ?? unknownLineage('its view could not be followed')));
    });
    columns = withRows(shown, rowsOf(behind ?? []));
    if (steady) known.set(relation, columns);
  }
  return columns;
}

/** The view's column and what it is made of are one value. */
function viewColumn(self: Lineage, behind: Lineage): Lineage {
  return { columns: new Set([...self.columns, ...behind.columns]), exact: self.exact && behind.exact, unknown: behind.unknown };
}

/** What a view's query gives, in the order of the view's columns. */
function definitionOf(trace: Trace, catalog: Catalog | null, relation: CatalogRelation): readonly Output[] {
  const lost = relation.columns.map(({ name }) => output(name, unknownLineage(`the definition of ${relation.schema}.${relation.name} could not be followed`)));
  if (trace.nesting >= VIEW_DEPTH || relation.definition === null) return lost;
  const parsed = parse(relation.definition.replace(/;\s*$/, ''));
  const [statement] = parsed.kind === 'tree' ? parsed.statements : [];
  if (!isTree(statement)) return lost;
  const inner = trace.within({ ...trace.context, catalog, searchPath: ['pg_catalog'], temporary: () => null });
  const columns = inner.query(field(statement, 'stmt'), new Level(null));
  return columns.length === relation.columns.length && columns.every(({ many }) => !many) ? columns : lost;
}
