/**
 * One value of a row as people read it. Text is shown as it came; of the binary formats those of common types are read, and the rest is shown as
 * the bytes that it is (`\x…`), never guessed. Untrusted; made visible, and cut with its length where it is long.
 */
import { visible } from '../../../base/visible-text.js';
import { fieldKind } from '../masking/field-kind.js';

/** Characters of one cell; a table pads every row to the widest. */
const CELL_LIMIT = 200;
const BOOLEAN = 16;

/** `type` 0: not known. `format` 1: binary. */
export function shownValue(value: Buffer, type: number, format: number): string {
  const text = format === 1 ? (binaryText(value, type) ?? `\\x${value.toString('hex', 0, CELL_LIMIT)}`) : value.toString('utf8');
  const whole = format === 1 && text.startsWith('\\x') ? 2 + value.length * 2 : text.length;
  return whole > CELL_LIMIT ? `${visible(text.slice(0, CELL_LIMIT))}… (${whole} characters)` : visible(text);
}

function binaryText(value: Buffer, type: number): string | null {
  if (type === BOOLEAN && value.length === 1) return value[0] === 0 ? 'f' : 't';
  const text = type === 0 ? null : fieldKind(type, null).read(value);
  return text === null ? null : Buffer.from(text).toString('utf8');
}

/** Integers, floating point numbers, numeric and money stand to the right, as in psql. */
export const isNumber = (type: number): boolean => [20, 21, 23, 26, 700, 701, 790, 1700].includes(type);
