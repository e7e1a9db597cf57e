/**
 * Values that a client gave, as an expression holds them: constants and parameters, by themselves, in ARRAY[…], or as one array. Casts that leave a text, a
 * number or a UUID what it is are looked through. Pure; the tree is of untrusted text.
 */
import { as, field, integer, list, strings, struct, type Tree, text } from '../facts/tree.js';
import type { GivenConstant, GivenParameter } from './trace.js';

const PLAIN_CASTS: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'int4', 'int8', 'uuid']);

/** `array`: what is not ARRAY[…] is an array as a whole. Empty: it is something else. */
export function givenValues(node: unknown, array: boolean): readonly (GivenConstant | GivenParameter)[] {
  const plain = uncast(node);
  const constant = as(plain, 'A_Const');
  if (constant !== null) {
    const value = constantText(constant);
    return value === null ? [] : [{ at: integer(constant, 'location'), text: value, array }];
  }
  const parameter = as(plain, 'ParamRef');
  if (parameter !== null) return [{ at: integer(parameter, 'location'), number: integer(parameter, 'number'), array }];
  const elements = as(plain, 'A_ArrayExpr');
  return elements === null || !array ? [] : list(elements, 'elements').flatMap((each) => givenValues(each, false));
}

/** `'x'::text` is `'x'`; a cast to another type may make another value of it. */
function uncast(node: unknown): unknown {
  const cast = as(node, 'TypeCast');
  if (cast === null) return node;
  const names = strings(list(struct(cast, 'typeName') ?? {}, 'names'));
  return PLAIN_CASTS.has(names.at(-1) ?? '') ? field(cast, 'arg') : node;
}

/** What a constant is, as text; null: NULL, or of a kind that is no value of a column. */
export function constantText(constant: Tree): string | null {
  const string = struct(constant, 'sval');
  if (string !== null) return text(string, 'sval');
  const float = struct(constant, 'fval');
  if (float !== null) return text(float, 'fval');
  const whole = struct(constant, 'ival');
  return whole === null ? null : String(integer(whole, 'ival'));
}
