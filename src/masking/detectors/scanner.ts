/**
 * Finds values of sensitive classes in text that nobody tagged. One pass: a table says which bytes can begin or be inside a value (digits,
 * `@`, a few capitals, escapes), everything else is stepped over; where one stands, readers look around it within fixed bounds. No
 * regular expression, no backtracking, no allocation when nothing is found: the work is linear in the length for any input.
 * Untrusted input: any bytes.
 */
import { ByteMap } from '../../base/byte-map.js';
import { DETECTED_CLASSES, type DetectedClass } from '../../contract/masking.js';
import { birthDateAt } from './birth-date.js';
import { cardAt, trackEnd } from './card-number.js';
import { CARD_WORD, CODE_WORD, CVV_WORD, contextOf, isLabelled } from './context-words.js';
import { EmailReader } from './email-address.js';
import type { Findings } from './findings.js';
import { IbanReader } from './iban.js';
import { NumberRun } from './number-run.js';
import { phoneAt, startsWithPlus } from './phone-number.js';
import { accessKeyEnd, privateKeyEnd, tokenEnd } from './secret-text.js';
import { INVISIBLE, isDigit, isLetter, skipInvisibleBack, symbolAt, symbolBefore } from './symbols.js';
import { ABA, EIN, employerAt, ITIN, kindOfSplit, NO_NUMBER, nineDigitsAt, SSN, socialSecurityAt, splitAt } from './tax-number.js';

const code = (dataClass: DetectedClass): number => DETECTED_CLASSES.indexOf(dataClass);
const CODES = Object.fromEntries(DETECTED_CLASSES.map((each) => [each, code(each)])) as Readonly<Record<DetectedClass, number>>;
const NINE_DIGIT_CODES: Readonly<Record<number, number>> = { [SSN]: CODES.ssn, [ITIN]: CODES.itin, [EIN]: CODES.ein, [ABA]: CODES.aba };

/** What a byte may be the beginning of. */
const DIGIT = 1;
const AT_SIGN = 2;
const CAPITAL = 3;
const WIDE = 4;

/** How far behind a card its security code may stand, bytes. */
const NEAR_CARD = 64;
/** How far before a number the word for a security code may begin, bytes. */
const CODE_LABEL = 16;
/** The shortest value of digits alone, but for a security code and a date of birth, which has three groups. */
const FEWEST_DIGITS = 8;
const DATE_GROUPS = 3;

/** Bytes after a digit that may belong to the same number: separators, escapes, anything outside ASCII, more digits. */
const CONTINUES = new Uint8Array(256).fill(1, 0x80).fill(1, 0x30, 0x3a);
for (const char of ' ()-./\\\u001b') CONTINUES[char.charCodeAt(0)] = 1;
/** Bytes before a digit that may make it the check digit of an IBAN: letters, and whatever hides one. */
const MAY_LEAD = new Uint8Array(256).fill(1, 0x80).fill(1, 0x41, 0x5b).fill(1, 0x61, 0x7b).fill(1, 0x30, 0x3a);

export interface Scanner {
  /**
   * Finds values in `bytes` from `start` to `end`, clears `out` and writes them there; gives their number. Bytes from `contextStart` on
   * are seen as what stands before, and are never reported. Nothing outside is looked at.
   */
  scan(bytes: Uint8Array, start: number, end: number, out: Findings, contextStart?: number): number;
  /** What is scanned next is within this stretch, from its beginning to its end: it may be looked through at once (see `ByteMap`). */
  begin(stretch: Uint8Array): void;
  end(): void;
  /** Bytes that readers looked at beyond the one pass, since the scanner was made: linear in the input, and a test holds it to that. */
  readonly work: number;
}

/** A scanner for some classes; keep it, it holds the buffers that calls reuse. */
export function createScanner(classes: readonly DetectedClass[]): Scanner {
  return new ByteScanner(new Set(classes));
}

class ByteScanner implements Scanner {
  work = 0;
  readonly #wanted: Uint8Array;
  readonly #table: Uint8Array;
  readonly #map: ByteMap;
  readonly #run = new NumberRun();
  readonly #iban = new IbanReader();
  readonly #email = new EmailReader();
  #bytes: Uint8Array = new Uint8Array(0);
  #floor = 0;
  #start = 0;
  #end = 0;
  #out: Findings | null = null;
  /** End of the last card, for its security code. */
  #cardEnd = -1;

  constructor(classes: ReadonlySet<DetectedClass>) {
    this.#wanted = Uint8Array.from(DETECTED_CLASSES, (each) => (classes.has(each) ? 1 : 0));
    this.#table = new Uint8Array(256);
    const digits = DETECTED_CLASSES.some((each) => each !== 'email' && each !== 'secret' && classes.has(each));
    if (digits) this.#table.fill(DIGIT, 0x30, 0x3a);
    if (classes.has('email')) this.#table[0x40] = AT_SIGN;
    if (classes.has('secret')) for (const letter of 'BIJ') this.#table[letter.charCodeAt(0)] = CAPITAL;
    // A backslash or the first byte of a full-width character.
    if (digits || classes.has('email')) this.#table[0x5c] = this.#table[0xef] = WIDE;
    this.#map = new ByteMap('values', this.#table);
  }

  begin(stretch: Uint8Array): void {
    this.#map.begin(stretch);
  }

  end(): void {
    this.#map.end();
  }

  scan(bytes: Uint8Array, start: number, end: number, out: Findings, contextStart: number = start): number {
    out.clear();
    this.#bytes = bytes;
    this.#floor = contextStart;
    this.#start = start;
    this.#end = end;
    this.#out = out;
    this.#cardEnd = -1;
    const table = this.#table;
    let at = start;
    if (this.#map.covers(bytes)) {
      const map = this.#map;
      for (at = map.next(at, end); at < end; at = map.next(at, end)) at = this.#look(table[bytes[at] as number] as number, at);
      return out.count;
    }
    while (at < end) {
      const kind = table[bytes[at] as number];
      at = kind === 0 ? at + 1 : this.#look(kind as number, at);
    }
    return out.count;
  }

  /** Looks around a byte that may belong to a value; gives where to go on. */
  #look(kind: number, at: number): number {
    if (kind === DIGIT) {
      const next = this.#shortNumber(at);
      return next > 0 ? next : this.#number(at);
    }
    if (kind === AT_SIGN) return this.#address(at, 1);
    if (kind === CAPITAL) return this.#secret(at);
    const symbol = symbolAt(this.#bytes, at, this.#end);
    const length = symbol >> 8;
    if (isDigit(symbol & 0xff)) return this.#table[0x30] === DIGIT ? this.#number(at) : at + length;
    return (symbol & 0xff) === 0x40 && this.#wanted[CODES.email] === 1 ? this.#address(at, length) : at + length;
  }

  #found(dataClass: number, start: number, end: number): number {
    this.#out?.add(dataClass, Math.max(start, this.#start), end);
    return end;
  }

  #address(at: number, length: number): number {
    const email = this.#email;
    const found = email.read(this.#bytes, at, length, this.#floor, this.#end);
    this.work += email.looked;
    return found ? this.#found(CODES.email, email.start, email.end) : at + length;
  }

  #secret(at: number): number {
    const bytes = this.#bytes;
    const floor = this.#floor;
    const end = this.#end;
    const byte = bytes[at];
    const start = byte === 0x42 ? at - 5 : at - 2;
    const stop =
      byte === 0x42 ? privateKeyEnd(bytes, start, floor, end) : byte === 0x49 ? accessKeyEnd(bytes, start, floor, end) : tokenEnd(bytes, start, floor, end);
    this.work += stop < 0 ? 64 : stop - start;
    return stop > at ? this.#found(CODES.secret, start, stop) : at + 1;
  }

  #number(at: number): number {
    const bytes = this.#bytes;
    const run = this.#run;
    run.read(bytes, at, this.#floor, this.#end);
    this.work += run.end - at;
    if (isLetter(run.before)) {
      const end = this.#afterLetter(at);
      if (end > 0) return end;
    } else if (run.before === 0x3b && this.#wanted[CODES.track] === 1) {
      const end = trackEnd(run, bytes, this.#floor, this.#end);
      if (end > 0) return this.#found(CODES.track, at - 1, end);
    }
    const near = this.#cardEnd >= 0 && at - this.#cardEnd < NEAR_CARD;
    const short = !near && !this.#mayBeCode(at);
    const dates = this.#wanted[CODES.dob] === 1;
    if (short && run.digits < FEWEST_DIGITS && !(dates && run.groups >= DATE_GROUPS)) return run.next;
    if (isLetter(run.before) && isLabelled(bytes, at, this.#floor)) run.before = 0x20;
    return this.#groups(short, dates);
  }

  /**
   * The common case, decided by a few bytes: fewer digits than any value has, and no separator, escape or wide character that could go
   * on with them. Gives where to go on, or −1 when the number has to be read.
   */
  #shortNumber(at: number): number {
    const bytes = this.#bytes;
    const limit = Math.min(this.#end, at + FEWEST_DIGITS);
    let stop = at + 1;
    while (stop < limit && isDigit(bytes[stop] as number)) stop++;
    if (stop === at + FEWEST_DIGITS || (stop < this.#end && CONTINUES[bytes[stop] as number] === 1)) return -1;
    if (at > this.#floor && MAY_LEAD[bytes[at - 1] as number] === 1) return -1;
    if ((this.#cardEnd >= 0 && at - this.#cardEnd < NEAR_CARD) || this.#mayBeCode(at)) return -1;
    return stop;
  }

  /** Whether `cv` stands close before, as in the words for a security code that need no card near them. Cheap, asked at every number. */
  #mayBeCode(at: number): boolean {
    if (this.#wanted[CODES.cvv] === 0) return false;
    const bytes = this.#bytes;
    for (let i = Math.max(this.#floor + 1, at - CODE_LABEL); i < at; i++) {
      if (((bytes[i] as number) | 0x20) === 0x76 && ((bytes[i - 1] as number) | 0x20) === 0x63) return true;
    }
    return false;
  }

  /** A run that a letter touches: an IBAN's check digits, or a track. Gives its end, or −1. */
  #afterLetter(at: number): number {
    const iban = this.#iban;
    if (this.#wanted[CODES.iban] === 1 && iban.read(this.#bytes, at, this.#floor, this.#end)) {
      this.work += iban.end - iban.start;
      return this.#found(CODES.iban, iban.start, iban.end);
    }
    this.work += 40;
    if (this.#wanted[CODES.track] === 0 || this.#run.before !== 0x42) return -1;
    const end = trackEnd(this.#run, this.#bytes, this.#floor, this.#end);
    return end > 0 ? this.#found(CODES.track, at - 2, end) : -1;
  }

  /** Tries every class at every group of the run; gives where to go on. */
  #groups(short: boolean, dates: boolean): number {
    const run = this.#run;
    let group = 0;
    let chained = false;
    let left = run.digits;
    while (group < run.groups) {
      // What is left may be too short for anything.
      if (short && left < FEWEST_DIGITS && !(dates && run.groups - group >= DATE_GROUPS)) break;
      const last = this.#value(group, chained);
      chained = last >= 0;
      if (last < 0) {
        left -= run.size(group++);
        continue;
      }
      // What is beyond a value in a shared piece is read again from there.
      if (run.stop(last) > run.next) return run.stop(last);
      while (group <= last) left -= run.size(group++);
    }
    return run.next;
  }

  /** The last group of a value that begins with `group`, or −1. The strictest rules come first. */
  #value(group: number, chained: boolean): number {
    const bytes = this.#bytes;
    const floor = this.#floor;
    const end = this.#end;
    const run = this.#run;
    const wanted = this.#wanted;
    const size = run.size(group);
    if (wanted[CODES.pan] === 1) {
      const last = cardAt(run, group, chained, bytes, floor, end);
      this.work += 64;
      if (last >= 0) return this.#groupsFound(CODES.pan, group, last);
    }
    if (size === 3) {
      const kind = socialSecurityAt(run, group, chained, bytes, floor, end);
      if (this.#wants(kind)) return this.#groupsFound(NINE_DIGIT_CODES[kind] ?? 0, group, group + 2);
    }
    if (size < 9 && size > 0) {
      const last = splitAt(run, group, bytes, floor, end);
      if (last >= 0) {
        this.work += 64;
        const kind = kindOfSplit(run, group, last);
        if (this.#wants(kind)) return this.#groupsFound(NINE_DIGIT_CODES[kind] ?? 0, group, last);
      }
    }
    if (size === 9) {
      const kind = nineDigitsAt(run, group, bytes, floor, end);
      this.work += 64;
      if (this.#wants(kind)) return this.#groupsFound(NINE_DIGIT_CODES[kind] ?? 0, group, group);
    }
    if (size === 2 && wanted[CODES.ein] === 1 && employerAt(run, group, bytes, floor, end)) return this.#groupsFound(CODES.ein, group, group + 1);
    return this.#lenient(group, size, chained);
  }

  #lenient(group: number, size: number, chained: boolean): number {
    const bytes = this.#bytes;
    const floor = this.#floor;
    const end = this.#end;
    const run = this.#run;
    const wanted = this.#wanted;
    if (wanted[CODES.phone] === 1 && (size <= 3 || size === 10 || size === 11 || group === 0)) {
      const plus = group === 0 && run.before === 0x2b && this.#plusIsApart();
      const last = phoneAt(run, group, plus, chained, bytes, floor, end);
      this.work += 64;
      if (last >= 0) return this.#groupsFound(CODES.phone, group, last, plus);
    }
    if (wanted[CODES.dob] === 1 && (size <= 2 || size === 4 || size === 8)) {
      const last = birthDateAt(run, group, bytes, floor, end);
      this.work += 64;
      if (last >= 0) return this.#groupsFound(CODES.dob, group, last);
    }
    if (wanted[CODES.cvv] === 1 && (size === 3 || size === 4) && run.isApart(group, group)) {
      this.work += 64;
      const words = contextOf(bytes, run.start(group), run.stop(group), Math.max(floor, run.start(group) - CODE_LABEL), run.stop(group));
      const near = this.#cardEnd >= 0 && run.start(group) - this.#cardEnd < NEAR_CARD;
      if ((near && (words & (CVV_WORD | CODE_WORD)) !== 0) || (words & ~CARD_WORD) === CVV_WORD) return this.#groupsFound(CODES.cvv, group, group);
    }
    return -1;
  }

  #wants(kind: number): boolean {
    return kind !== NO_NUMBER && this.#wanted[NINE_DIGIT_CODES[kind] ?? 0] === 1;
  }

  #plusIsApart(): boolean {
    const plus = skipInvisibleBack(this.#bytes, this.#run.start(0), this.#floor);
    const before = symbolBefore(this.#bytes, plus, this.#floor);
    const further = symbolBefore(this.#bytes, skipInvisibleBack(this.#bytes, plus - (before >> 8), this.#floor), this.#floor) & 0xff;
    return startsWithPlus(this.#run, further === INVISIBLE ? 0 : further);
  }

  #groupsFound(dataClass: number, first: number, last: number, plus = false): number {
    const run = this.#run;
    let start = run.start(first);
    // The `+` or `(` before a telephone number is a part of it.
    if (plus || (dataClass === CODES.phone && first === 0 && run.before === 0x28)) {
      const sign = skipInvisibleBack(this.#bytes, start, this.#floor);
      start = sign - (symbolBefore(this.#bytes, sign, this.#floor) >> 8);
    }
    this.#found(dataClass, start, run.stop(last));
    if (dataClass === CODES.pan) this.#cardEnd = run.stop(last);
    return last;
  }
}
