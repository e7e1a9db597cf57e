/**
 * US tax and bank numbers of nine digits: SSN, ITIN and ATIN, EIN, ABA routing numbers, by the rules of their issuers. Of random nine digits
 * 89 % could be an SSN, so that nine digits in one piece need a word that says what they are.
 */
import { ABA_WORD, ACCOUNT_WORD, contextOf, EIN_WORD, FARTHER, isCalled, SSN_WORD } from './context-words.js';
import { DASH_GAP, DOT_GAP, NO_GAP, type NumberRun, PARENTHESIS_GAP, SLASH_GAP, SPACE_GAP } from './number-run.js';

const digits = new Uint8Array(9);

/** Numbers in print that belong to nobody: form fillers, and cards that came with wallets. */
const FAKES: ReadonlySet<number> = new Set([123_456_789, 78_051_120, 219_099_999]);
/** Never assigned by the IRS, as the first two digits of an EIN. */
const FREE_EIN_PREFIXES: ReadonlySet<number> = new Set([0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97]);

export const NO_NUMBER = 0;
export const SSN = 1;
export const ITIN = 2;
export const EIN = 3;
export const ABA = 4;

/** What `ddd-dd-dddd` at `group` is: an SSN, an ITIN, or neither. Separators must be equal and the number must stand alone. */
export function socialSecurityAt(run: NumberRun, group: number, chained: boolean, bytes: Uint8Array, floor: number, limit: number): number {
  if (run.size(group) !== 3 || run.size(group + 1) !== 2 || run.size(group + 2) !== 4) return NO_NUMBER;
  const gap = run.gap(group + 1);
  if (gap !== run.gap(group + 2) || gap === NO_GAP || gap === PARENTHESIS_GAP) return NO_NUMBER;
  if (!run.isApart(group, group + 2)) return NO_NUMBER;
  // In a row of SSNs between spaces each stands at the side of another.
  const begins = run.gap(group) !== gap || (gap === SPACE_GAP && chained);
  const another = gap === SPACE_GAP && run.size(group + 3) === 3 && run.size(group + 4) === 2 && run.size(group + 5) === 4;
  const alone = begins && (run.gap(group + 3) !== gap || another);
  if (!alone && (gap !== SPACE_GAP || !isCalled(SSN_WORD, bytes, run.start(group), run.stop(group + 2), floor, limit))) return NO_NUMBER;
  run.collect(group, group + 2, digits);
  return kindOf();
}

/** Most groups that nine digits are split into. */
const MAX_PARTS = 5;

/** The last of two to five groups that have nine digits together, where a word says SSN: `ssn 536-904399`. −1 for none. */
export function splitAt(run: NumberRun, group: number, bytes: Uint8Array, floor: number, limit: number): number {
  let total = run.size(group);
  let last = group;
  // Slashes make dates.
  while (total < 9 && last - group + 1 < MAX_PARTS && run.size(last + 1) > 0 && run.gap(last + 1) !== SLASH_GAP) total += run.size(++last);
  if (total !== 9 || last === group || !run.isApart(group, last)) return -1;
  return isCalled(SSN_WORD, bytes, run.start(group), run.stop(last), floor, limit) ? last : -1;
}

/** What those groups are. */
export function kindOfSplit(run: NumberRun, first: number, last: number): number {
  return run.collect(first, last, digits) === 9 ? kindOf() : NO_NUMBER;
}

/** `dd-ddddddd` with a word for it. */
export function employerAt(run: NumberRun, group: number, bytes: Uint8Array, floor: number, limit: number): boolean {
  if (run.size(group) !== 2 || run.size(group + 1) !== 7 || run.gap(group + 1) !== DASH_GAP || !run.isApart(group, group + 1)) return false;
  if (run.gap(group) === DASH_GAP || run.gap(group + 2) === DASH_GAP) return false;
  run.collect(group, group + 1, digits);
  return isEmployer() && isCalled(EIN_WORD, bytes, run.start(group), run.stop(group + 1), floor, limit);
}

/** What nine digits in one piece are, by the words around them. */
export function nineDigitsAt(run: NumberRun, group: number, bytes: Uint8Array, floor: number, limit: number): number {
  if (run.size(group) !== 9 || !run.isApart(group, group) || run.gap(group) === DOT_GAP || run.gap(group + 1) === DOT_GAP) return NO_NUMBER;
  run.collect(group, group, digits);
  const words = contextOf(bytes, run.start(group), run.stop(group), floor, limit);
  if (words === 0) return NO_NUMBER;
  const nearer = calledBy(words & 0xffff, run, group);
  return nearer !== NO_NUMBER ? nearer : calledBy(words >> FARTHER, run, group);
}

function calledBy(words: number, run: NumberRun, group: number): number {
  if (isRouting() && ((words & ABA_WORD) !== 0 || ((words & ACCOUNT_WORD) !== 0 && hasAccountBeside(run, group)))) return ABA;
  if ((words & SSN_WORD) !== 0) {
    const kind = kindOf();
    if (kind !== NO_NUMBER) return kind;
  }
  return (words & EIN_WORD) !== 0 && isEmployer() ? EIN : NO_NUMBER;
}

function hasAccountBeside(run: NumberRun, group: number): boolean {
  const isAccount = (size: number): boolean => size >= 4 && size <= 17;
  return isAccount(run.size(group + 1)) || (group > 0 && isAccount(run.size(group - 1)));
}

/** SSN by the rule since 2011, ITIN by its ranges of digits four and five, ATIN (93), or neither. */
function kindOf(): number {
  let number = 0;
  let same = true;
  for (const digit of digits) {
    number = number * 10 + digit;
    same &&= digit === digits[0];
  }
  const area = Math.floor(number / 1_000_000);
  const pair = Math.floor(number / 10_000) % 100;
  const serial = number % 10_000;
  if (same || FAKES.has(number) || serial === 0) return NO_NUMBER;
  if (area >= 900) {
    // 987-65-4320 to -4329 are printed in advertisements.
    if (Math.floor(number / 10) === 98_765_432) return NO_NUMBER;
    return (pair >= 50 && pair <= 65) || (pair >= 70 && pair <= 88) || (pair >= 90 && pair <= 99) ? ITIN : NO_NUMBER;
  }
  return area === 0 || area === 666 || pair === 0 ? NO_NUMBER : SSN;
}

const isEmployer = (): boolean => !FREE_EIN_PREFIXES.has((digits[0] ?? 0) * 10 + (digits[1] ?? 0));

/** Prefix of a Federal Reserve district, a thrift, an electronic or a traveller's cheque number, and the check sum 3-7-1. */
function isRouting(): boolean {
  const prefix = (digits[0] ?? 0) * 10 + (digits[1] ?? 0);
  if (!(prefix <= 12 || (prefix >= 21 && prefix <= 32) || (prefix >= 61 && prefix <= 72) || prefix === 80)) return false;
  let sum = 0;
  let any = 0;
  for (let i = 0; i < 9; i++) {
    sum += (digits[i] ?? 0) * (i % 3 === 0 ? 3 : i % 3 === 1 ? 7 : 1);
    any |= digits[i] ?? 0;
  }
  return any !== 0 && sum % 10 === 0;
}
