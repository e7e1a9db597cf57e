/**
 * Canonical JSON in the manner of RFC 8785: keys in order of UTF-16 code units, no white space, numbers and strings as ECMAScript
 * writes them. Two values with the same content give the same text, so a digest over it names the content and not its layout.
 */

/** Whether `text`, which was decoded from UTF-8, is the canonical text of `value`, which was parsed from it. */
export function isCanonicalJson(text: string, value: unknown): boolean {
  if (isPlainlyCanonical(text)) return true;
  // JSON.stringify keeps the order in which keys were parsed: when the text is the same, only that order is left to look at.
  return JSON.stringify(value) === text ? isInOrder(value) : canonicalJson(value) === text;
}

function isInOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isInOrder);
  let before: string | null = null;
  for (const key of Object.keys(value)) {
    if (before !== null && key < before) return false;
    before = key;
    if (!isInOrder((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
/** Digits of an integer that is surely written as it is. */
const DIGITS = 15;

/**
 * The cheap answer for nearly all texts, without writing the value again: no escapes, no white space, integers only, keys in strict order. False: it has to
 * be looked at closely. The text is known to be JSON.
 */
function isPlainlyCanonical(text: string): boolean {
  if (text.includes('\\')) return false;
  /** For each level where the last key began and ended; -1: a list, or no key yet. */
  const begins: number[] = [];
  const ends: number[] = [];
  const objects: boolean[] = [];
  let expectsKey = false;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = text.indexOf('"', at + 1);
      if (expectsKey) {
        const level = begins.length - 1;
        const before = begins[level] ?? -1;
        if (before >= 0 && !comesBefore(text, before, ends[level] ?? 0, at + 1, end)) return false;
        begins[level] = at + 1;
        ends[level] = end;
        expectsKey = false;
      }
      at = end + 1;
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = endOfInteger(text, at);
      if (end < 0) return false;
      at = end;
    } else {
      if (code <= 0x20) return false;
      if (code === OPEN || code === OPEN_LIST) {
        begins.push(-1);
        ends.push(-1);
        objects.push(code === OPEN);
        expectsKey = code === OPEN;
      } else if (code === CLOSE || code === CLOSE_LIST) {
        begins.pop();
        ends.pop();
        objects.pop();
        expectsKey = false;
      } else if (code === COMMA) expectsKey = objects[objects.length - 1] === true;
      at++;
    }
  }
  return true;
}

/** Whether one stretch of the text is before another in the order of UTF-16 code units, and not the same. */
function comesBefore(text: string, from: number, to: number, otherFrom: number, otherTo: number): boolean {
  const length = Math.min(to - from, otherTo - otherFrom);
  for (let at = 0; at < length; at++) {
    const difference = text.charCodeAt(from + at) - text.charCodeAt(otherFrom + at);
    if (difference !== 0) return difference < 0;
  }
  return to - from < otherTo - otherFrom;
}

/** Where the integer at `at` ends; -1: it is another number, or one that might be written otherwise. */
function endOfInteger(text: string, at: number): number {
  const digits = text.charCodeAt(at) === MINUS ? at + 1 : at;
  let end = digits;
  for (let code = text.charCodeAt(end); code >= ZERO && code <= NINE; code = text.charCodeAt(end)) end++;
  // A fraction, an exponent, or the zero below zero.
  const next = text.charCodeAt(end);
  const isOther = next === 0x2e || next === 0x65 || next === 0x45 || (digits > at && text.charCodeAt(digits) === ZERO);
  return isOther || end - digits > DIGITS ? -1 : end;
}

/** The canonical text of a JSON value. Keys whose value is undefined are left out, as in JSON. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members: string[] = [];
    for (const key of Object.keys(value).sort()) {
      const member: unknown = (value as Record<string, unknown>)[key];
      if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
    }
    return `{${members.join(',')}}`;
  }
  return value === undefined ? 'null' : JSON.stringify(value);
}
