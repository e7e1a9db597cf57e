/**
 * Queries: what each column of a SELECT, VALUES, set operation or common table expression is made of, and which columns decide what is
 * shown. The clauses that only decide (WHERE, ON, GROUP BY, ORDER BY …) are conditions; policy says who may use a tagged column in one.
 */
import { functionClass } from '../facts/function-class.js';
import { as, field, flag, integer, list, qualified, relationName, strings, struct, type Tree, tagged, text } from '../facts/tree.js';
import { condition, decidesRows, groups, isBare, oneCollation, spells } from './conditions.js';
import { derived, eachOf, isMade, isNothing, type Lineage, NOTHING, oneOf, unknownLineage } from './lineage.js';
import { relationColumns } from './relations.js';
import { Level, type Output, output, renamed, rowsOf, type Source } from './sources.js';
import type { Trace } from './trace.js';
import { typeOf } from './value-kinds.js';

/** Rounds after which a recursive query that still finds new columns is given up. */
const ROUNDS = 16;

export function selectColumns(trace: Trace, node: Tree, outer: Level): readonly Output[] {
  const tables = withTables(trace, struct(node, 'withClause'), outer);
  const [left, right] = [struct(node, 'larg'), struct(node, 'rarg')];
  let level = new Level(tables);
  let columns: readonly Output[];
  if (left !== null && right !== null) {
    columns = combined(trace.select(left, level), trace.select(right, level));
    // INTERSECT and EXCEPT compare the two sides also with ALL.
    if (!flag(node, 'all') || text(node, 'op') !== 'SETOP_UNION') for (const { lineage } of columns) groups(trace, null, lineage, level);
  } else if (list(node, 'valuesLists').length > 0) {
    const rows = list(node, 'valuesLists').map((row) => list(as(row, 'List') ?? {}, 'items').map((item) => trace.value(item, level)));
    columns = (rows[0] ?? []).map((_, index) => output(`column${String(index + 1)}`, eachOf(...rows.map((row) => row[index] ?? NOTHING))));
  } else {
    level = fromLevel(trace, list(node, 'fromClause'), tables);
    condition(trace, field(node, 'whereClause'), level);
    columns = list(node, 'targetList').flatMap((item) => targetColumns(trace, as(item, 'ResTarget') ?? {}, level));
    for (const item of list(node, 'groupClause')) grouping(trace, item, level, columns);
    condition(trace, field(node, 'havingClause'), level);
    for (const window of list(node, 'windowClause')) windowConditions(trace, as(window, 'WindowDef') ?? {}, level);
    const distinct = list(node, 'distinctClause');
    // DISTINCT without ON is a list of one empty entry.
    if (distinct.length > 0 && distinct.every((item) => tagged(item) === null)) for (const { lineage } of columns) groups(trace, null, lineage, level);
    for (const item of distinct) {
      if (tagged(item) === null) continue;
      groups(trace, item, ordinal(trace, item, level, columns), level);
    }
  }
  for (const item of list(node, 'sortClause')) {
    const by = ordinal(trace, field(as(item, 'SortBy') ?? {}, 'node'), level, columns);
    trace.condition('order', by);
    spells(item, by, level);
  }
  for (const clause of ['limitCount', 'limitOffset']) decidesRows(trace, trace.value(field(node, clause), level), level);
  columns = level.spelling(columns);
  const into = struct(node, 'intoClause');
  if (into !== null) create(trace, into, columns);
  return columns;
}

/** The table that a query's result is kept in. */
export function create(trace: Trace, into: Tree, columns: readonly Output[]): void {
  const relation = struct(into, 'rel') ?? {};
  const [schema, name] = relationName(relation);
  const temporary = text(relation, 'relpersistence') === 't' || schema === 'pg_temp';
  trace.created.push({ schema, name, temporary, filled: true, columns: renamed(columns, strings(list(into, 'colNames'))) });
}

/** An item of GROUP BY: an expression, several of them, or ROLLUP, CUBE and GROUPING SETS of them. A number is a column in all of these. */
function grouping(trace: Trace, item: unknown, level: Level, columns: readonly Output[]): void {
  const several = [...list(as(item, 'GroupingSet') ?? {}, 'content'), ...list(as(item, 'RowExpr') ?? {}, 'args')];
  for (const each of several) grouping(trace, each, level, columns);
  if (several.length > 0) return;
  const names = strings(list(as(item, 'ColumnRef') ?? {}, 'fields'));
  // A column of FROM comes before a result by the same name.
  const column = names.length === 1 ? level.named(names[0] ?? '') : null;
  groups(trace, item, column === null ? ordinal(trace, item, level, columns) : oneOf(column, ordinal(trace, item, level, columns)), level);
}

/** An expression of ORDER BY, GROUP BY or DISTINCT ON: a column by its number or by the name of its result, too. */
function ordinal(trace: Trace, node: unknown, level: Level, columns: readonly Output[]): Lineage {
  const constant = as(node, 'A_Const');
  if (constant !== null) {
    const number = struct(constant, 'ival');
    if (number === null) return NOTHING;
    trace.literalSensitive = true;
    if (columns.some(({ many }) => many)) return derived(...columns.map(({ lineage }) => lineage));
    return columns[integer(number, 'ival') - 1]?.lineage ?? NOTHING;
  }
  const names = strings(list(as(node, 'ColumnRef') ?? {}, 'fields'));
  const shown = names.length === 1 ? columns.filter(({ name }) => name === names[0]).map(({ lineage }) => lineage) : [];
  if (shown.length > 0) return oneOf(...shown);
  return trace.value(node, level);
}

/** Both sides of a set operation, by position. */
function combined(left: readonly Output[], right: readonly Output[]): readonly Output[] {
  if (left.some(({ many }) => many) || right.some(({ many }) => many))
    return [output(null, derived(...[...left, ...right].map(({ lineage }) => lineage)), true)];
  return left.map((column, index) => {
    const both = output(column.name, eachOf(column.lineage, right[index]?.lineage ?? NOTHING));
    return column.type != null && column.type === right[index]?.type ? { ...both, type: column.type } : both;
  });
}

export function targetColumns(trace: Trace, target: Tree, level: Level): readonly Output[] {
  const value = field(target, 'val');
  const reference = as(value, 'ColumnRef');
  if (reference !== null && as(list(reference, 'fields').at(-1), 'A_Star') !== null) return starColumns(strings(list(reference, 'fields')), level);
  const indirection = as(value, 'A_Indirection');
  if (indirection !== null && as(list(indirection, 'indirection').at(-1), 'A_Star') !== null)
    return [output(null, derived(trace.value(field(indirection, 'arg'), level)), true)];
  const type = typeOf(value, level, trace.context.catalog);
  return [{ ...output(text(target, 'name') ?? nameOf(value), trace.value(value, level)), type }];
}

/** `*` and `t.*`. */
function starColumns(names: readonly string[], level: Level): readonly Output[] {
  const alias = names.at(-1);
  return alias === undefined ? level.shown() : level.star(alias);
}

/** What the server calls the column, where that is certain. */
function nameOf(value: unknown): string | null {
  const reference = as(value, 'ColumnRef');
  return reference === null ? null : (strings(list(reference, 'fields')).at(-1) ?? null);
}

export function windowConditions(trace: Trace, window: Tree, level: Level): void {
  for (const item of list(window, 'partitionClause')) groups(trace, item, trace.value(item, level), level);
  for (const item of list(window, 'orderClause')) {
    const by = trace.value(field(as(item, 'SortBy') ?? {}, 'node'), level);
    trace.condition('order', by);
    spells(item, by, level);
  }
  // What is counted in a frame says how far it goes.
  for (const edge of ['startOffset', 'endOffset']) decidesRows(trace, trace.value(field(window, edge), level), level);
}

/** The level inside a WITH. */
export function withTables(trace: Trace, clause: Tree | null, outer: Level): Level {
  if (clause === null) return outer;
  const level = new Level(outer);
  const recursive = flag(clause, 'recursive');
  const tables = list(clause, 'ctes').map((item) => as(item, 'CommonTableExpr') ?? {});
  if (!recursive) {
    for (const table of tables) level.define(text(table, 'ctename') ?? '', tableColumns(trace, table, level));
    return level;
  }
  // Any may name any of them: repeated until nothing new is found.
  for (const table of tables) level.define(text(table, 'ctename') ?? '', [output(null, NOTHING, true)]);
  let before = '';
  for (let round = 0; round < ROUNDS; round++) {
    for (const table of tables) level.define(text(table, 'ctename') ?? '', tableColumns(trace, table, level));
    const now = JSON.stringify(tables.map((table) => (level.table(text(table, 'ctename') ?? '') ?? []).map(weight)));
    if (now === before) return level;
    before = now;
  }
  for (const table of tables) level.define(text(table, 'ctename') ?? '', [output(null, unknownLineage('a recursive query that could not be followed'), true)]);
  return level;
}

/** What can grow from round to round. */
function weight({ name, lineage, many, rows = NOTHING }: Output): unknown {
  return [name, lineage.columns.size, lineage.exact, lineage.unknown, many, rows.columns.size, rows.unknown];
}

function tableColumns(trace: Trace, table: Tree, level: Level): readonly Output[] {
  const columns = renamed(trace.query(field(table, 'ctequery'), level), strings(list(table, 'aliascolnames')));
  const [search, cycle] = [struct(table, 'search_clause'), struct(table, 'cycle_clause')];
  if (search === null && cycle === null) return columns;
  // SEARCH and CYCLE add columns made of those that they name, and what comes again is left out by the latter.
  const all = derived(...columns.map(({ lineage }) => lineage));
  if (cycle !== null) groups(trace, null, all, level);
  return [...columns, output(null, all, true)];
}

function fromLevel(trace: Trace, items: readonly unknown[], outer: Level): Level {
  const level = new Level(outer);
  for (const item of items) level.show(fromItem(trace, item, level));
  return level;
}

/** One item of FROM: becomes known to the level; gives the columns that `*` shows of it. */
export function fromItem(trace: Trace, item: unknown, level: Level): readonly Output[] {
  const { tag, node } = tagged(item) ?? { tag: '', node: {} };
  switch (tag) {
    case 'RangeVar':
      return add(level, node, relationName(node)[1], rangeColumns(trace, node, level));
    case 'RangeSubselect':
      // Without LATERAL it does not see what stands beside it, and a name means what it means outside.
      return add(level, node, null, trace.query(field(node, 'subquery'), flag(node, 'lateral') ? level : (level.parent ?? level)));
    case 'RangeTableSample':
      // How much is drawn, and by which seed.
      for (const argument of [...list(node, 'args'), field(node, 'repeatable')]) decidesRows(trace, trace.value(argument, level), level);
      return fromItem(trace, field(node, 'relation'), level);
    case 'JoinExpr':
      return join(trace, node, level);
    case 'RangeFunction':
      return add(level, node, functionName(node), functionColumns(trace, node, level));
    default:
      return add(level, node, null, tableOf(trace, node, level));
  }
}

function add(level: Level, node: Tree, name: string | null, columns: readonly Output[]): readonly Output[] {
  const alias = struct(node, 'alias');
  const source: Source = {
    alias: (alias === null ? null : text(alias, 'aliasname')) ?? name,
    columns: renamed(columns, strings(list(alias ?? {}, 'colnames'))),
  };
  level.sources.push(source);
  level.spell(rowsOf(columns));
  return source.columns;
}

/** XMLTABLE, JSON_TABLE: whatever their columns are, they are made of what the item holds, and so is the number of rows. */
function tableOf(trace: Trace, node: Tree, level: Level): readonly Output[] {
  const all = derived(trace.inside(node, level, ['alias']));
  decidesRows(trace, all, level);
  return [output(null, all, true)];
}

function rangeColumns(trace: Trace, node: Tree, level: Level): readonly Output[] {
  const [schema, name] = relationName(node);
  const table = schema === null ? level.table(name) : null;
  return (
    table ?? relationColumns(trace, schema, name) ?? [output(null, unknownLineage(`${schema === null ? '' : `${schema}.`}${name} is not in the catalog`), true)]
  );
}

function functionName(node: Tree): string | null {
  const [first] = list(as(list(node, 'functions')[0], 'List') ?? {}, 'items');
  return strings(list(as(first, 'FuncCall') ?? {}, 'funcname')).at(-1) ?? null;
}

/** Of a function in FROM nobody says which columns come, but all are made of its arguments; so is the number of rows, but where it is known to give one. */
function functionColumns(trace: Trace, node: Tree, level: Level): readonly Output[] {
  for (const item of list(node, 'functions')) {
    const [called] = list(as(item, 'List') ?? {}, 'items');
    const each = as(called, 'FuncCall');
    // PostgreSQL's own that give a set are seen where they are called.
    if (each !== null && !isPlain(strings(list(each, 'funcname')))) decidesRows(trace, derived(trace.value(list(each, 'args'), level)), level);
  }
  const all = derived(trace.inside(node, level, ['alias', 'coldeflist']));
  const defined = list(node, 'coldeflist').map((item) => text(as(item, 'ColumnDef') ?? {}, 'colname'));
  if (defined.length > 0) return [...defined.map((name) => output(name, all)), ...(flag(node, 'ordinality') ? [output('ordinality', NOTHING)] : [])];
  return [output(null, all, true)];
}

function isPlain(names: readonly string[]): boolean {
  const [schema, name] = qualified(names);
  return functionClass(schema, name ?? '') === 'plain';
}

function join(trace: Trace, node: Tree, around: Level): readonly Output[] {
  const alias = struct(node, 'alias');
  // Under an alias of its own a join hides its sides; from within it they are seen, and what stands before it.
  const level = alias === null ? around : new Level(around.parent);
  if (alias !== null) level.sources.push(...around.sources);
  const left = fromItem(trace, field(node, 'larg'), level);
  const right = fromItem(trace, field(node, 'rarg'), level);
  condition(trace, field(node, 'quals'), level);
  const using = flag(node, 'isNatural') ? commonNames(left, right) : strings(list(node, 'usingClause'));
  const merged = joined(trace, left, right, using, level);
  const mergedAs = struct(node, 'join_using_alias');
  if (mergedAs !== null)
    level.sources.push({ alias: text(mergedAs, 'aliasname'), columns: merged.filter(({ name }) => name !== null && using?.includes(name) === true) });
  if (alias === null) return merged;
  if (!isNothing(level.spelled)) around.spell(level.spelled);
  return add(around, node, null, merged);
}

/** Null: not known. */
function commonNames(left: readonly Output[], right: readonly Output[]): readonly string[] | null {
  if (left.some(({ many }) => many) || right.some(({ many }) => many)) return null;
  return left.flatMap(({ name }) => (name !== null && right.some((column) => column.name === name) ? [name] : []));
}

function joined(trace: Trace, left: readonly Output[], right: readonly Output[], using: readonly string[] | null, level: Level): readonly Output[] {
  if (using?.length === 0) return [...left, ...right];
  const both = [...left, ...right];
  const lost = both.some(({ many }) => many);
  if (using === null || lost) {
    const all = oneOf(...both.map(({ lineage }) => lineage));
    trace.condition('other', all);
    level.spell(all);
    return [output(null, all, true)];
  }
  const shared = using.map((name) => {
    const sides = both.filter((column) => column.name === name).map((column) => column.lineage);
    const lineage = oneOf(...sides);
    const made = sides.some(isMade);
    trace.condition(sides.every(isBare) && oneCollation(sides) ? 'equality' : 'other', lineage);
    if (made) level.spell(lineage);
    return output(name, lineage);
  });
  return [...shared, ...both.filter(({ name }) => name === null || !using.includes(name))];
}
