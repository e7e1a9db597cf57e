/**
 * Expressions: what a value is made of. A node that is listed here by its tag is understood; of any other the value is made of everything
 * that stands below it, which is a superset. Functions that PostgreSQL brings and that only compute give what goes into them; any other
 * could read anything, so nothing is known of what it gives.
 */
import { functionClass } from '../facts/function-class.js';
import { dangerousClass } from '../facts/functions.js';
import { givesSet } from '../facts/set-functions.js';
import { as, field, flag, isTree, list, qualified, strings, struct, type Tree, tagged, text } from '../facts/tree.js';
import { condition, decidesRows, groups, spells } from './conditions.js';
import { arrayFails, attributeFails, callFails, castFails, jsonAggregateFails, nodeFails, operatorFails, selectionFails } from './failing-values.js';
import { derived, type Lineage, NOTHING, oneOf, unknownLineage } from './lineage.js';
import { windowConditions } from './queries.js';
import { partitionBounds } from './relations.js';
import { nullTestSkips, operatorSkips, subscriptSkips } from './skipped-parts.js';
import type { Level } from './sources.js';
import { onlyComputes, type Trace } from './trace.js';

/** What they give is a place among rows. With arguments it is the place where those would stand. */
const PLACING: ReadonlySet<string> = new Set(['row_number', 'rank', 'dense_rank', 'percent_rank', 'cume_dist']);
/** Of PostgreSQL's own plain functions: those that show what other sessions said. */
const TELLING: ReadonlySet<string> = new Set([
  // The text that runs holds the values of tokens.
  'current_query',
  'pg_cursor',
  'pg_stat_get_activity',
  'pg_stat_get_backend_activity',
  'pg_stat_get_progress_info',
  'pg_mcv_list_items',
  // Sorts and cursors that do not fit into memory say how much they hold.
  'pg_stat_get_db_temp_bytes',
  'pg_stat_get_db_temp_files',
  'pg_get_backend_memory_contexts',
  'pg_lock_status',
  'pg_get_process_memory_contexts',
]);
/** Settings whose values are numbers or few words. */
const BOUND =
  /^(transaction_.*|default_transaction_.*|server_.*|max_.*|.*_timeout|.*_mem|standard_conforming_strings|integer_datetimes|client_encoding|is_superuser|datestyle)$/;

/** The value of a setting is any text that code of the database likes, or may be. */
export function isFree(setting: string): boolean {
  return setting.includes('.') || !BOUND.test(setting.toLowerCase());
}

/** What they show of settings, code of the database may have put there. */
const SETTINGS: ReadonlySet<string> = new Set(['current_setting', 'pg_show_all_settings']);
/** Classes whose functions hand their arguments on to a place from which somebody else may read them. */
const KEEPING: ReadonlySet<string> = new Set([
  'lock',
  'sequence',
  'settings',
  'notify',
  'network',
  'large_object',
  'file',
  'program',
  'admin',
  'dynamic_sql',
  'user',
]);
/** Of PostgreSQL's own plain functions: those that keep what they are given; `random()` tells of its seed. */
const SEEDING: ReadonlySet<string> = new Set(['setseed']);
/** Casts to these change nothing of a value. */
const SAME_TEXT: ReadonlySet<string> = new Set(['text', 'varchar']);

const CONSTANT: ReadonlySet<string> = new Set(['A_Const', 'ParamRef', 'SetToDefault', 'SQLValueFunction', 'CurrentOfExpr', 'GroupingFunc', 'TypeName']);
const QUERIES: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

export function valueLineage(trace: Trace, node: unknown, level: Level): Lineage {
  const found = tagged(node);
  if (found === null) {
    // A list, a struct without a tag, or a plain value.
    if (Array.isArray(node)) return derived(...node.map((each: unknown) => trace.value(each, level)));
    return isTree(node) ? derived(trace.inside(node, level, [])) : NOTHING;
  }
  const { tag, node: fields } = found;
  if (CONSTANT.has(tag)) return NOTHING;
  if (QUERIES.has(tag)) return derived(...trace.query(node, level).map(({ lineage }) => lineage));
  switch (tag) {
    case 'ColumnRef':
      return column(trace, fields, level);
    case 'SubLink':
      return subquery(trace, fields, level);
    case 'FuncCall':
      return call(trace, fields, level);
    case 'A_Expr':
      return operator(trace, fields, level);
    case 'CaseExpr':
      return choice(trace, fields, level);
    case 'CoalesceExpr':
      return firstPresent(trace, fields, level);
    case 'BoolExpr':
      return connected(trace, fields, level);
    case 'JsonArrayAgg':
    case 'JsonObjectAgg':
      return jsonAggregate(trace, tag, fields, level);
    case 'TypeCast':
      return cast(trace, fields, level);
    case 'CollateClause':
      // Under a collation that somebody made, values may be equal that are not.
      return derived(trace.value(field(fields, 'arg'), level));
    case 'NamedArgExpr':
      return trace.value(field(fields, 'arg'), level);
    case 'NullTest':
      // Whether a column has a value is not the value; whether an expression has one can be made to tell.
      nullTestSkips(trace, fields, level, presence);
      return presence(trace.value(field(fields, 'arg'), level));
    case 'A_Indirection':
      return selected(trace, fields, level);
    default: {
      const inside = derived(trace.inside(fields, level, []));
      nodeFails(trace, tag, fields, inside, level);
      return inside;
    }
  }
}

function column(trace: Trace, node: Tree, level: Level): Lineage {
  const fields = list(node, 'fields');
  const names = strings(fields);
  if (as(fields.at(-1), 'A_Star') === null) {
    const found = level.resolve(names);
    if (names.length > 1 && !level.has(names)) attributeFails(trace, names.at(-1) ?? '', found);
    return found;
  }
  const columns = names.length === 0 ? level.shown() : level.star(names.at(-1) ?? '');
  return derived(...columns.map(({ lineage }) => lineage));
}

/** COALESCE: what stands behind a value is only worked out where that is NULL. */
function firstPresent(trace: Trace, node: Tree, level: Level): Lineage {
  const values = list(node, 'args').map((each) => trace.value(each, level));
  for (const each of values.slice(0, -1)) trace.condition('other', presence(each));
  return oneOf(...values);
}

/** AND, OR and NOT as a value: what stands behind a part that decides is not worked out, and that shows where it would fail or do something. */
function connected(trace: Trace, node: Tree, level: Level): Lineage {
  const values = list(node, 'args').map((each) => trace.value(each, level));
  if (values.length > 1) trace.condition('other', derived(...values));
  return derived(...values);
}

/** JSON_ARRAYAGG and JSON_OBJECTAGG: their FILTER, ORDER BY and OVER decide like those of any aggregate. */
function jsonAggregate(trace: Trace, tag: string, node: Tree, level: Level): Lineage {
  const how = struct(node, 'constructor') ?? {};
  condition(trace, field(how, 'agg_filter'), level);
  for (const item of list(how, 'agg_order')) {
    const by = trace.value(field(as(item, 'SortBy') ?? {}, 'node'), level);
    trace.condition('order', by);
    spells(item, by, level);
  }
  const over = struct(how, 'over');
  if (over !== null) windowConditions(trace, over, level);
  const inside = derived(trace.inside(node, level, []));
  jsonAggregateFails(trace, tag, node, level, inside);
  return inside;
}

/** What is told by saying whether there is a value: of a column as it is, nothing. */
function presence(lineage: Lineage): Lineage {
  return lineage.exact && lineage.unknown === null ? NOTHING : derived(lineage);
}

/** `(a).b`, `a[1]`: `b` may be a function that is called with `a`. */
function selected(trace: Trace, node: Tree, level: Level): Lineage {
  const whole = derived(trace.inside(node, level, []));
  const names = strings(list(node, 'indirection'));
  selectionFails(trace, node, whole, level);
  subscriptSkips(trace, node, level, presence);
  if (names.some(givesSet)) decidesRows(trace, whole, level);
  const called = names.filter((name) => {
    const found = trace.context.catalog?.functions(null, name) ?? [];
    return dangerousClass(name) !== null || TELLING.has(name) || found.some((each) => !onlyComputes(each));
  });
  if (called.length === 0) return whole;
  trace.foreign = true;
  const unknown = derived(whole, unknownLineage(`what ${called.join(', ')} gives is not known`));
  trace.flow({ relation: null, column: null, what: `a call of ${called.join(', ')}`, lineage: whole });
  return unknown;
}

function subquery(trace: Trace, node: Tree, level: Level): Lineage {
  const shown = trace.query(field(node, 'subselect'), level);
  const columns = shown.map(({ lineage }) => lineage);
  const tested = field(node, 'testexpr') === undefined ? NOTHING : trace.value(field(node, 'testexpr'), level);
  switch (text(node, 'subLinkType')) {
    case 'EXISTS_SUBLINK':
      // Where its conditions or the number of its rows spell a column out, the levels around it know.
      return NOTHING;
    case 'EXPR_SUBLINK':
      return columns.length === 1 ? (columns[0] ?? NOTHING) : derived(...columns);
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK': {
      // The subquery ends at the first row that answers it, and what its other rows would do is not done.
      const all = derived(tested, ...columns);
      trace.condition('other', all);
      return all;
    }
    default:
      if (text(node, 'subLinkType') === 'ARRAY_SUBLINK') arrayFails(trace, shown[0]?.type ?? null, derived(...columns));
      return derived(tested, ...columns);
  }
}

function call(trace: Trace, node: Tree, level: Level): Lineage {
  const [schema, name] = qualified(strings(list(node, 'funcname')));
  const args = list(node, 'args').map((each) => trace.value(each, level));
  callFails(trace, node, args, level);
  const filter = field(node, 'agg_filter');
  condition(trace, filter, level);
  const filtered = filter === undefined ? NOTHING : trace.value(filter, level);
  const order = list(node, 'agg_order').map((item) => trace.value(field(as(item, 'SortBy') ?? {}, 'node'), level));
  for (const each of order) {
    trace.condition('order', each);
    spells(field(node, 'agg_order'), each, level);
  }
  const distinct = flag(node, 'agg_distinct');
  if (distinct) for (const [index, each] of args.entries()) groups(trace, list(node, 'args')[index], each, level);
  const over = struct(node, 'over');
  if (over !== null) windowConditions(trace, over, level);
  const kind = functionClass(schema, name ?? '');
  const namesakes = schema === 'pg_catalog' ? [] : (trace.context.catalog?.functions(null, name ?? '') ?? []);
  const shadowed = namesakes.some((each) => !onlyComputes(each));
  const given = derived(...args, filtered, name === 'pg_get_partition_constraintdef' ? partitionBounds(trace.context.catalog) : NOTHING);
  if (givesSet(name ?? '') || namesakes.some(({ returnsSet }) => returnsSet)) decidesRows(trace, given, level);
  const computes = (kind === 'plain' && !shadowed && !TELLING.has(name ?? '')) || (kind === 'user' && namesakes.length > 0 && !shadowed);
  if (!computes) trace.foreign = true;
  if (SEEDING.has(name ?? '') || (!computes && (KEEPING.has(kind) || shadowed)))
    trace.flow({ relation: null, column: null, what: `a call of ${name ?? '?'}`, lineage: given });
  const [first] = list(node, 'args');
  const setting = struct(as(first, 'A_Const') ?? {}, 'sval');
  if (computes && trace.context.unseenRan && SETTINGS.has(name ?? '') && (setting === null || isFree(text(setting, 'sval') ?? '')))
    return unknownLineage('code of the database may have set it');
  if (computes) {
    // It counts, and does not tell what: but whether an expression has a value can.
    if (name === 'count')
      return derived(...args.map((each) => (distinct && each.mixed === true ? derived(each) : presence(each))), filtered, ...(args.length > 0 ? order : []));
    if (PLACING.has(name ?? '') && args.length === 0) return filtered;
    // WITHIN GROUP gives what it orders by; a window or an ordered aggregate gives its arguments.
    return derived(given, ...order);
  }
  if (!shadowed && (kind === 'sleep' || kind === 'lock' || kind === 'sequence' || kind === 'settings')) {
    // They act by what they are given; setval and set_config give it back.
    trace.condition('other', given);
    return given;
  }
  return derived(given, unknownLineage(`what ${name ?? 'a function'} gives is not known`));
}

/** `pg_get_expr(relpartbound, oid) = 'DEFAULT'`, as psql orders partitions: it tells which is the default one, and nothing of bounds, which begin with FOR. */
function comparesBound(trace: Trace, node: Tree): boolean {
  const code = as(field(node, 'lexpr'), 'FuncCall') ?? {};
  const [first] = list(code, 'args');
  const [, called] = qualified(strings(list(code, 'funcname')));
  if (called !== 'pg_get_expr' || strings(list(as(first, 'ColumnRef') ?? {}, 'fields')).at(-1) !== 'relpartbound') return false;
  trace.literalSensitive = true;
  const constant = struct(as(field(node, 'rexpr'), 'A_Const') ?? {}, 'sval');
  return constant !== null && text(constant, 'sval') === 'DEFAULT' && trace.context.catalog?.functions(null, called).length === 0;
}

function operator(trace: Trace, node: Tree, level: Level): Lineage {
  const names = strings(list(node, 'name'));
  const sides = [field(node, 'lexpr'), field(node, 'rexpr')].map((side) => (side === undefined ? NOTHING : trace.value(side, level)));
  operatorFails(trace, node, sides, level);
  operatorSkips(trace, node, sides);
  const [schema, name] = qualified(names);
  const own = schema !== 'pg_catalog' && trace.foreignOperator(null, name ?? '');
  if (own) trace.foreign = true;
  if (!own && name === '=' && comparesBound(trace, node)) return NOTHING;
  return own ? derived(...sides, unknownLineage(`operator ${name ?? ''} is not PostgreSQL's own`)) : derived(...sides);
}

/** CASE: one of the results, and the conditions show in which one it is. */
function choice(trace: Trace, node: Tree, level: Level): Lineage {
  const tested = field(node, 'arg') === undefined ? NOTHING : trace.value(field(node, 'arg'), level);
  const results: Lineage[] = [];
  const conditions: Lineage[] = [tested];
  for (const item of list(node, 'args')) {
    const when = as(item, 'CaseWhen') ?? {};
    conditions.push(trace.value(field(when, 'expr'), level));
    results.push(trace.value(field(when, 'result'), level));
  }
  if (field(node, 'defresult') !== undefined) results.push(trace.value(field(node, 'defresult'), level));
  const deciding = derived(...conditions);
  trace.condition('other', deciding);
  const result = oneOf(...results);
  return deciding.columns.size === 0 && deciding.unknown === null ? result : derived(result, deciding);
}

function cast(trace: Trace, node: Tree, level: Level): Lineage {
  const value = trace.value(field(node, 'arg'), level);
  castFails(trace, node, value, level);
  const type = struct(node, 'typeName') ?? {};
  const [schema, name] = qualified(strings(list(type, 'names')));
  if (trace.context.catalog?.conversions(schema, name ?? '').some((each) => !onlyComputes(each)) === true) {
    trace.foreign = true;
    return derived(value, unknownLineage(`converting to ${name ?? ''} may run code of the database`));
  }
  const plain = SAME_TEXT.has(strings(list(type, 'names')).at(-1) ?? '') && list(type, 'typmods').length === 0 && list(type, 'arrayBounds').length === 0;
  return plain ? value : derived(value);
}
