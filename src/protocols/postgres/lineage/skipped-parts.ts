/**
 * Parts of an expression that are not worked out where a part before them has decided: of IN with several values, BETWEEN, a comparison of rows, a row that is asked for NULL, a
 * subscript of an array. Where they would fail or do something (draw from a sequence, take a lock), that it did not happen tells of what decided. AND, OR, CASE and
 * COALESCE do the same and are dealt with in `values`. Pure; the tree is of untrusted text.
 */
import { functionClass } from '../facts/function-class.js';
import { as, field, list, qualified, strings, type Tree, tagged, text } from '../facts/tree.js';
import { derived, type Lineage } from './lineage.js';
import type { Level } from './sources.js';
import { failingArguments } from './total-functions.js';
import type { Trace } from './trace.js';

const BETWEEN = /^AEXPR_(NOT_)?BETWEEN/;
const COMPARES_ROWS: ReadonlySet<string> = new Set(['AEXPR_OP', 'AEXPR_DISTINCT', 'AEXPR_NOT_DISTINCT']);
/** What stands in these and can neither fail nor do anything, together cannot. */
const HOLDERS: Readonly<Record<string, string>> = { List: 'items', RowExpr: 'args', A_ArrayExpr: 'elements' };

/** Whether it was worked out is not seen: it cannot fail, and does nothing. */
function isInert(trace: Trace, node: unknown): boolean {
  const { tag, node: inner } = tagged(node) ?? { tag: '', node: {} };
  if (tag === 'A_Const' || tag === 'ParamRef' || tag === 'SQLValueFunction') return true;
  // `a.b` may be a call of b.
  if (tag === 'ColumnRef')
    return strings(list(inner, 'fields')).every((name, index) => index === 0 || trace.context.catalog?.functions(null, name).length === 0);
  // Of a constant, the server makes the value while it reads the text.
  if (tag === 'TypeCast') return ['A_Const', 'ParamRef'].includes(tagged(field(inner, 'arg'))?.tag ?? '');
  if (tag === 'CollateClause') return isInert(trace, field(inner, 'arg'));
  if (tag === 'FuncCall') {
    const [schema, name = ''] = qualified(strings(list(inner, 'funcname')));
    const own = functionClass(schema, name ?? '') === 'plain' && trace.context.catalog?.functions(null, name ?? '').length === 0;
    return own && failingArguments(name ?? '')?.length === 0 && list(inner, 'args').every((each) => isInert(trace, each));
  }
  const held = HOLDERS[tag];
  return held !== undefined && list(inner, held).every((each) => isInert(trace, each));
}

/** An operator: `sides` are the values on its left and on its right. */
export function operatorSkips(trace: Trace, node: Tree, sides: readonly Lineage[]): void {
  const kind = text(node, 'kind') ?? '';
  const [left, right] = [field(node, 'lexpr'), field(node, 'rexpr')];
  const several = (kind === 'AEXPR_IN' && list(as(right, 'List') ?? {}, 'items').length > 1) || BETWEEN.test(kind);
  const rows = COMPARES_ROWS.has(kind) && [left, right].some((side) => list(as(side, 'RowExpr') ?? {}, 'args').length > 1);
  if ((several || rows) && ![left, right].every((side) => isInert(trace, side))) trace.condition('other', derived(...sides));
}

/** A row that is asked for NULL, field by field; `presence`: what is told by saying whether there is a value. */
export function nullTestSkips(trace: Trace, node: Tree, level: Level, presence: (lineage: Lineage) => Lineage): void {
  const fields = list(as(field(node, 'arg'), 'RowExpr') ?? {}, 'args');
  if (fields.length > 1 && !fields.every((each) => isInert(trace, each)))
    trace.condition('other', derived(...fields.map((each) => presence(trace.value(each, level)))));
}

/** `a[b]`: of an array that is NULL no subscript is worked out. */
export function subscriptSkips(trace: Trace, node: Tree, level: Level, presence: (lineage: Lineage) => Lineage): void {
  const bounds = list(node, 'indirection').flatMap((each) => {
    const indices = as(each, 'A_Indices') ?? {};
    return ['lidx', 'uidx'].flatMap((bound) => field(indices, bound) ?? []);
  });
  if (!bounds.every((each) => isInert(trace, each))) trace.condition('other', presence(trace.value(field(node, 'arg'), level)));
}
