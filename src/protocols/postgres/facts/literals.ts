/**
 * The only way to a literal's value. The shape cache shares an analysis between texts that differ in their literals, which is safe exactly
 * when the analysis did not depend on them: every read of a value is noted here, and an analysis that read one is not shared. The one
 * exception is a number that the shape lexer leaves in the key (`keptVerbatim`): all texts of the shape have the same one.
 */
import { isAfterLimit } from './limit-keyword.js';
import { as, field, flag, integer, isTree, struct, type Tree, text } from './tree.js';

export class Literals {
  readonly #bytes: Uint8Array;
  #read = false;

  /** `bytes`: the UTF-8 text whose tree is walked. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether any fact depends on a literal's value. */
  get read(): boolean {
    return this.#read;
  }

  /** The text of a string, number or boolean constant, seen through casts; null for anything else. Notes the read. */
  value(node: unknown): string | null {
    const constant = uncast(node);
    if (constant === null) return null;
    const kind = literalKind(constant);
    if (kind === 'keyword') {
      const boolean = struct(constant, 'boolval');
      return boolean === null ? null : String(flag(boolean, 'boolval'));
    }
    this.#read = true;
    const string = struct(constant, 'sval');
    if (string !== null) return text(string, 'sval') ?? '';
    const float = struct(constant, 'fval');
    if (float !== null) return text(float, 'fval') ?? '';
    const whole = struct(constant, 'ival');
    return whole === null ? null : String(integer(whole, 'ival'));
  }

  /** The number of a LIMIT clause, or null when it is not a constant. */
  limit(node: unknown): number | null {
    const constant = as(node, 'A_Const');
    if (constant === null || literalKind(constant) !== 'lifted') return null;
    if (!isAfterLimit(this.#bytes, 0, integer(constant, 'location'))) this.#read = true;
    const whole = struct(constant, 'ival');
    if (whole !== null) return integer(whole, 'ival');
    const float = struct(constant, 'fval');
    return float === null ? null : Number(text(float, 'fval') ?? '');
  }
}

/** `lifted`: a value that differs between texts of one shape. `keyword`: true, false, null, or a bit string, which stand in the key. */
function literalKind(constant: Tree): 'lifted' | 'keyword' {
  return isTree(field(constant, 'sval')) || isTree(field(constant, 'ival')) || isTree(field(constant, 'fval')) ? 'lifted' : 'keyword';
}

function uncast(node: unknown): Tree | null {
  let value = node;
  for (let depth = 0; depth < 8; depth++) {
    const constant = as(value, 'A_Const');
    if (constant !== null) return constant;
    const cast = as(value, 'TypeCast');
    if (cast === null) return null;
    value = field(cast, 'arg');
  }
  return null;
}
