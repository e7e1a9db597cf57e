/**
 * INSERT, UPDATE, DELETE and MERGE: what RETURNING shows, which columns decide, and what flows from one column into another. A value that
 * flows into a column without its tag would be shown there tomorrow, so flows are reported and masking decides.
 */
import { as, field, list, relationName, strings, struct, type Tree, text } from '../facts/tree.js';
import { condition } from './conditions.js';
import { derived, isNothing, type Lineage, NOTHING, oneOf, unknownLineage } from './lineage.js';
import { fromItem, targetColumns, withTables } from './queries.js';
import { relationColumns } from './relations.js';
import { Level, type Output, output, rowsOf } from './sources.js';
import type { Trace } from './trace.js';

interface Target {
  readonly schema: string | null;
  readonly name: string;
  readonly columns: readonly Output[];
  readonly level: Level;
}

function openTarget(trace: Trace, node: Tree, tables: Level): Target {
  const range = struct(node, 'relation') ?? {};
  const [schema, name] = relationName(range);
  const columns = relationColumns(trace, schema, name) ?? [output(null, unknownLineage(`${name} is not in the catalog`), true)];
  const level = new Level(tables);
  const alias = struct(range, 'alias');
  level.sources.push({ alias: (alias === null ? null : text(alias, 'aliasname')) ?? name, columns });
  level.show(columns);
  level.spell(rowsOf(columns));
  return { schema, name, columns, level };
}

function flow(trace: Trace, target: Target, column: string | null, lineage: Lineage): void {
  const { schema, name } = target;
  const [{ lineage: whole } = output(column, lineage)] = target.level.spelling([output(column, lineage)]);
  trace.flow({
    relation: { schema, name },
    column,
    what: `${schema === null ? '' : `${schema}.`}${name}${column === null ? '' : `.${column}`}`,
    lineage: whole,
  });
}

function returning(trace: Trace, node: Tree, target: Target): readonly Output[] {
  const clause = struct(node, 'returningClause');
  if (clause === null) return [];
  const named = list(clause, 'options').map((option) => text(as(option, 'ReturningOption') ?? {}, 'value') ?? 'old');
  for (const alias of ['old', 'new', ...named]) target.level.sources.push({ alias, columns: target.columns });
  const columns = list(clause, 'exprs').flatMap((item) => targetColumns(trace, as(item, 'ResTarget') ?? {}, target.level));
  return target.level.spelling(columns);
}

/** SET of an UPDATE, ON CONFLICT or MERGE. */
function assignments(trace: Trace, items: readonly unknown[], target: Target): void {
  for (const item of items) {
    const entry = as(item, 'ResTarget') ?? {};
    place(trace, entry, target, target.level);
    flow(trace, target, text(entry, 'name'), assigned(trace, field(entry, 'val'), target.level));
  }
}

/** `SET a[b] = …`: the place of an element tells of what it was worked out from, and so do places that there cannot be. */
function place(trace: Trace, entry: Tree, target: Target, level: Level): void {
  const subscripts = trace.value(list(entry, 'indirection'), level);
  trace.fails('a subscript', subscripts);
  if (!isNothing(subscripts)) flow(trace, target, text(entry, 'name'), subscripts);
}

/** `(a, b) = (SELECT …)`: any of the columns may take any of the values. */
function assigned(trace: Trace, value: unknown, level: Level): Lineage {
  const several = as(value, 'MultiAssignRef');
  if (several === null) return trace.value(value, level);
  return derived(trace.value(field(several, 'source'), level));
}

export function insertColumns(trace: Trace, node: Tree, outer: Level): readonly Output[] {
  const tables = withTables(trace, struct(node, 'withClause'), outer);
  const target = openTarget(trace, node, tables);
  for (const item of list(node, 'cols')) place(trace, as(item, 'ResTarget') ?? {}, target, tables);
  const named = list(node, 'cols').map((item) => text(as(item, 'ResTarget') ?? {}, 'name'));
  const into = named.length > 0 ? named : target.columns.map(({ name, many }) => (many ? null : name));
  const given = field(node, 'selectStmt') === undefined ? [] : trace.query(field(node, 'selectStmt'), tables);
  target.level.spell(rowsOf(given));
  const lost = given.some(({ many }) => many) || (named.length === 0 && target.columns.some(({ many }) => many));
  for (const [index, { lineage }] of given.entries()) flow(trace, target, lost ? null : (into[index] ?? null), lineage);
  const conflict = struct(node, 'onConflictClause');
  if (conflict !== null) {
    const excluded = target.columns.map(({ name, lineage, many }, index) => {
      const at = named.length > 0 ? named.indexOf(name) : index;
      return output(name, lost ? derived(lineage, ...given.map((each) => each.lineage)) : oneOf(lineage, given[at]?.lineage ?? NOTHING), many);
    });
    target.level.sources.push({ alias: 'excluded', columns: excluded });
    assignments(trace, list(conflict, 'targetList'), target);
    condition(trace, field(conflict, 'whereClause'), target.level);
    // Which rows collide is told by the command tag.
    const infer = struct(conflict, 'infer');
    if (infer !== null) for (const item of list(infer, 'indexElems')) trace.condition('equality', trace.value(item, target.level));
  }
  return returning(trace, node, target);
}

export function updateColumns(trace: Trace, node: Tree, outer: Level): readonly Output[] {
  const tables = withTables(trace, struct(node, 'withClause'), outer);
  const target = openTarget(trace, node, tables);
  for (const item of list(node, 'fromClause')) target.level.show(fromItem(trace, item, target.level));
  condition(trace, field(node, 'whereClause'), target.level);
  assignments(trace, list(node, 'targetList'), target);
  return returning(trace, node, target);
}

export function deleteColumns(trace: Trace, node: Tree, outer: Level): readonly Output[] {
  const tables = withTables(trace, struct(node, 'withClause'), outer);
  const target = openTarget(trace, node, tables);
  for (const item of list(node, 'usingClause')) target.level.show(fromItem(trace, item, target.level));
  condition(trace, field(node, 'whereClause'), target.level);
  return returning(trace, node, target);
}

export function mergeColumns(trace: Trace, node: Tree, outer: Level): readonly Output[] {
  const tables = withTables(trace, struct(node, 'withClause'), outer);
  const target = openTarget(trace, node, tables);
  const shown = fromItem(trace, field(node, 'sourceRelation'), target.level);
  condition(trace, field(node, 'joinCondition'), target.level);
  for (const item of list(node, 'mergeWhenClauses')) {
    const clause = as(item, 'MergeWhenClause') ?? {};
    condition(trace, field(clause, 'condition'), target.level);
    const values = list(clause, 'values');
    if (values.length === 0) {
      assignments(trace, list(clause, 'targetList'), target);
      continue;
    }
    for (const each of list(clause, 'targetList')) place(trace, as(each, 'ResTarget') ?? {}, target, target.level);
    const named = strings([]).concat(list(clause, 'targetList').map((each) => text(as(each, 'ResTarget') ?? {}, 'name') ?? ''));
    const into = named.length > 0 ? named : target.columns.map(({ name, many }) => (many ? '' : (name ?? '')));
    for (const [index, value] of values.entries())
      flow(trace, target, (into[index] ?? '') === '' ? null : (into[index] ?? null), trace.value(value, target.level));
  }
  // RETURNING * of a MERGE shows the source first.
  const level = new Level(target.level);
  level.show([...shown, ...target.columns]);
  level.spell(target.level.spelled);
  return returning(trace, node, { ...target, level });
}
