/**
 * What a WHERE does to an UPDATE or DELETE: `none` (absent), `vacuous` (true for every row, nulls apart), `effective` (some AND-ed condition
 * holds a column of the target against something that does not come from the same row), `unknown` (not provable). The attack that this
 * stops is a condition written only to get past "no DELETE without WHERE". Proof of smallness is impossible in a text (`id > 0`), so
 * what really happens is counted elsewhere; here, whatever is in doubt is `unknown`, never `effective`.
 *
 * Pitfall: without the catalog an unqualified name in a subquery or beside a second relation may mean a column of another row source, so
 * such names prove nothing.
 */
import type { Literals } from './literals.js';
import { as, field, list, struct, type Tree, tagged, text } from './tree.js';
import { holdsBothBooleans, isComplementary } from './where-complement.js';
import { relationTarget } from './where-target.js';
import {
  bothConstant,
  boundedTie,
  columnOf,
  constantOnly,
  holdsParameter,
  isColumn,
  isFixed,
  isKey,
  isRangeKey,
  isTie,
  items,
  plainOperator,
  type WhereTarget,
} from './where-terms.js';

export type WhereEffect = 'none' | 'vacuous' | 'effective' | 'unknown';

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<', '>', '<=', '>=']);
const DEPTH_LIMIT = 200;

/** Judges the `whereClause` of a statement on `target`. */
export function whereEffect(where: unknown, target: WhereTarget, literals: Literals): WhereEffect {
  return where === undefined ? 'none' : judge(where, { target, literals }, 0);
}

interface Context {
  readonly target: WhereTarget;
  readonly literals: Literals;
}

function judge(node: unknown, context: Context, depth: number): WhereEffect {
  const found = tagged(node);
  if (found === null || depth > DEPTH_LIMIT) return 'unknown';
  switch (found.tag) {
    case 'A_Const':
      return 'vacuous';
    case 'BoolExpr':
      return judgeBoolean(found.node, context, depth);
    case 'A_Expr':
      return judgeComparison(found.node, context);
    case 'ColumnRef':
      return isColumn(node, context.target) ? 'effective' : 'unknown';
    case 'NullTest':
      return text(found.node, 'nulltesttype') === 'IS_NULL' && isColumn(field(found.node, 'arg'), context.target) ? 'effective' : constantOnly(found.node);
    case 'BooleanTest':
      return !(text(found.node, 'booltesttype') ?? '').startsWith('IS_NOT') && isColumn(field(found.node, 'arg'), context.target) ? 'effective' : 'unknown';
    case 'SubLink':
      return judgeSubquery(found.node, context, depth);
    case 'CurrentOfExpr':
      return 'effective';
    case 'TypeCast':
      return isFixed(field(found.node, 'arg')) && !holdsParameter(found.node) ? 'vacuous' : 'unknown';
    default:
      return 'unknown';
  }
}

function judgeBoolean(node: Tree, context: Context, depth: number): WhereEffect {
  const args = list(node, 'args');
  const kind = text(node, 'boolop');
  if (kind === 'NOT_EXPR') {
    const [only] = args;
    if (isColumn(only, context.target)) return 'effective';
    return as(only, 'A_Const') === null ? 'unknown' : 'vacuous';
  }
  const verdicts = args.map((arg) => judge(arg, context, depth + 1));
  if (kind === 'AND_EXPR') {
    if (verdicts.includes('effective') || throughSibling(args, context, depth)) return 'effective';
    return verdicts.every((verdict) => verdict === 'vacuous') ? 'vacuous' : 'unknown';
  }
  if (kind !== 'OR_EXPR') return 'unknown';
  if (verdicts.includes('vacuous')) return 'vacuous';
  if (isComplementary(args, context.target)) return 'unknown';
  return verdicts.every((verdict) => verdict === 'effective') ? 'effective' : 'unknown';
}

/** `t.id = u.id and u.kind = 'x'`: the rows are chosen by a condition on a relation that they are tied to. The tie alone chooses nothing. */
function throughSibling(args: readonly unknown[], context: Context, depth: number): boolean {
  return context.target.siblings.some(
    (sibling) =>
      args.some((arg) => isTie(arg, context.target, sibling)) &&
      args.some((arg) => judge(arg, { target: sibling, literals: context.literals }, depth + 1) === 'effective'),
  );
}

function judgeComparison(node: Tree, context: Context): WhereEffect {
  const operator = plainOperator(list(node, 'name'));
  const left = field(node, 'lexpr');
  const right = field(node, 'rexpr');
  switch (text(node, 'kind')) {
    case 'AEXPR_OP':
    case 'AEXPR_NOT_DISTINCT':
      return operator !== null && COMPARISONS.has(operator) ? judgePair(left, right, operator === '=', context) : bothConstant(left, right);
    case 'AEXPR_OP_ANY':
      return operator === '=' && isKey(left, context.target) && isFixed(right) && !holdsBothBooleans(right) ? 'effective' : 'unknown';
    case 'AEXPR_IN':
      return operator === '=' && inList(left, right, context.target) ? 'effective' : bothConstant(left, right);
    case 'AEXPR_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
      return isRangeKey(left, context.target) && items(right).every(isFixed) ? 'effective' : bothConstant(left, right);
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return judgeLike(operator, left, right, context);
    default:
      return 'unknown';
  }
}

function judgePair(left: unknown, right: unknown, equality: boolean, context: Context): WhereEffect {
  const { target } = context;
  if (equality && boundedTie(left, right, target)) return 'effective';
  if (constrains(left, right, equality, target) || constrains(right, left, equality, target)) return 'effective';
  if (equality && sameRow(left, right, target)) return 'effective';
  if (bothConstant(left, right) === 'vacuous') return 'vacuous';
  // `id = id`, `id <= id`: true for every row that is not null.
  return isColumn(left, target) && isColumn(right, target) && columnOf(left) === columnOf(right) ? 'vacuous' : 'unknown';
}

function constrains(column: unknown, value: unknown, equality: boolean, target: WhereTarget): boolean {
  return (equality ? isKey(column, target) : isRangeKey(column, target)) && isFixed(value);
}

/** `(a, b) = (1, 2)`: one compared pair is enough, as the pairs are AND-ed. */
function sameRow(left: unknown, right: unknown, target: WhereTarget): boolean {
  const columns = as(left, 'RowExpr');
  const values = as(right, 'RowExpr');
  if (columns === null || values === null) return false;
  const against = list(values, 'args');
  return list(columns, 'args').some((column, i) => isKey(column, target) && isFixed(against[i]));
}

function inList(left: unknown, right: unknown, target: WhereTarget): boolean {
  const choices = items(right);
  if (choices.length === 0) return false;
  if (isKey(left, target)) return choices.every(isFixed) && !holdsBothBooleans(right);
  const columns = as(left, 'RowExpr');
  if (columns === null) return false;
  return list(columns, 'args').some(
    (column, i) =>
      isKey(column, target) &&
      choices.every((choice) => {
        const row = as(choice, 'RowExpr');
        return row !== null && isFixed(list(row, 'args')[i]);
      }),
  );
}

function judgeLike(operator: string | null, left: unknown, right: unknown, context: Context): WhereEffect {
  if ((operator !== '~~' && operator !== '~~*') || as(right, 'A_Const') === null) return 'unknown';
  if (!isColumn(left, context.target)) return bothConstant(left, right);
  const pattern = context.literals.value(right);
  if (pattern === null) return 'unknown';
  if (pattern !== '' && /^%+$/.test(pattern)) return 'vacuous';
  return /^[^%_\\]/.test(pattern) ? 'effective' : 'unknown';
}

function judgeSubquery(node: Tree, context: Context, depth: number): WhereEffect {
  const query = as(field(node, 'subselect'), 'SelectStmt');
  if (query === null) return 'unknown';
  const kind = text(node, 'subLinkType');
  const from = list(query, 'fromClause');
  if (kind === 'EXISTS_SUBLINK')
    return from.length === 0 && field(query, 'whereClause') === undefined && text(query, 'op') === 'SETOP_NONE' ? 'vacuous' : 'unknown';
  if (kind !== 'ANY_SUBLINK' || list(node, 'operName').length > 0 || !isKey(field(node, 'testexpr'), context.target)) return 'unknown';
  // `id in (select id from t where …)` of the target itself: every name in it is the inner row's, for the outer has no other columns.
  const range = from.length === 1 ? as(from[0], 'RangeVar') : null;
  if (range === null || text(query, 'op') !== 'SETOP_NONE' || list(query, 'groupClause').length > 0 || field(query, 'withClause') !== undefined)
    return 'unknown';
  const { target } = context;
  const alias = struct(range, 'alias');
  if (target.shadowed || (alias !== null && list(alias, 'colnames').length > 0)) return 'unknown';
  const inner = relationTarget(range, true, () => false);
  if (inner.name !== target.name || inner.schema !== target.schema) return 'unknown';
  const [output, ...more] = list(query, 'targetList');
  const result = as(output, 'ResTarget');
  if (more.length > 0 || result === null || !isColumn(field(result, 'val'), inner)) return 'unknown';
  const where = field(query, 'whereClause');
  return where !== undefined && judge(where, { target: inner, literals: context.literals }, depth + 1) === 'effective' ? 'effective' : 'unknown';
}
