/**
 * Telephone numbers: the North American plan in its usual spellings, and international numbers that begin with `+` and a country code
 * that is assigned. Digits in one piece without `+` need a word for a telephone.
 */
import { isCalled, PHONE_WORD } from './context-words.js';
import { DASH_GAP, DOT_GAP, NO_GAP, type NumberRun, PARENTHESIS_GAP, SLASH_GAP, SPACE_GAP } from './number-run.js';

const PLUS = 0x2b;
const MAX_DIGITS = 15;
/** Shortest international number that is believed, country code included. */
const MIN_DIGITS = 8;
const digits = new Uint8Array(MAX_DIGITS);

/** Country codes of ITU-T E.164 of one and two digits; all others have three. */
const SHORT_CODES: ReadonlySet<number> = new Set(
  [1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 64, 65, 66].concat([
    81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
  ]),
);
/** First two digits of the codes of three digits. */
const LONG_CODES: ReadonlySet<number> = new Set([21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99]);

/** The last group of a telephone number that begins with `group`, or −1. `afterPlus`: a `+` that no letter or digit touches stands before. */
export function phoneAt(run: NumberRun, group: number, afterPlus: boolean, chained: boolean, bytes: Uint8Array, floor: number, limit: number): number {
  if (group === 0 && run.before === PLUS) return afterPlus ? international(run) : -1;
  const country = run.size(group) === 1 && run.digit(group, 0) === 1 ? 1 : 0;
  const area = group + country;
  if (run.size(area) === 3 && run.size(area + 1) === 3 && run.size(area + 2) === 4) return spelled(run, group, area, chained);
  if (run.size(area) === 3 && run.size(area + 1) === 7) return within(run, group, area + 1, bytes, floor, limit);
  if (run.size(group) === 10 || run.size(group) === 11) return within(run, group, group, bytes, floor, limit);
  return -1;
}

/** `212-555-0123`, `(212) 555-0123`, `1.212.555.0123` with equal separators, or an area code in parentheses before any. */
function spelled(run: NumberRun, first: number, area: number, chained: boolean): number {
  const last = area + 2;
  const gap = run.gap(last);
  const beforeExchange = run.gap(area + 1);
  if (gap !== DASH_GAP && gap !== DOT_GAP && gap !== SPACE_GAP) return -1;
  if (beforeExchange !== gap && beforeExchange !== PARENTHESIS_GAP && beforeExchange !== SLASH_GAP) return -1;
  const another = gap === SPACE_GAP && run.size(last + 1) === 3 && run.size(last + 2) === 3 && run.size(last + 3) === 4;
  if (!run.isApart(first, last) || (run.gap(last + 1) === gap && !another)) return -1;
  // A separator before the number makes it a piece of a longer one, but for the country code that is a part of it.
  if (run.gap(first) === gap && (gap !== SPACE_GAP || (beforeExchange === SPACE_GAP && !chained))) return -1;
  return run.collect(area, last, digits) === 10 && isNorthAmerican(0) ? last : -1;
}

function within(run: NumberRun, first: number, last: number, bytes: Uint8Array, floor: number, limit: number): number {
  if (!run.isApart(first, last) || run.gap(first) === DOT_GAP || run.gap(last + 1) === DOT_GAP) return -1;
  const length = run.collect(first, last, digits);
  if (length === 11 ? digits[0] !== 1 || !isNorthAmerican(1) : length !== 10 || !isNorthAmerican(0)) return -1;
  return isCalled(PHONE_WORD, bytes, run.start(first), run.stop(last), floor, limit) ? last : -1;
}

/** Groups after a `+`, as many as an E.164 number may have. */
function international(run: NumberRun): number {
  let total = run.size(0);
  let last = 0;
  let dots = 0;
  while (last + 1 < run.groups) {
    const gap = run.gap(last + 1);
    if (gap !== SPACE_GAP && gap !== DASH_GAP && gap !== DOT_GAP && gap !== PARENTHESIS_GAP) break;
    if (total + run.size(last + 1) > MAX_DIGITS) break;
    if (run.digit(0, 0) === 1 && total >= 11) break;
    dots += gap === DOT_GAP ? 1 : 0;
    last++;
    total += run.size(last);
  }
  // `+12345678.90` is an amount and `+49.0123456` a coordinate.
  if (total < MIN_DIGITS || total > MAX_DIGITS || (dots === 1 && last === 1)) return -1;
  if (!run.isApart(0, last) || run.collect(0, last, digits) !== total) return -1;
  if (digits[0] === 1) return total === 11 && isNorthAmerican(1) ? last : -1;
  const two = (digits[0] ?? 0) * 10 + (digits[1] ?? 0);
  return SHORT_CODES.has(digits[0] ?? 0) || SHORT_CODES.has(two) || LONG_CODES.has(two) ? last : -1;
}

/** `[2-9]xx [2-9]xx xxxx`, neither part ending in 11, no area code of the reserved ranges 37x, 96x and x9x. */
function isNorthAmerican(from: number): boolean {
  const at = (index: number): number => digits[from + index] ?? 0;
  if (at(0) < 2 || at(3) < 2 || at(1) === 9 || (at(1) === 1 && at(2) === 1) || (at(4) === 1 && at(5) === 1)) return false;
  return !((at(0) === 3 && at(1) === 7) || (at(0) === 9 && at(1) === 6));
}

/** Whether a run starts with a telephone's `+` rather than a sum's: what stands before it is no letter or digit. */
export function startsWithPlus(run: NumberRun, codeBeforePlus: number): boolean {
  const letter = (codeBeforePlus | 0x20) >= 0x61 && (codeBeforePlus | 0x20) <= 0x7a && codeBeforePlus < 0x80;
  return run.before === PLUS && run.gap(0) === NO_GAP && !letter && !(codeBeforePlus >= 0x30 && codeBeforePlus <= 0x39);
}
