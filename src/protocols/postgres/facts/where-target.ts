/**
 * The rows that a WHERE chooses from, and what stands beside them: which names certainly mean the target's columns, which relations it may
 * be tied to, and which row sources are bounded by the statement itself (a VALUES list, an array parameter).
 */
import { as, field, list, relationName, strings, struct, type Tree, text } from './tree.js';
import { isFixed, type WhereTarget } from './where-terms.js';

/** More row sources than these prove nothing. */
const SIBLINGS_LIMIT = 16;

/** `beside`: the other row sources of the statement; `isTable`: whether a name means a common table expression there. */
export function targetOf(range: Tree, beside: readonly unknown[], isTable: (name: string) => boolean): WhereTarget {
  const target = relationTarget(range, beside.length === 0, isTable);
  const siblings: WhereTarget[] = [];
  const bounded: string[] = [];
  for (const source of beside.slice(0, SIBLINGS_LIMIT)) {
    const rows = boundedAlias(source);
    if (rows !== null) bounded.push(rows);
    const other = as(source, 'RangeVar');
    if (other === null) continue;
    const sibling = relationTarget(other, false, isTable);
    const alias = struct(other, 'alias');
    if (!sibling.shadowed && (alias === null || list(alias, 'colnames').length === 0)) siblings.push(sibling);
  }
  return { ...target, siblings, bounded };
}

/** The target of a statement or the one relation of a subquery, without what stands beside it. */
export function relationTarget(range: Tree, alone: boolean, isTable: (name: string) => boolean): WhereTarget {
  const [schema, name] = relationName(range);
  const alias = struct(range, 'alias');
  return {
    schema,
    name,
    alias: (alias === null ? null : text(alias, 'aliasname')) ?? name,
    alone,
    shadowed: schema === null && isTable(name),
    siblings: [],
    bounded: [],
  };
}

/** The alias of `(VALUES …) AS alias` or `unnest(…) AS alias` when no row of it comes from a relation. */
function boundedAlias(source: unknown): string | null {
  const subselect = as(source, 'RangeSubselect');
  const call = as(source, 'RangeFunction');
  const alias = struct(subselect ?? call ?? {}, 'alias');
  if (alias === null) return null;
  const fixed = subselect !== null ? isValuesList(field(subselect, 'subquery')) : call !== null && isUnnest(list(call, 'functions'));
  return fixed ? text(alias, 'aliasname') : null;
}

function isValuesList(query: unknown): boolean {
  const select = as(query, 'SelectStmt');
  return select !== null && list(select, 'valuesLists').length > 0 && isFixed(list(select, 'valuesLists')) && field(select, 'withClause') === undefined;
}

function isUnnest(functions: readonly unknown[]): boolean {
  const entry = functions.length === 1 ? as(functions[0], 'List') : null;
  const call = entry === null ? null : as(list(entry, 'items')[0], 'FuncCall');
  const name = call === null ? [] : strings(list(call, 'funcname'));
  return call !== null && (name.join('.') === 'unnest' || name.join('.') === 'pg_catalog.unnest') && isFixed(list(call, 'args'));
}
