/**
 * Queries: SELECT and VALUES, with FROM, common table expressions and locking clauses. Data-modifying statements are in `modification.ts`;
 * both may hold the other at any depth, and are reached through the walk.
 */
import { type EffectFacts, NO_FACTS } from './effect-sink.js';
import { called } from './expressions.js';
import { RelationUse, Scope } from './scope.js';
import { as, field, flag, list, qualified, relationName, strings, struct, type Tree, tagged, text } from './tree.js';
import type { Handlers, Walk } from './walk.js';

export const QUERIES: Handlers = {
  SelectStmt: select,
};

const SELECT_CLAUSES = [
  'distinctClause',
  'targetList',
  'whereClause',
  'groupClause',
  'havingClause',
  'windowClause',
  'valuesLists',
  'sortClause',
  'limitOffset',
  'limitCount',
];
const SELECT_DONE = [...SELECT_CLAUSES, 'withClause', 'fromClause', 'intoClause', 'larg', 'rarg', 'lockingClause'];

function select(walk: Walk, node: Tree, outer: Scope): void {
  const tables = withTables(walk, struct(node, 'withClause'), outer);
  const level = new Scope(tables);
  const locking = list(node, 'lockingClause').map((clause) => as(clause, 'LockingClause'));
  level.locksAll = locking.some((clause) => clause !== null && list(clause, 'lockedRels').length === 0);
  for (const side of ['larg', 'rarg']) {
    const half = struct(node, side);
    if (half !== null) select(walk, half, lockingScope(tables, level));
  }
  for (const item of list(node, 'fromClause')) fromItem(walk, item, level);
  for (const clause of locking) if (clause !== null) lockNamed(level, list(clause, 'lockedRels'));
  fixColumns(node, level);
  for (const clause of SELECT_CLAUSES) walk.visit(field(node, clause), level);
  const into = struct(node, 'intoClause');
  if (into !== null) intoTable(walk, into, outer);
  walk.fields('SelectStmt', node, level, SELECT_DONE);
  const limit = field(node, 'limitCount') === undefined ? null : walk.literals.limit(field(node, 'limitCount'));
  finish(walk, level, limit === null ? NO_FACTS : { limit });
}

/**
 * `set_config(name, …) FROM pg_settings WHERE name = 'x'`, as pg_dump has it, changes x and nothing else: the condition makes the column a
 * constant, whatever relation the name means.
 */
function fixColumns(node: Tree, level: Scope): void {
  const from = list(node, 'fromClause');
  const range = from.length === 1 ? as(from[0], 'RangeVar') : null;
  if (range === null || text(range, 'relname') !== 'pg_settings' || struct(range, 'alias') !== null) return;
  const where = field(node, 'whereClause');
  const all = as(where, 'BoolExpr');
  const conditions = all === null ? [where] : text(all, 'boolop') === 'AND_EXPR' ? list(all, 'args') : [];
  for (const condition of conditions) {
    const comparison = as(condition, 'A_Expr') ?? {};
    const column = strings(list(as(field(comparison, 'lexpr'), 'ColumnRef') ?? {}, 'fields'));
    const value = field(comparison, 'rexpr');
    const equals = text(comparison, 'kind') === 'AEXPR_OP' && strings(list(comparison, 'name')).join('.') === '=';
    if (equals && column.length === 1 && as(value, 'A_Const') !== null) level.fixed.set(column[0] ?? '', value);
  }
}

/** SELECT … INTO, and the table of CREATE TABLE AS. */
function intoTable(walk: Walk, into: Tree, scope: Scope): void {
  const relation = struct(into, 'rel');
  if (relation !== null) walk.sink.add('create', 'relation', relationName(relation), { object: 'table', into: true });
  walk.fields('IntoClause', into, scope, ['rel']);
}

/** The scope inside a WITH: each query sees the names before it, or all of them under RECURSIVE. */
export function withTables(walk: Walk, clause: Tree | null, outer: Scope): Scope {
  if (clause === null) return outer;
  const scope = new Scope(outer);
  const tables = list(clause, 'ctes').map((item) => as(item, 'CommonTableExpr'));
  if (flag(clause, 'recursive')) {
    for (const table of tables) if (table !== null) scope.defineTable(text(table, 'ctename') ?? '');
  }
  for (const table of tables) {
    if (table === null) {
      walk.sink.unknown('a WITH clause of an unknown form');
      continue;
    }
    walk.fields('CommonTableExpr', table, scope);
    scope.defineTable(text(table, 'ctename') ?? '');
  }
  return scope;
}

/** One item of FROM or USING: adds its sources to the level and walks what it holds. */
export function fromItem(walk: Walk, item: unknown, level: Scope): void {
  const found = tagged(item);
  if (found === null) {
    walk.sink.unknown('a FROM clause of an unknown form');
    return;
  }
  const { tag, node } = found;
  switch (tag) {
    case 'RangeVar':
      relation(node, level);
      return;
    case 'JoinExpr':
      join(walk, node, level);
      return;
    case 'RangeSubselect':
      walk.visit(field(node, 'subquery'), flag(node, 'lateral') ? level : lockingScope(level.parent, level));
      addAlias(node, level);
      return;
    case 'RangeTableSample': {
      fromItem(walk, field(node, 'relation'), level);
      const [schema, method] = qualified(strings(list(node, 'method')));
      if (method !== 'system' && method !== 'bernoulli') called(walk, schema, method ?? '');
      walk.fields(tag, node, level, ['relation', 'method']);
      return;
    }
    case 'RangeFunction':
    case 'RangeTableFunc':
    case 'JsonTable':
      walk.fields(tag, node, level, ['alias']);
      addAlias(node, level);
      return;
    default:
      walk.sink.unknown(`a FROM clause of an unknown kind (${tag})`);
  }
}

/** What a subquery that does not see the level inherits from it: nothing but its locks. */
function lockingScope(parent: Scope | null, level: Scope): Scope {
  const scope = new Scope(parent);
  scope.locksAll = level.locksAll;
  return scope;
}

function relation(node: Tree, level: Scope): void {
  const [schema, name] = relationName(node);
  const alias = struct(node, 'alias');
  const known = (alias === null ? null : text(alias, 'aliasname')) ?? name;
  const isTable = schema === null && level.isDefined(name);
  level.sources.push({ alias: known, use: isTable ? null : new RelationUse(schema, name), renamed: alias !== null && list(alias, 'colnames').length > 0 });
}

function addAlias(node: Tree, level: Scope): void {
  const alias = struct(node, 'alias');
  level.sources.push({ alias: alias === null ? null : text(alias, 'aliasname'), use: null, renamed: false });
}

function join(walk: Walk, node: Tree, level: Scope): void {
  const first = level.sources.length;
  fromItem(walk, field(node, 'larg'), level);
  fromItem(walk, field(node, 'rarg'), level);
  if (flag(node, 'isNatural')) level.widen(first);
  // USING and NATURAL compare by an operator of this name.
  if (flag(node, 'isNatural') || list(node, 'usingClause').length > 0) walk.sink.usesOperator('=');
  for (const column of strings(list(node, 'usingClause'))) level.shared(column);
  walk.visit(field(node, 'quals'), level);
  const alias = struct(node, 'alias');
  // Behind an alias of the whole join, columns may go by other names; a reference through the alias is unresolved and widens by itself.
  if (alias !== null && list(alias, 'colnames').length > 0) level.widen(first);
  walk.fields('JoinExpr', node, level, ['larg', 'rarg', 'usingClause', 'quals', 'alias', 'join_using_alias']);
}

function lockNamed(level: Scope, relations: readonly unknown[]): void {
  for (const item of relations) {
    const named = as(item, 'RangeVar');
    const name = named === null ? null : text(named, 'relname');
    const matching = level.sources.filter((source) => source.alias === name);
    for (const source of matching) if (source.use !== null) source.use.locked = true;
  }
}

/** Emits a read for each relation of the level. */
export function finish(walk: Walk, level: Scope, facts: EffectFacts): void {
  for (const { use } of level.sources) {
    if (use === null) continue;
    const locked = use.locked || level.isLocked();
    walk.sink.add('select', 'relation', [use.schema, use.name], locked ? { ...facts, for_update: true } : facts, use.columns);
  }
}
