/**
 * INSERT, UPDATE, DELETE and MERGE, wherever they stand: alone, in a WITH, in EXPLAIN ANALYZE, in COPY, under PREPARE. The written relation is
 * one effect for each kind of write; if columns of it are read as well (in WHERE, in SET, by RETURNING), that is a read like any other.
 */
import type { EffectFacts } from './effect-sink.js';
import { finish, fromItem, withTables } from './query.js';
import { RelationUse, Scope } from './scope.js';
import { as, field, list, relationName, struct, type Tree, text } from './tree.js';
import type { Handlers, Walk } from './walk.js';
import { type WhereEffect, whereEffect } from './where-effect.js';
import { targetOf } from './where-target.js';

export const MODIFICATIONS: Handlers = {
  InsertStmt: insert,
  UpdateStmt: update,
  DeleteStmt: remove,
  MergeStmt: merge,
};

interface Target {
  readonly name: [string | null, string];
  readonly range: Tree;
  readonly use: RelationUse;
  readonly level: Scope;
}

/** The target and a level in which its columns are known. */
function openTarget(walk: Walk, node: Tree, tables: Scope): Target {
  const range = struct(node, 'relation') ?? {};
  const name = relationName(range);
  if (name[1] === '') walk.sink.unknown('a statement whose target is not known');
  const use = new RelationUse(name[0], name[1]);
  const level = new Scope(tables);
  const alias = struct(range, 'alias');
  level.sources.push({ alias: (alias === null ? null : text(alias, 'aliasname')) ?? name[1], use, renamed: false });
  return { name, range, use, level };
}

/** RETURNING, then the reads: those of the target only if there were any. */
function close(walk: Walk, node: Tree, target: Target): void {
  const returning = struct(node, 'returningClause');
  if (returning !== null) {
    for (const alias of ['old', 'new', ...list(returning, 'options').map((option) => text(as(option, 'ReturningOption') ?? {}, 'value') ?? 'old')]) {
      target.level.sources.push({ alias, use: target.use, renamed: false });
    }
    walk.fields('ReturningClause', returning, target.level);
  }
  const { sources } = target.level;
  const read = sources.filter((source, i) => source.use !== target.use || (i === 0 && target.use.touched));
  sources.splice(0, sources.length, ...read);
  finish(walk, target.level, {});
}

function returns(node: Tree): EffectFacts {
  return struct(node, 'returningClause') === null ? {} : { returning: true };
}

function columnsOf(targets: readonly unknown[]): readonly string[] | null {
  const names = targets.map((item) => text(as(item, 'ResTarget') ?? {}, 'name'));
  return names.includes(null) || names.length === 0 ? null : names.filter((name) => name !== null);
}

function isTableIn(scope: Scope): (name: string) => boolean {
  return (name) => scope.isDefined(name);
}

function insert(walk: Walk, node: Tree, outer: Scope): void {
  const tables = withTables(walk, struct(node, 'withClause'), outer);
  const target = openTarget(walk, node, tables);
  const conflict = struct(node, 'onConflictClause');
  const updates = conflict !== null && text(conflict, 'action') === 'ONCONFLICT_UPDATE';
  walk.sink.add(
    'insert',
    'relation',
    target.name,
    { ...returns(node), ...(conflict === null ? {} : { on_conflict: updates ? 'update' : 'nothing' }) },
    columnsOf(list(node, 'cols')),
  );
  walk.visit(field(node, 'selectStmt'), tables);
  walk.visit(field(node, 'cols'), tables);
  if (conflict !== null) {
    if (updates) walk.sink.add('update', 'relation', target.name, { where: boundedByValues(node), ...returns(node) }, columnsOf(list(conflict, 'targetList')));
    target.level.sources.push({ alias: 'excluded', use: null, renamed: false });
    walk.fields('OnConflictClause', conflict, target.level);
  }
  walk.fields('InsertStmt', node, tables, ['relation', 'withClause', 'selectStmt', 'cols', 'onConflictClause', 'returningClause']);
  close(walk, node, target);
}

/** ON CONFLICT DO UPDATE touches one row for each row offered: as few as a VALUES list says, or as many as a query finds. */
function boundedByValues(node: Tree): WhereEffect {
  const source = as(field(node, 'selectStmt'), 'SelectStmt');
  return source === null || list(source, 'valuesLists').length > 0 ? 'effective' : 'unknown';
}

function update(walk: Walk, node: Tree, outer: Scope): void {
  const tables = withTables(walk, struct(node, 'withClause'), outer);
  const target = openTarget(walk, node, tables);
  const from = list(node, 'fromClause');
  const where = whereEffect(field(node, 'whereClause'), targetOf(target.range, from, isTableIn(tables)), walk.literals);
  walk.sink.add('update', 'relation', target.name, { where, ...returns(node) }, columnsOf(list(node, 'targetList')));
  if (target.name[1] === 'pg_settings') walk.sink.unknown('settings changed through pg_settings');
  for (const item of from) fromItem(walk, item, target.level);
  walk.fields('UpdateStmt', node, target.level, ['relation', 'withClause', 'fromClause', 'returningClause']);
  close(walk, node, target);
}

function remove(walk: Walk, node: Tree, outer: Scope): void {
  const tables = withTables(walk, struct(node, 'withClause'), outer);
  const target = openTarget(walk, node, tables);
  const using = list(node, 'usingClause');
  const where = whereEffect(field(node, 'whereClause'), targetOf(target.range, using, isTableIn(tables)), walk.literals);
  walk.sink.add('delete', 'relation', target.name, { where, ...returns(node) });
  for (const item of using) fromItem(walk, item, target.level);
  walk.fields('DeleteStmt', node, target.level, ['relation', 'withClause', 'usingClause', 'returningClause']);
  close(walk, node, target);
}

function merge(walk: Walk, node: Tree, outer: Scope): void {
  const tables = withTables(walk, struct(node, 'withClause'), outer);
  const target = openTarget(walk, node, tables);
  const source = field(node, 'sourceRelation');
  const rows = targetOf(target.range, [source], isTableIn(tables));
  const join = field(node, 'joinCondition');
  walk.sink.add('merge', 'relation', target.name, { where: whereEffect(join, rows, walk.literals), ...returns(node) });
  fromItem(walk, source, target.level);
  walk.visit(join, target.level);
  for (const item of list(node, 'mergeWhenClauses')) {
    const clause = as(item, 'MergeWhenClause');
    if (clause === null) {
      walk.sink.unknown('a MERGE clause of an unknown form');
      continue;
    }
    const condition = field(clause, 'condition');
    const unmatched = text(clause, 'matchKind') === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE';
    const chosen = unmatched ? condition : { BoolExpr: { boolop: 'AND_EXPR', args: condition === undefined ? [join] : [join, condition] } };
    const where = whereEffect(chosen, rows, walk.literals);
    mergeWrite(walk, clause, target, where);
    walk.fields('MergeWhenClause', clause, target.level);
  }
  walk.fields('MergeStmt', node, target.level, ['relation', 'withClause', 'sourceRelation', 'joinCondition', 'mergeWhenClauses', 'returningClause']);
  close(walk, node, target);
}

function mergeWrite(walk: Walk, clause: Tree, target: Target, where: WhereEffect): void {
  const columns = columnsOf(list(clause, 'targetList'));
  switch (text(clause, 'commandType')) {
    case 'CMD_UPDATE':
      walk.sink.add('update', 'relation', target.name, { where }, columns);
      return;
    case 'CMD_DELETE':
      walk.sink.add('delete', 'relation', target.name, { where });
      return;
    case 'CMD_INSERT':
      walk.sink.add('insert', 'relation', target.name, {}, columns);
      return;
    case 'CMD_NOTHING':
      return;
    default:
      walk.sink.unknown('a MERGE clause of an unknown kind');
  }
}
