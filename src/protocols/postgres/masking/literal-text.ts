/**
 * Arrays of one dimension and rows as the server writes them as text (`array_out`, `record_out`): read into their elements, and written with others
 * in their places. What it would not write so is not read. Linear; bytes are untrusted.
 */

export interface Element {
  /** As it is written, quotes included: from the first byte to behind the last. */
  readonly start: number;
  readonly end: number;
  /** What is meant. */
  readonly value: Buffer;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [BRACE, BRACE_END, PARENTHESIS, PARENTHESIS_END] = [0x7b, 0x7d, 0x28, 0x29];

/** What has more of them is not read. */
export const ELEMENTS_LIMIT = 100_000;

export type Literal = 'array' | 'row';

/** What it can only be, by its first byte. Null: neither. */
export function literalKind(value: Buffer): Literal | null {
  return value[0] === BRACE ? 'array' : value[0] === PARENTHESIS ? 'row' : null;
}

/** Null: it is none. NULL is an empty element of a row, and in an array the word. */
export function readLiteral(value: Buffer, literal: Literal): readonly Element[] | null {
  const last = value.length - 1;
  const close = literal === 'array' ? BRACE_END : PARENTHESIS_END;
  if (literalKind(value) !== literal || value[last] !== close) return null;
  const elements: Element[] = [];
  let at = 1;
  if (at === last) return elements;
  while (elements.length < ELEMENTS_LIMIT) {
    const start = at;
    if (value[at] === QUOTE) {
      at = quotedEnd(value, at + 1);
      if (at < 0) return null;
      elements.push({ start, end: at, value: unquoted(value.subarray(start + 1, at - 1)) });
    } else {
      for (; at < last && value[at] !== COMMA; at++)
        if (value[at] === QUOTE || value[at] === BACKSLASH || value[at] === close || value[at] === value[0]) return null;
      elements.push({ start, end: at, value: value.subarray(start, at) });
    }
    if (at === last) return elements;
    if (at > last || value[at] !== COMMA) return null;
    at++;
  }
  return null;
}

/** Behind the quote that ends what begins at `from`; −1: none does. */
function quotedEnd(value: Buffer, from: number): number {
  for (let at = from; at < value.length; at++) {
    if (value[at] === BACKSLASH) at++;
    else if (value[at] === QUOTE) {
      if (value[at + 1] !== QUOTE) return at + 1;
      at++;
    }
  }
  return -1;
}

/** A backslash stands before any byte, a quote before a quote. */
function unquoted(raw: Buffer): Buffer {
  if (!raw.includes(BACKSLASH) && !raw.includes(QUOTE)) return raw;
  const out = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] === BACKSLASH || raw[at] === QUOTE) at++;
    out[length++] = raw[at] as number;
  }
  return out.subarray(0, length);
}

/** An element of this value. */
export function writeElement(value: Uint8Array, literal: Literal): Uint8Array {
  const out = Buffer.allocUnsafe(2 * value.length + 2);
  let length = 0;
  out[length++] = QUOTE;
  for (const byte of value) {
    if (byte === BACKSLASH || byte === QUOTE) out[length++] = literal === 'array' ? BACKSLASH : byte;
    out[length++] = byte;
  }
  out[length++] = QUOTE;
  return out.subarray(0, length);
}
