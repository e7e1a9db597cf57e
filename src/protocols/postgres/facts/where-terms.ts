/**
 * Terms of a condition: which are certainly a column of the target, which are certainly not of any row. Pure reading of the tree; in doubt
 * the answer is no.
 */
import { functionClass } from './function-class.js';
import { isSystemUser, NEWER_GRAMMAR } from './newer-grammar.js';
import { as, field, list, qualified, stringNode, strings, struct, type Tree, tagged, text } from './tree.js';

/** The rows whose choice is judged. */
export interface WhereTarget {
  readonly schema: string | null;
  readonly name: string;
  readonly alias: string;
  /** No other row source stands beside it: an unqualified column is its own. */
  readonly alone: boolean;
  /** The name means a common table expression in subqueries. */
  readonly shadowed: boolean;
  /** The plain relations beside it. */
  readonly siblings: readonly WhereTarget[];
  /** Aliases of row sources beside it whose rows are listed in the statement or in a parameter. */
  readonly bounded: readonly string[];
}

const DEPTH_LIMIT = 200;
/** The same for every row of a table, or nearly: conditions on them choose nothing. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'xmax', 'cmin', 'cmax']);
/** Casts of a column that keep its values apart. */
const FAITHFUL_CASTS: ReadonlySet<string> = new Set(['text', 'uuid', 'int4', 'int8', 'date', 'timestamp', 'timestamptz']);

export function items(node: unknown): readonly unknown[] {
  const wrapped = as(node, 'List');
  return wrapped === null ? [] : list(wrapped, 'items');
}

/** The operator's name when it is unqualified or PostgreSQL's own. */
export function plainOperator(names: readonly unknown[]): string | null {
  const parts = strings(names);
  if (parts.length === 1) return parts[0] ?? null;
  return parts.length === 2 && parts[0] === 'pg_catalog' ? (parts[1] ?? null) : null;
}

export function columnOf(node: unknown): string | null {
  const reference = as(node, 'ColumnRef');
  return reference === null ? null : stringNode(list(reference, 'fields').at(-1));
}

/** A plain column of the target, certainly its own. */
export function isColumn(node: unknown, target: WhereTarget): boolean {
  const reference = as(node, 'ColumnRef');
  const column = columnOf(node);
  if (reference === null || column === null || SYSTEM_COLUMNS.has(column) || column === 'ctid') return false;
  return isOwn(strings(list(reference, 'fields')), target);
}

function isOwn(names: readonly string[], target: WhereTarget): boolean {
  // A lone name equal to the alias is the whole row.
  if (names.length === 1) return target.alone && names[0] !== target.alias;
  if (names.length === 2) return names[0] === target.alias;
  return names.length === 3 && target.schema !== null && names[0] === target.schema && names[1] === target.alias;
}

export function isRangeKey(node: unknown, target: WhereTarget): boolean {
  if (isColumn(node, target)) return true;
  const cast = as(node, 'TypeCast');
  if (cast === null || !isColumn(field(cast, 'arg'), target)) return false;
  const type = struct(cast, 'typeName');
  return (
    type !== null &&
    list(type, 'typmods').length === 0 &&
    list(type, 'arrayBounds').length === 0 &&
    FAITHFUL_CASTS.has(strings(list(type, 'names')).at(-1) ?? '')
  );
}

/** What an equality may rest on: also the physical address of a row, and a column in one case. */
export function isKey(node: unknown, target: WhereTarget): boolean {
  if (isRangeKey(node, target)) return true;
  const reference = as(node, 'ColumnRef');
  if (reference !== null) return columnOf(node) === 'ctid' && isOwn(strings(list(reference, 'fields')), target);
  const call = as(node, 'FuncCall');
  if (call === null) return false;
  const [name, ...more] = strings(list(call, 'funcname'));
  const args = list(call, 'args');
  return more.length === 0 && (name === 'lower' || name === 'upper') && args.length === 1 && isRangeKey(args[0], target);
}

/**
 * A value that does not come from any row: constants, parameters, and what PostgreSQL's own computing functions make of them. nextval() is
 * another value for each row, and a function of somebody's may give all there are.
 */
export function isFixed(node: unknown): boolean {
  return node !== undefined && !reaches(node, (tag, inner) => MOVING.has(tag) || (tag === 'FuncCall' && !computes(inner)), 0);
}

const MOVING: ReadonlySet<string> = new Set(['ColumnRef', 'SubLink', ...Object.keys(NEWER_GRAMMAR)]);

function computes(call: Tree): boolean {
  const [schema, name] = qualified(strings(list(call, 'funcname')));
  return !isSystemUser(call) && functionClass(schema, name ?? '') === 'plain';
}

export function holdsParameter(node: unknown): boolean {
  return reaches(node, (tag) => tag === 'ParamRef' || tag === 'FuncCall', 0);
}

function reaches(node: unknown, wanted: (tag: string, node: Tree) => boolean, depth: number): boolean {
  if (depth > DEPTH_LIMIT) return true;
  if (Array.isArray(node)) return node.some((item) => reaches(item, wanted, depth + 1));
  if (typeof node !== 'object' || node === null) return false;
  const found = tagged(node);
  if (found !== null && wanted(found.tag, found.node)) return true;
  return Object.values(node).some((value) => reaches(value, wanted, depth + 1));
}

/** A condition on constants alone, whatever it says, chooses no rows. */
export function bothConstant(left: unknown, right: unknown): 'vacuous' | 'unknown' {
  return isFixed(left) && isFixed(right) && !holdsParameter(left) && !holdsParameter(right) ? 'vacuous' : 'unknown';
}

export function constantOnly(node: Tree): 'vacuous' | 'unknown' {
  return isFixed(field(node, 'arg')) && !holdsParameter(field(node, 'arg')) ? 'vacuous' : 'unknown';
}

/** `t.a = u.b`. */
export function isTie(node: unknown, target: WhereTarget, sibling: WhereTarget): boolean {
  const comparison = as(node, 'A_Expr');
  if (comparison === null || text(comparison, 'kind') !== 'AEXPR_OP' || plainOperator(list(comparison, 'name')) !== '=') return false;
  const left = field(comparison, 'lexpr');
  const right = field(comparison, 'rexpr');
  return (isColumn(left, target) && isColumn(right, sibling)) || (isColumn(right, target) && isColumn(left, sibling));
}

/** `t.a = v.b` with `v` bounded by the statement itself. */
export function boundedTie(left: unknown, right: unknown, target: WhereTarget): boolean {
  return (isColumn(left, target) && isBounded(right, target)) || (isColumn(right, target) && isBounded(left, target));
}

function isBounded(node: unknown, target: WhereTarget): boolean {
  const reference = as(node, 'ColumnRef');
  if (reference === null) return false;
  const names = strings(list(reference, 'fields'));
  return names.length === 2 && target.bounded.includes(names[0] ?? '');
}
