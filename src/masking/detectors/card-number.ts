/**
 * Card numbers (PAN) and the magnetic track around one: 13–19 digits whose issuer prefix and length belong together and whose Luhn digit
 * is right. Written in one piece or in the groups of a card with one separator; a decimal, a piece of a longer number or of an
 * identifier is none.
 */
import { CARD_WORD, isCalled } from './context-words.js';
import { DASH_GAP, DOT_GAP, NO_GAP, type NumberRun, SPACE_GAP, SPACED_DASH_GAP } from './number-run.js';

const MAX_DIGITS = 19;
const digits = new Uint8Array(MAX_DIGITS);

/** How cards are printed and typed, the longest first: the beginning of a card of 19 digits may look like one of 16. */
const GROUPINGS: readonly (readonly number[])[] = [
  [4, 4, 4, 4, 3],
  [4, 4, 4, 4, 2],
  [4, 4, 4, 4, 1],
  [4, 4, 4, 4],
  [4, 4, 4, 3],
  [4, 4, 4, 2],
  [4, 4, 4, 1],
  [4, 6, 5],
  [4, 6, 4],
  [8, 8],
];

/** The last group of a card that begins with `group`, or −1. `chained`: the group before belongs to a card as well. */
export function cardAt(run: NumberRun, group: number, chained: boolean, bytes: Uint8Array, floor: number, limit: number): number {
  const size = run.size(group);
  if (size >= 13 && size <= MAX_DIGITS) {
    const decimal = run.gap(group) === DOT_GAP || run.gap(group + 1) === DOT_GAP;
    return !decimal && run.isApart(group, group) && isCard(run, group, group, bytes, floor, limit) ? group : -1;
  }
  const last = groupedAt(run, group, chained, bytes, floor, limit);
  return last >= 0 ? last : oddlyGroupedAt(run, group, bytes, floor, limit);
}

/** Most groups of a card that is grouped as nobody prints it. */
const MAX_PARTS = 8;

/** A card in any groups and separators, where a word says that it is one. */
function oddlyGroupedAt(run: NumberRun, group: number, bytes: Uint8Array, floor: number, limit: number): number {
  let total = run.size(group);
  for (let last = group + 1; last < run.groups && last < group + MAX_PARTS; last++) {
    total += run.size(last);
    if (total > MAX_DIGITS) return -1;
    if (total < 13 || !run.isApart(group, last) || run.collect(group, last, digits) !== total) continue;
    if (hasIssuer(total) && passesLuhn(total) && isCalled(CARD_WORD, bytes, run.start(group), run.stop(last), floor, limit)) return last;
  }
  return -1;
}

function groupedAt(run: NumberRun, group: number, chained: boolean, bytes: Uint8Array, floor: number, limit: number): number {
  const size = run.size(group);
  const next = run.size(group + 1);
  if (!(size === 4 && (next === 4 || next === 6)) && !(size === 8 && next === 8)) return -1;
  const gap = run.gap(group + 1);
  if (gap !== SPACE_GAP && gap !== DASH_GAP && gap !== DOT_GAP && gap !== SPACED_DASH_GAP) return -1;
  for (const grouping of GROUPINGS) {
    const last = group + grouping.length - 1;
    if (last >= run.groups || !matches(run, group, grouping, gap) || !run.isApart(group, last)) continue;
    if (isCard(run, group, last, bytes, floor, limit) && isEdge(run, group, last, gap, chained, bytes, floor, limit)) return last;
  }
  return -1;
}

function matches(run: NumberRun, group: number, grouping: readonly number[], gap: number): boolean {
  for (let i = 0; i < grouping.length; i++) if (run.size(group + i) !== grouping[i] || (i > 0 && run.gap(group + i) !== gap)) return false;
  return true;
}

/**
 * Whether the groups are a number of their own. Between spaces one free side is enough, since columns stand next to each other; in the
 * middle of a long row of groups (a tracking number) a word has to say that it is a card.
 */
function isEdge(run: NumberRun, first: number, last: number, gap: number, chained: boolean, bytes: Uint8Array, floor: number, limit: number): boolean {
  const begins = chained || run.gap(first) !== gap || (gap === SPACE_GAP && run.size(first - 1) !== 4);
  const ends = run.gap(last + 1) !== gap;
  if (gap !== SPACE_GAP) return begins && ends;
  return begins || ends || isCalled(CARD_WORD, bytes, run.start(first), run.stop(last), floor, limit);
}

function isCard(run: NumberRun, first: number, last: number, bytes: Uint8Array, floor: number, limit: number): boolean {
  const length = run.collect(first, last, digits);
  if (length === 0 || !hasIssuer(length)) return false;
  if (passesLuhn(length)) return true;
  // UnionPay numbers need no Luhn digit: there a word must vouch for them.
  const union = length >= 16 && (startsWith(2) === 62 || startsWith(2) === 81);
  return union && isCalled(CARD_WORD, bytes, run.start(first), run.stop(last), floor, limit);
}

function startsWith(count: number): number {
  let prefix = 0;
  for (let i = 0; i < count; i++) prefix = prefix * 10 + (digits[i] ?? 0);
  return prefix;
}

/** Whether a network issues numbers with this prefix in this length. */
function hasIssuer(length: number): boolean {
  const two = startsWith(2);
  const three = startsWith(3);
  const four = startsWith(4);
  if (digits[0] === 4) return length === 13 || length === 16 || length === 19;
  if (two >= 51 && two <= 55) return length === 16;
  if (four >= 2221 && four <= 2720) return length === 16;
  if (two === 34 || two === 37) return length === 15;
  if (four === 6011 || (three >= 644 && three <= 649) || two === 65) return length >= 16;
  if (four >= 3528 && four <= 3589) return length >= 16;
  if ((three >= 300 && three <= 305) || two === 36 || two === 38 || two === 39) return length >= 14;
  if (two === 62 || two === 81) return length >= 16;
  return two === 50 || (two >= 56 && two <= 69);
}

function passesLuhn(length: number): boolean {
  let sum = 0;
  for (let i = length - 1, double = false; i >= 0; i--, double = !double) {
    const value = (digits[i] ?? 0) * (double ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** Longest part of a track after its number, bytes. */
const MAX_TRACK = 96;

/**
 * Magnetic track data around the first group of a run: `%B<PAN>^NAME^YYMM…?` or `;<PAN>=YYMM…?`. Gives the offset after its end, or −1;
 * it starts two bytes or one before the group. ASCII only: readers write nothing else.
 */
export function trackEnd(run: NumberRun, bytes: Uint8Array, floor: number, limit: number): number {
  const size = run.size(0);
  if (size < 13 || size > MAX_DIGITS || run.gap(0) !== NO_GAP) return -1;
  const start = run.start(0);
  const stop = run.stop(0);
  const first = start - 2 >= floor && bytes[start - 2] === 0x25 && (bytes[start - 1] ?? 0) === 0x42 && bytes[stop] === 0x5e;
  const second = start - 1 >= floor && bytes[start - 1] === 0x3b && bytes[stop] === 0x3d;
  if (stop >= limit || (!first && !second)) return -1;
  const last = Math.min(limit, stop + MAX_TRACK);
  let at = stop;
  while (at < last && bytes[at] !== 0x3f && (bytes[at] ?? 0) >= 0x20) at++;
  return at < last && bytes[at] === 0x3f ? at + 1 : at;
}
