/** Dates of birth: a date in digits with a word for birth near it. A date without such a word is a date. */
import { BIRTH_WORD, isCalled } from './context-words.js';
import { DASH_GAP, DOT_GAP, type NumberRun, SLASH_GAP } from './number-run.js';

/** Years that someone alive may be born in; the upper end needs no clock, and nobody is hurt by a date too many. */
const FIRST_YEAR = 1900;
const LAST_YEAR = 2099;
/** How far before a date its word may be, bytes: dates are common, and the word is right there. */
const NEAR = 24;
const digits = new Uint8Array(8);

/** The last group of a date of birth that begins with `group`, or −1: `yyyy-mm-dd`, `dd.mm.yyyy`, `m/d/yy`, `yyyymmdd`. */
export function birthDateAt(run: NumberRun, group: number, bytes: Uint8Array, floor: number, limit: number): number {
  const last = dateAt(run, group);
  if (last < 0 || !run.isApart(group, last === group ? last : group)) return -1;
  return isCalled(BIRTH_WORD, bytes, run.start(group), run.stop(last), Math.max(floor, run.start(group) - NEAR), limit) ? last : -1;
}

function dateAt(run: NumberRun, group: number): number {
  if (run.size(group) === 8 && run.collect(group, group, digits) === 8) return isDate(number(0, 4), number(4, 6), number(6, 8)) ? group : -1;
  const gap = run.gap(group + 1);
  if (gap !== run.gap(group + 2) || (gap !== DASH_GAP && gap !== DOT_GAP && gap !== SLASH_GAP)) return -1;
  const [first, second, third] = [run.size(group), run.size(group + 1), run.size(group + 2)];
  const short = (size: number): boolean => size === 1 || size === 2;
  if (!short(second)) return -1;
  const forward = first === 4 && short(third);
  if (!forward && !(short(first) && (third === 4 || third === 2))) return -1;
  run.collect(group, group + 2, digits);
  const a = number(0, first);
  const b = number(first, first + second);
  // Two digits of a year are of the last century or this one: both pass.
  const c = number(first + second, first + second + third) + (!forward && third === 2 ? FIRST_YEAR : 0);
  return (forward ? isDate(a, b, c) : isDate(c, a, b) || isDate(c, b, a)) ? group + 2 : -1;
}

function number(from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + (digits[i] ?? 0);
  return value;
}

const isDate = (year: number, month: number, day: number): boolean =>
  year >= FIRST_YEAR && year <= LAST_YEAR && month >= 1 && month <= 12 && day >= 1 && day <= 31;
