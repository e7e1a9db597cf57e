/**
 * The shape of a statement: its bytes with simple literals replaced by marks. Two texts of one shape differ only in the values of plain
 * numbers and plain strings, so one parse can serve both (see `literals.ts` for when it may). Invariant: this lexer lifts a literal only
 * where the server's lexer certainly sees the same literal (standard_conforming_strings on, UTF-8, both pinned for every session); anything
 * subtle (backslashes, prefixed or dollar-quoted strings, comments, odd bytes) gives no shape. The input is untrusted; the code runs for
 * every statement and allocates nothing.
 */
import { isUtf8 } from 'node:buffer';
import { isAfterLimit } from './limit-keyword.js';

/** Longest text that has a shape, in bytes. */
export const SHAPE_LIMIT = 16 * 1024;

/** Marks stand for literals. Control bytes in the text itself give no shape, so a mark is never the text's own. */
const STRING_MARK = 0x01;
/** At most nine digits: certainly an `int4` to the grammar. */
const INTEGER_MARK = 0x02;
/** Any other plain number. */
const NUMBER_MARK = 0x03;

/** Character classes by byte. */
const OTHER = 0;
const WORD = 1;
const DIGIT = 2;
const QUOTE = 3;
const IDENTIFIER_QUOTE = 4;
const BAIL = 5;
const DOLLAR = 6;
const DASH = 7;
const SLASH = 8;
const DOT = 9;

const CLASS = new Uint8Array(256).fill(BAIL);
for (let byte = 0x20; byte < 0x7f; byte++) CLASS[byte] = OTHER;
for (const byte of [0x09, 0x0a, 0x0d]) CLASS[byte] = OTHER;
for (let byte = 0x61; byte <= 0x7a; byte++) CLASS[byte] = WORD;
for (let byte = 0x41; byte <= 0x5a; byte++) CLASS[byte] = WORD;
CLASS[0x5f] = WORD;
for (let byte = 0x30; byte <= 0x39; byte++) CLASS[byte] = DIGIT;
CLASS[0x27] = QUOTE;
CLASS[0x22] = IDENTIFIER_QUOTE;
CLASS[0x5c] = BAIL;
CLASS[0x24] = DOLLAR;
CLASS[0x2d] = DASH;
CLASS[0x2f] = SLASH;
CLASS[0x2e] = DOT;

/**
 * Writes the shape of `buffer[start..end)` to `scratch` (at least as long) and gives its length, or -1 when the text has none.
 */
export function writeShape(buffer: Buffer, start: number, end: number, scratch: Buffer): number {
  let out = 0;
  let at = start;
  let beyondAscii = false;
  while (at < end) {
    const byte = buffer[at] as number;
    switch (CLASS[byte]) {
      case OTHER:
        scratch[out++] = byte;
        at++;
        break;
      case WORD: {
        // A whole word, so that a digit met outside of one never belongs to a name.
        let kind: number | undefined;
        do {
          scratch[out++] = buffer[at++] as number;
          kind = at < end ? CLASS[buffer[at] as number] : OTHER;
        } while (kind === WORD || kind === DIGIT);
        // `e'…'` and its kin, and names with `$`, quotes or letters beyond ASCII directly behind.
        if (kind === QUOTE || kind === DOLLAR || kind === IDENTIFIER_QUOTE || kind === BAIL) return -1;
        break;
      }
      case DIGIT: {
        const first = at;
        while (at < end && CLASS[buffer[at] as number] === DIGIT) at++;
        let fraction = false;
        if (at < end && buffer[at] === 0x2e) {
          fraction = true;
          at++;
          while (at < end && CLASS[buffer[at] as number] === DIGIT) at++;
        }
        const next = at < end ? CLASS[buffer[at] as number] : OTHER;
        // `1e5`, `0x1f`, `1_000`, `1..2`, `1$a`: leave numbers of other forms to the exact cache.
        if (next === WORD || next === DOT || next === DOLLAR || next === BAIL || next === QUOTE || next === IDENTIFIER_QUOTE) return -1;
        if (first > start && isAfterLimit(buffer, start, first)) {
          for (let i = first; i < at; i++) scratch[out++] = buffer[i] as number;
        } else {
          scratch[out++] = fraction || at - first > 9 ? NUMBER_MARK : INTEGER_MARK;
        }
        break;
      }
      case QUOTE: {
        // `u&'…'` is the one prefix that does not end in a letter.
        if (at > start && buffer[at - 1] === 0x26) return -1;
        at++;
        for (;;) {
          if (at >= end) return -1;
          const inside = buffer[at] as number;
          if (inside === 0x27) {
            at++;
            if (at >= end || buffer[at] !== 0x27) break;
            at++;
          } else if (inside === 0x5c || inside === 0) {
            return -1;
          } else {
            if (inside >= 0x80) beyondAscii = true;
            at++;
          }
        }
        const next = at < end ? CLASS[buffer[at] as number] : OTHER;
        if (next === WORD || next === DIGIT || next === DOLLAR || next === BAIL || next === IDENTIFIER_QUOTE) return -1;
        scratch[out++] = STRING_MARK;
        break;
      }
      case IDENTIFIER_QUOTE: {
        if (at > start && buffer[at - 1] === 0x26) return -1;
        scratch[out++] = byte;
        at++;
        for (;;) {
          if (at >= end) return -1;
          const inside = buffer[at] as number;
          if (inside < 0x20 || inside >= 0x7f || inside === 0x5c) return -1;
          scratch[out++] = inside;
          at++;
          if (inside === 0x22) {
            // `""` within, or the end: in both cases what follows is looked at afresh, and `""` opens and closes nothing else.
            if (at < end && buffer[at] === 0x22) {
              scratch[out++] = 0x22;
              at++;
              continue;
            }
            break;
          }
        }
        const next = at < end ? CLASS[buffer[at] as number] : OTHER;
        if (next === WORD || next === DIGIT || next === QUOTE || next === DOLLAR || next === BAIL) return -1;
        break;
      }
      case DOLLAR: {
        // `$1` is a parameter and stays; `$$` and `$tag$` open a string.
        scratch[out++] = byte;
        at++;
        if (at >= end || CLASS[buffer[at] as number] !== DIGIT) return -1;
        while (at < end && CLASS[buffer[at] as number] === DIGIT) scratch[out++] = buffer[at++] as number;
        const next = at < end ? CLASS[buffer[at] as number] : OTHER;
        if (next === WORD || next === DOLLAR || next === BAIL || next === QUOTE || next === IDENTIFIER_QUOTE || next === DOT) return -1;
        break;
      }
      case DASH:
        if (at + 1 < end && buffer[at + 1] === 0x2d) return -1;
        scratch[out++] = byte;
        at++;
        break;
      case SLASH:
        if (at + 1 < end && buffer[at + 1] === 0x2a) return -1;
        scratch[out++] = byte;
        at++;
        break;
      case DOT: {
        // A name's dot stays. `.5` is a number that begins with its dot.
        const next = at + 1 < end ? CLASS[buffer[at + 1] as number] : OTHER;
        if (next === DIGIT || next === DOT || next === BAIL) return -1;
        scratch[out++] = byte;
        at++;
        break;
      }
      default:
        return -1;
    }
  }
  return beyondAscii && !isUtf8(buffer.subarray(start, end)) ? -1 : out;
}
