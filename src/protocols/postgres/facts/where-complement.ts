/**
 * Conditions that limit something each, but not together: `active OR NOT active`, `id < 5 OR id >= 5`. Only what one column is held to in two
 * branches of an OR is compared, by direction, so `id < 5 OR id > 9` is caught as well: it leaves out what is between, and that may be nothing.
 */
import { as, field, list, type Tree, tagged, text } from './tree.js';
import { columnOf, isColumn, items, plainOperator, type WhereTarget } from './where-terms.js';

type Side = 'up' | 'down' | 'yes' | 'no';

const OPPOSITE: Readonly<Record<Side, Side>> = { up: 'down', down: 'up', yes: 'no', no: 'yes' };
const SIDES: Readonly<Record<string, readonly [Side, Side]>> = { '>': ['up', 'down'], '>=': ['up', 'down'], '<': ['down', 'up'], '<=': ['down', 'up'] };

/** Whether two branches of an OR hold the same column to opposite sides. */
export function isComplementary(branches: readonly unknown[], target: WhereTarget): boolean {
  const seen = new Set<string>();
  for (const branch of flatten(branches)) {
    const sides = sidesOf(branch, target);
    if (sides.some(([column, side]) => seen.has(`${OPPOSITE[side]} ${column}`))) return true;
    for (const [column, side] of sides) seen.add(`${side} ${column}`);
  }
  return false;
}

function flatten(branches: readonly unknown[]): readonly unknown[] {
  return branches.flatMap((branch) => {
    const inner = as(branch, 'BoolExpr');
    return inner !== null && text(inner, 'boolop') === 'OR_EXPR' ? flatten(list(inner, 'args')) : [branch];
  });
}

/** The open sides of a branch: of an AND, those of its parts, without columns that are held from both sides. */
function sidesOf(node: unknown, target: WhereTarget): readonly (readonly [string, Side])[] {
  const found = tagged(node);
  if (found === null) return [];
  switch (found.tag) {
    case 'ColumnRef':
      return one(node, 'yes', target);
    case 'BooleanTest':
      return one(field(found.node, 'arg'), text(found.node, 'booltesttype') === 'IS_FALSE' ? 'no' : 'yes', target);
    case 'A_Expr':
      return ofComparison(found.node, target);
    case 'BoolExpr': {
      const args = list(found.node, 'args');
      if (text(found.node, 'boolop') === 'NOT_EXPR') return one(args[0], 'no', target);
      const all = args.flatMap((arg) => sidesOf(arg, target));
      return all.filter(([column, side]) => !all.some(([other, against]) => other === column && against === OPPOSITE[side]));
    }
    default:
      return [];
  }
}

function one(column: unknown, side: Side, target: WhereTarget): readonly (readonly [string, Side])[] {
  return isColumn(column, target) ? [[columnOf(column) ?? '', side]] : [];
}

function ofComparison(node: Tree, target: WhereTarget): readonly (readonly [string, Side])[] {
  const operator = text(node, 'kind') === 'AEXPR_OP' ? plainOperator(list(node, 'name')) : null;
  const left = uncast(field(node, 'lexpr'));
  const right = uncast(field(node, 'rexpr'));
  const truth = booleanOf(right) ?? booleanOf(left);
  if (operator === '=' && truth !== null) return one(isColumn(left, target) ? left : right, truth ? 'yes' : 'no', target);
  const sides = SIDES[operator ?? ''];
  if (sides === undefined) return [];
  return isColumn(left, target) ? one(left, sides[0], target) : one(right, sides[1], target);
}

function uncast(node: unknown): unknown {
  const cast = as(node, 'TypeCast');
  return cast === null ? node : field(cast, 'arg');
}

function booleanOf(node: unknown): boolean | null {
  const value = field(as(node, 'A_Const') ?? {}, 'boolval');
  if (value === undefined) return null;
  return field(value as Tree, 'boolval') === true;
}

/** `IN (true, false)`, `= ANY (ARRAY[true, false])`: every boolean there is. */
export function holdsBothBooleans(choices: unknown): boolean {
  const array = as(choices, 'A_ArrayExpr');
  const values = (array === null ? items(choices) : list(array, 'elements')).map(booleanOf);
  return values.includes(true) && values.includes(false);
}
