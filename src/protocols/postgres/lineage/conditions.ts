/**
 * Conditions: which columns decide whether a row is shown, and by what kind of comparison. `equality` is the comparison of a column, as it is,
 * with values that the client gave or with another column: it finds what is known already. Everything else can be asked again and again until
 * a hidden value is known (redteam 6d D6).
 */
import { as, field, list, strings, tagged, text } from '../facts/tree.js';
import { isNothing, type Lineage } from './lineage.js';
import type { Level } from './sources.js';
import type { Trace } from './trace.js';

export function condition(trace: Trace, node: unknown, level: Level): void {
  if (node === undefined) return;
  const found = tagged(node);
  if (found?.tag === 'BoolExpr') {
    for (const part of list(found.node, 'args')) condition(trace, part, level);
    return;
  }
  if (found?.tag === 'A_Expr' && equality(trace, found.node, level)) return;
  if (found?.tag === 'SubLink' && text(found.node, 'subLinkType') === 'ANY_SUBLINK' && strings(list(found.node, 'operName')).every((name) => name === '=')) {
    const side = trace.value(field(found.node, 'testexpr'), level);
    const columns = trace.query(field(found.node, 'subselect'), level).map(({ lineage }) => lineage);
    const plain = isBare(side) && columns.every(isBare);
    for (const each of [side, ...columns]) trace.condition(plain ? 'equality' : 'other', each);
    return;
  }
  trace.condition('other', trace.value(node, level));
}

/** `a = b`, `a IN (b, c)`, `a = ANY (b)`: true when it was dealt with here. */
function equality(trace: Trace, node: Readonly<Record<string, unknown>>, level: Level): boolean {
  const kind = text(node, 'kind');
  const operator = strings(list(node, 'name'));
  if (operator.length !== 1 || operator[0] !== '=') return false;
  if (kind !== 'AEXPR_OP' && kind !== 'AEXPR_IN' && kind !== 'AEXPR_OP_ANY' && kind !== 'AEXPR_NOT_DISTINCT') return false;
  if ((trace.context.catalog?.operators(null, '=').length ?? 0) > 0) return false;
  const right = field(node, 'rexpr');
  const items = as(right, 'List');
  const sides = [field(node, 'lexpr'), ...(items === null ? [right] : list(items, 'items'))].map((side) => trace.value(side, level));
  const plain = sides.every(isBare);
  for (const side of sides) trace.condition(plain ? 'equality' : 'other', side);
  return true;
}

/** A column as it is, or nothing of any column. */
function isBare(lineage: Lineage): boolean {
  return isNothing(lineage) || (lineage.exact && lineage.unknown === null);
}
