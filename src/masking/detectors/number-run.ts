/**
 * A run of digit groups and the separators between them, as most numbers are written: `536-90-4399`, `(212) 555-0123`, `4111 1111 …`.
 * Read once from left to right; the checks look at groups, never at the bytes again. One instance is reused for all runs.
 */
import { INVISIBLE, isDigit, isLetter, skipInvisible, skipInvisibleBack, symbolAt, symbolBefore } from './symbols.js';

/** What stands between two groups. */
export const NO_GAP = 0;
export const SPACE_GAP = 1;
export const DASH_GAP = 2;
export const DOT_GAP = 3;
export const SLASH_GAP = 4;
/** A parenthesis, with or without a space or dash. */
export const PARENTHESIS_GAP = 5;
/** ` - ` */
export const SPACED_DASH_GAP = 6;

/** Groups of one run. A longer one is read in pieces that share `SHARED_GROUPS`. */
const MAX_GROUPS = 64;
const SHARED_GROUPS = 8;
/** Digits that are kept of each group: one more than any value has. */
const KEPT_DIGITS = 20;

export class NumberRun {
  groups = 0;
  /** Digits of all groups, those not kept included. */
  digits = 0;
  /** Codes of the characters before and after the run (see symbols.ts). */
  before = 0;
  after = 0;
  /** Where the run ends; where to go on reading: there, or at a group that the next piece shares. */
  end = 0;
  next = 0;
  readonly #start = new Int32Array(MAX_GROUPS);
  readonly #stop = new Int32Array(MAX_GROUPS);
  readonly #size = new Int32Array(MAX_GROUPS);
  readonly #gap = new Uint8Array(MAX_GROUPS + 1);
  readonly #values = new Uint8Array(MAX_GROUPS * KEPT_DIGITS);

  /** Offset of the first byte of a group. */
  start(group: number): number {
    return this.#start[group] ?? 0;
  }
  /** Offset after the last byte of a group. */
  stop(group: number): number {
    return this.#stop[group] ?? 0;
  }
  /** Digits of a group; 0 beyond the last. */
  size(group: number): number {
    return group < this.groups ? (this.#size[group] ?? 0) : 0;
  }
  /** What stands before a group; `NO_GAP` before the first and after the last unless a digit is on the other side. */
  gap(group: number): number {
    return this.#gap[group] ?? NO_GAP;
  }
  /** A digit of a group. */
  digit(group: number, index: number): number {
    return this.#values[group * KEPT_DIGITS + index] ?? 0;
  }

  /** Whether no letter or digit touches the group from outside. */
  isApart(first: number, last: number): boolean {
    return (first > 0 || !(isLetter(this.before) || isDigit(this.before))) && (last < this.groups - 1 || !(isLetter(this.after) || isDigit(this.after)));
  }

  /** Copies the digits of groups `first`…`last` into `out`; gives their number, or 0 when they are more than fit. */
  collect(first: number, last: number, out: Uint8Array): number {
    let length = 0;
    for (let group = first; group <= last; group++) {
      const size = this.#size[group] ?? 0;
      if (size > KEPT_DIGITS || length + size > out.length) return 0;
      for (let i = 0; i < size; i++) out[length++] = this.digit(group, i);
    }
    return length;
  }

  /** Reads the run whose first digit is at `at`. Looks at nothing before `floor` or from `end` on. */
  read(bytes: Uint8Array, at: number, floor: number, end: number): void {
    this.#look(bytes, at, floor);
    this.digits = 0;
    let group = 0;
    let i = at;
    for (;;) {
      i = this.#readGroup(bytes, i, end, group);
      this.digits += this.#size[group] ?? 0;
      const found = separator(bytes, i, end);
      const gap = found & 7;
      if (gap === NO_GAP) break;
      this.#gap[group + 1] = gap;
      if (group + 1 === MAX_GROUPS) {
        this.groups = MAX_GROUPS;
        this.after = 0x20;
        this.end = this.stop(group);
        this.next = this.start(MAX_GROUPS - SHARED_GROUPS);
        return;
      }
      i += found >> 3;
      group++;
    }
    this.groups = group + 1;
    this.#gap[group + 1] = NO_GAP;
    this.after = symbolAt(bytes, skipInvisible(bytes, this.stop(group), end), end) & 0xff;
    this.end = this.stop(group);
    this.next = Math.max(i, at + 1);
  }

  #look(bytes: Uint8Array, at: number, floor: number): void {
    const byte = at > floor ? (bytes[at - 1] ?? 0) : 0xff;
    // Tabs, quotes, commas and most other signs need no second look.
    if (byte < 0x2d && byte !== 0x20) {
      this.before = byte;
      this.#gap[0] = NO_GAP;
      return;
    }
    const edge = skipInvisibleBack(bytes, at, floor);
    const symbol = symbolBefore(bytes, edge, floor);
    this.before = symbol & 0xff;
    const code = this.before;
    const gap = code === 0x20 ? SPACE_GAP : code === 0x2d ? DASH_GAP : code === 0x2e ? DOT_GAP : NO_GAP;
    const further = gap === NO_GAP ? 0 : symbolBefore(bytes, skipInvisibleBack(bytes, edge - (symbol >> 8), floor), floor) & 0xff;
    this.#gap[0] = isDigit(further) ? gap : NO_GAP;
  }

  #readGroup(bytes: Uint8Array, at: number, end: number, group: number): number {
    const base = group * KEPT_DIGITS;
    let size = 0;
    let i = at;
    let stop = at;
    while (i < end) {
      const byte = bytes[i] ?? 0;
      if (byte >= 0x30 && byte <= 0x39) {
        if (size < KEPT_DIGITS) this.#values[base + size] = byte - 0x30;
        size++;
        stop = ++i;
        continue;
      }
      if (byte < 0x80 && byte !== 0x5c && byte !== 0x1b) break;
      const symbol = symbolAt(bytes, i, end);
      const code = symbol & 0xff;
      if (isDigit(code)) {
        if (size < KEPT_DIGITS) this.#values[base + size] = code - 0x30;
        size++;
        i += symbol >> 8;
        stop = i;
      } else if (code === INVISIBLE) i += symbol >> 8;
      else break;
    }
    this.#start[group] = at;
    this.#stop[group] = stop;
    this.#size[group] = size;
    return i;
  }
}

/** The separator at `at` if a digit follows it: its kind in the low three bits, its length in bytes above. */
function separator(bytes: Uint8Array, at: number, end: number): number {
  const symbol = symbolAt(bytes, at, end);
  const code = symbol & 0xff;
  if (code !== 0x20 && (code < 0x28 || code > 0x2f)) return NO_GAP;
  const second = skipInvisible(bytes, at + (symbol >> 8), end);
  const next = symbolAt(bytes, second, end);
  const nextCode = next & 0xff;
  if (isDigit(nextCode)) {
    const gap = code === 0x20 ? SPACE_GAP : code === 0x2d ? DASH_GAP : code === 0x2e ? DOT_GAP : code === 0x2f ? SLASH_GAP : parenthesis(code);
    return ((second - at) << 3) | gap;
  }
  const third = skipInvisible(bytes, second + (next >> 8), end);
  const last = symbolAt(bytes, third, end);
  const lastCode = last & 0xff;
  const opens = code === 0x20 && nextCode === 0x28;
  const closes = code === 0x29 && (nextCode === 0x20 || nextCode === 0x2d || nextCode === 0x2e);
  if ((opens || closes) && isDigit(lastCode)) return ((third - at) << 3) | PARENTHESIS_GAP;
  if (code !== 0x20 || nextCode !== 0x2d || lastCode !== 0x20) return NO_GAP;
  const fourth = skipInvisible(bytes, third + (last >> 8), end);
  return isDigit(symbolAt(bytes, fourth, end) & 0xff) ? ((fourth - at) << 3) | SPACED_DASH_GAP : NO_GAP;
}

const parenthesis = (code: number): number => (code === 0x28 || code === 0x29 ? PARENTHESIS_GAP : NO_GAP);
