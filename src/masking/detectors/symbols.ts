/**
 * Reads text as a person sees it: full-width characters as plain ones, exotic spaces and dashes as ` ` and `-`, JSON escapes as what they
 * stand for, and characters without a width (zero-width, soft hyphen, bidi marks, terminal colours) as nothing. Attack stopped: a number
 * spelled so that a byte matcher passes it by. Untrusted input: any bytes, valid UTF-8 or not. Each call looks at a bounded number of bytes.
 *
 * A symbol is packed: `symbol & 0xff` is its code (ASCII, or one of those below), `symbol >> 8` its length in bytes.
 */

/** Code of a character that is not seen. */
export const INVISIBLE = 0xf0;
/** Code of a letter outside ASCII. */
export const FOREIGN_LETTER = 0xf1;
/** Code of any other character outside ASCII, and of an invalid byte. */
const FOREIGN = 0xf2;
/** Beyond the text. */
const NOTHING = 0xff;

const ESCAPE = 0x1b;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const DASH = 0x2d;
const NEWLINE = 0x0a;
/** Longest terminal sequence that is read as one symbol, bytes. */
const MAX_SEQUENCE = 16;
/** Invisible characters in a row that a look-around passes over. More end the value: no writer needs them. */
const MAX_INVISIBLE = 8;

export const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
export const isLetter = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a && code < 0x80;
export const isAlphanumeric = (code: number): boolean => isDigit(code) || isLetter(code);

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Code of a code point. */
function codeOf(point: number): number {
  if (point < 0x80) return point;
  if (point >= 0xff01 && point <= 0xff5e) return point - 0xfee0;
  if (point === 0xa0 || (point >= 0x2000 && point <= 0x200a) || point === 0x202f || point === 0x205f || point === 0x3000) return SPACE;
  if ((point >= 0x2010 && point <= 0x2015) || point === 0x2212 || point === 0xfe63) return DASH;
  if (point === 0xad || point === 0xfeff || point === 0x34f || point === 0x180e || (point >= 0x200b && point <= 0x200f)) return INVISIBLE;
  if ((point >= 0x202a && point <= 0x202e) || (point >= 0x2060 && point <= 0x2069) || (point >= 0xfe00 && point <= 0xfe0f)) return INVISIBLE;
  if (point < 0xc0 || (point >= 0x2000 && point < 0x2c00) || (point >= 0x3000 && point < 0x3040) || point >= 0xfe00) return FOREIGN;
  return FOREIGN_LETTER;
}

/** The symbol that begins at `at`. */
export function symbolAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return NOTHING;
  const byte = bytes[at] ?? 0;
  if (byte < 0x80) {
    if (byte === BACKSLASH) return escaped(bytes, at, end);
    if (byte === ESCAPE) return sequence(bytes, at, end);
    return 0x100 | byte;
  }
  const second = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
  if ((second & 0xc0) !== 0x80) return 0x100 | FOREIGN;
  if (byte >= 0xc2 && byte < 0xe0) return 0x200 | codeOf(((byte & 0x1f) << 6) | (second & 0x3f));
  const third = at + 2 < end ? (bytes[at + 2] ?? 0) : 0;
  if ((third & 0xc0) !== 0x80) return 0x100 | FOREIGN;
  if (byte >= 0xe0 && byte < 0xf0) return 0x300 | codeOf(((byte & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f));
  const fourth = at + 3 < end ? (bytes[at + 3] ?? 0) : 0;
  if (byte < 0xf0 || byte > 0xf4 || (fourth & 0xc0) !== 0x80) return 0x100 | FOREIGN;
  return 0x400 | FOREIGN;
}

/** `\u0035`, `\n`, `\"`, `\/`; any other backslash is itself. */
function escaped(bytes: Uint8Array, at: number, end: number): number {
  const next = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
  if (next === 0x75 && at + 6 <= end) {
    const point = unicodeEscape(bytes, at);
    return point < 0 ? 0x100 | BACKSLASH : 0x600 | codeOf(point);
  }
  if (isBlankEscape(next)) return 0x200 | NEWLINE;
  if (next === 0x22 || next === 0x2f || next === BACKSLASH) return 0x200 | next;
  return 0x100 | BACKSLASH;
}

/** The letters of `\n`, `\r`, `\t`, `\b`, `\f`. */
const isBlankEscape = (byte: number): boolean => byte === 0x6e || byte === 0x72 || byte === 0x74 || byte === 0x62 || byte === 0x66;

/** Code point of the six bytes `\uXXXX`, or −1. */
function unicodeEscape(bytes: Uint8Array, at: number): number {
  let point = 0;
  for (let i = at + 2; i < at + 6; i++) {
    const value = hexValue(bytes[i] ?? 0);
    if (value < 0) return -1;
    point = (point << 4) | value;
  }
  return point;
}

/** `ESC [ … m` sets a colour and is not seen; other sequences move the cursor and end a value. */
function sequence(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end || bytes[at + 1] !== 0x5b) return 0x100 | FOREIGN;
  const limit = Math.min(end, at + MAX_SEQUENCE);
  for (let i = at + 2; i < limit; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= 0x40 && byte <= 0x7e) return ((i + 1 - at) << 8) | (byte === 0x6d ? INVISIBLE : FOREIGN);
    if (byte < 0x20) break;
  }
  return 0x100 | FOREIGN;
}

/** The symbol that ends right before `at`; nothing before `floor` is looked at. */
export function symbolBefore(bytes: Uint8Array, at: number, floor: number): number {
  if (at <= floor) return NOTHING;
  const byte = bytes[at - 1] ?? 0;
  if (byte >= 0x80) return foreignBefore(bytes, at, floor);
  if (at - 6 >= floor && bytes[at - 6] === BACKSLASH && bytes[at - 5] === 0x75) {
    const point = unicodeEscape(bytes, at - 6);
    if (point >= 0) return 0x600 | codeOf(point);
  }
  if (at - 2 < floor) return 0x100 | byte;
  if (isBlankEscape(byte) && bytes[at - 2] === BACKSLASH) return 0x200 | NEWLINE;
  if (isLetter(byte)) {
    for (let i = at - 2; i > floor && at - i < MAX_SEQUENCE; i--) {
      const parameter = bytes[i] ?? 0;
      if (parameter === 0x5b && bytes[i - 1] === ESCAPE) return ((at - i + 1) << 8) | (byte === 0x6d ? INVISIBLE : FOREIGN);
      if (!isDigit(parameter) && parameter !== 0x3b) break;
    }
  }
  return 0x100 | byte;
}

function foreignBefore(bytes: Uint8Array, at: number, floor: number): number {
  for (let length = 2; length <= 4 && at - length >= floor; length++) {
    if (((bytes[at - length] ?? 0) & 0xc0) === 0x80) continue;
    const symbol = symbolAt(bytes, at - length, at);
    return symbol >> 8 === length ? symbol : 0x100 | FOREIGN;
  }
  return 0x100 | FOREIGN;
}

/** Where the next character that is seen begins, from `at` on. */
export function skipInvisible(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  for (let passed = 0; passed < MAX_INVISIBLE; passed++) {
    const symbol = symbolAt(bytes, i, end);
    if ((symbol & 0xff) !== INVISIBLE) return i;
    i += symbol >> 8;
  }
  return i;
}

/** Where the last character that is seen ends, from `at` back. */
export function skipInvisibleBack(bytes: Uint8Array, at: number, floor: number): number {
  let i = at;
  for (let passed = 0; passed < MAX_INVISIBLE; passed++) {
    const symbol = symbolBefore(bytes, i, floor);
    if ((symbol & 0xff) !== INVISIBLE) return i;
    i -= symbol >> 8;
  }
  return i;
}
