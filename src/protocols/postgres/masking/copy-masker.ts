/**
 * Masks the rows of COPY … TO STDOUT in its three formats (PostgreSQL documentation, COPY, "File Formats"). The server sends whole rows in
 * each CopyData; rows that are not whole, or have other fields than were planned, end the session. Values are unescaped before they are
 * masked and escaped again, so that a mask fits whatever the options say. What passes is stepped over in place.
 */
import { ByteMap } from '../../../base/byte-map.js';
import type { GwError } from '../../../contract/gw-error.js';
import { violation } from '../server-error.js';
import { type ColumnPlans, ValueCounts } from './column-plans.js';
import type { CopyFormat } from './copy-format.js';
import { type FrameSplicer, readInt32, writeInt32 } from './frame-splicer.js';
import type { MaskSink } from './row-masker.js';
import { showAbsent, showValue, type ValuePlan } from './value-plan.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');

/** COPY's text escapes: `\n` and its like. */
const ESCAPES: Readonly<Record<number, number>> = { 98: 0x08, 102: 0x0c, 110: 0x0a, 114: 0x0d, 116: 0x09, 118: 0x0b };
/** What forms that are written in place are made of. */
const FORMS = Buffer.from('*-0123456789');

export class CopyMasker {
  readonly #plans: readonly ValuePlan[];
  readonly #passing: Uint8Array;
  readonly #counts: ValueCounts;
  readonly #format: CopyFormat;
  readonly #sink: MaskSink;
  /** What ends a field, or may. */
  readonly #special: Uint8Array;
  readonly #map: ByteMap;
  /** The letter behind the backslash that a byte is written with; 0: it is written as it is. */
  readonly #letters: Uint8Array;
  /** Forms that are written in place need no escape. */
  readonly #plainForms: boolean;
  readonly passes: boolean;
  #headerDone: boolean;

  constructor({ values, passing, passes }: ColumnPlans, format: CopyFormat, sink: MaskSink) {
    this.#plans = values;
    this.#passing = passing;
    this.passes = passes;
    this.#format = format;
    this.#sink = sink;
    this.#counts = new ValueCounts(values);
    this.#headerDone = !format.header && format.kind !== 'binary';
    const { delimiter, quote, escape: escaping } = format;
    const csv = format.kind === 'csv';
    this.#special = new Uint8Array(256);
    for (const byte of [NEWLINE, delimiter, ...(csv ? [] : [BACKSLASH])]) this.#special[byte] = 1;
    this.#map = new ByteMap('structure', this.#special);
    this.#letters = new Uint8Array(256);
    for (const [letter, byte] of Object.entries(ESCAPES)) this.#letters[byte] = Number(letter);
    for (const byte of [BACKSLASH, delimiter]) this.#letters[byte] = byte;
    this.#plainForms = ![delimiter, ...(csv ? [quote, escaping] : [])].some((byte) => FORMS.includes(byte));
  }

  /** Tells how many values were changed since this was last called. */
  takeCounts(): void {
    this.#counts.take(this.#sink);
  }

  /** Frames of this stretch follow: it may be looked through at once. */
  begin(stretch: Uint8Array): void {
    this.#map.begin(stretch);
  }

  end(): void {
    this.#map.end();
  }

  /** Where in `[at, limit)` the next byte is that ends a field, or may; `limit`: there is none. */
  #next(bytes: Buffer, at: number, limit: number): number {
    if (this.#map.covers(bytes)) return this.#map.next(at, limit);
    const special = this.#special;
    let stop = at;
    while (stop < limit && special[bytes[stop] as number] === 0) stop++;
    return stop;
  }

  /** One CopyData, its frame at `bytes[at..next)`. */
  frame(frames: FrameSplicer, at: number, next: number): void {
    const head = frames.place(at + 1);
    if (this.#format.kind === 'binary') this.#binary(frames, at + 5, next);
    else this.#lines(frames, at + 5, next);
    const length = frames.place(next) - head;
    if (length !== next - at - 1) frames.int32At(head, length);
  }

  #lines(frames: FrameSplicer, start: number, end: number): void {
    let at = start;
    if (!this.#headerDone && at < end) {
      at = frames.bytes.indexOf(NEWLINE, at) + 1;
      if (at === 0 || at > end) throw misfit();
      this.#headerDone = true;
    }
    const csv = this.#format.kind === 'csv';
    while (at < end) at = csv ? this.#csvRow(frames, at, end) : this.#textRow(frames, at, end);
  }

  #textRow(frames: FrameSplicer, start: number, limit: number): number {
    const { bytes } = frames;
    const passing = this.#passing;
    const last = passing.length - 1;
    let at = start;
    for (let index = 0; ; index++) {
      let stop = at;
      let escaped = false;
      for (;;) {
        stop = this.#next(bytes, stop, limit);
        if (stop >= limit) throw misfit();
        if (bytes[stop] !== BACKSLASH) break;
        escaped = true;
        // A newline of a value is written as a letter: one that stands here ends the row.
        if (stop + 1 >= limit || bytes[stop + 1] === NEWLINE) throw misfit();
        stop += 2;
      }
      if (index > last) throw misfit();
      // Without a backslash in it the text for NULL may be that of a value as well, and telling the two apart would tell the value.
      if (passing[index] === 0) {
        if (escaped && this.#isNull(bytes, at, stop)) this.#absent(frames, index, at, stop);
        else this.#show(frames, index, at, stop, at, stop, escaped ? unescapeText(bytes.subarray(at, stop)) : null);
      }
      if (bytes[stop] === NEWLINE) {
        if (index !== last) throw misfit();
        return stop + 1;
      }
      at = stop + 1;
    }
  }

  #csvRow(frames: FrameSplicer, start: number, limit: number): number {
    const { bytes } = frames;
    const { quote } = this.#format;
    const special = this.#special;
    const passing = this.#passing;
    const last = passing.length - 1;
    let at = start;
    for (let index = 0; ; index++) {
      const quoted = bytes[at] === quote;
      let stop = at;
      let value: Buffer | null = null;
      if (quoted) {
        stop = this.#quotedEnd(bytes, at + 1, limit);
        if (passing[index] === 0) value = this.#unquoted(bytes, at + 1, stop - 1);
      } else stop = this.#next(bytes, stop, limit);
      if (stop >= limit || special[bytes[stop] as number] === 0 || index > last) throw misfit();
      if (passing[index] === 0) {
        const inner = quoted ? 1 : 0;
        if (!quoted && this.#isNull(bytes, at, stop)) this.#absent(frames, index, at, stop);
        else this.#show(frames, index, at, stop, at + inner, stop - inner, value);
      }
      if (bytes[stop] === NEWLINE) {
        if (index !== last) throw misfit();
        return stop + 1;
      }
      at = stop + 1;
    }
  }

  /** Behind the quote that ends the value whose first byte is at `start`. */
  #quotedEnd(bytes: Buffer, start: number, limit: number): number {
    const { quote, escape: escaping } = this.#format;
    for (let at = start; at < limit; at++) {
      const byte = bytes[at];
      if (byte === escaping && at + 1 < limit && (bytes[at + 1] === quote || bytes[at + 1] === escaping)) at++;
      else if (byte === quote) return at + 1;
    }
    throw misfit();
  }

  /** The value of what stands between quotes; null: it is written as it is. */
  #unquoted(bytes: Buffer, start: number, end: number): Buffer | null {
    const { escape: escaping } = this.#format;
    const first = bytes.indexOf(escaping, start);
    if (first < 0 || first >= end) return null;
    const out = Buffer.allocUnsafe(end - start);
    let length = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      // What follows is a quote or an escape: nothing else was taken for one.
      if (byte === escaping && at + 1 < end && this.#isEscapable(bytes[at + 1])) at++;
      out[length++] = bytes[at] as number;
    }
    return out.subarray(0, length);
  }

  #isEscapable(byte: number | undefined): boolean {
    return byte === this.#format.quote || byte === this.#format.escape;
  }

  #isNull(bytes: Buffer, start: number, end: number): boolean {
    const { nullText, kind } = this.#format;
    return end - start === nullText.length && (kind === 'csv' || nullText.includes(BACKSLASH)) && bytes.compare(nullText, 0, nullText.length, start, end) === 0;
  }

  /** A value: written as `bytes[from..to)`; itself `bytes[start..end)`, or `value` where it is not written as it is. */
  #show(frames: FrameSplicer, index: number, from: number, to: number, start: number, end: number, value: Buffer | null): void {
    const { bytes } = frames;
    const plan = this.#plans[index] as ValuePlan;
    if (plan.action === 'scan') {
      const found = value === null ? plan.scan.mask(bytes, start, end, this.#sink) : plan.scan.mask(value, 0, value.length, this.#sink);
      if (found !== null) this.#write(frames, from, to, found);
      return;
    }
    const whole = value ?? bytes.subarray(start, end);
    if (plan.action !== 'search') this.#counts.add(index);
    if (plan.action === 'transform' && plan.inPlace !== null && value === null && this.#plainForms) {
      const length = plan.inPlace(bytes, start, end);
      if (length >= 0) {
        if (start + length < end) frames.cut(start + length, end);
        return;
      }
    }
    const shown = showValue(plan, whole, this.#sink);
    if (shown === whole) return;
    if (shown === null) frames.replace(from, to, this.#format.nullText);
    else this.#write(frames, from, to, shown);
  }

  /** NULL, written as `bytes[from..to)`. */
  #absent(frames: FrameSplicer, index: number, from: number, to: number): void {
    const shown = showAbsent(this.#plans[index] as ValuePlan);
    if (shown === null) return;
    this.#counts.add(index);
    this.#write(frames, from, to, shown);
  }

  #write(frames: FrameSplicer, from: number, to: number, shown: Uint8Array): void {
    frames.replace(from, to, this.#format.kind === 'csv' ? this.#quoted(shown) : this.#escaped(shown));
  }

  #escaped(value: Uint8Array): Uint8Array {
    const letters = this.#letters;
    let escapes = 0;
    for (let i = 0; i < value.length; i++) if (letters[value[i] as number] !== 0) escapes++;
    if (escapes === 0) return value;
    const out = Buffer.allocUnsafe(value.length + escapes);
    let length = 0;
    for (const byte of value) {
      const letter = letters[byte] as number;
      if (letter !== 0) out[length++] = BACKSLASH;
      out[length++] = letter === 0 ? byte : letter;
    }
    return out;
  }

  #quoted(value: Uint8Array): Uint8Array {
    const { delimiter, quote, escape: escaping, nullText } = this.#format;
    let plain = true;
    for (let i = 0; i < value.length && plain; i++) {
      const byte = value[i] as number;
      plain = byte !== delimiter && byte !== quote && byte !== escaping && byte !== NEWLINE && byte !== RETURN;
    }
    if (plain && !nullText.equals(value)) return value;
    const bytes = [quote];
    for (const byte of value) {
      if (byte === quote || byte === escaping) bytes.push(escaping);
      bytes.push(byte);
    }
    bytes.push(quote);
    return Uint8Array.from(bytes);
  }

  #binary(frames: FrameSplicer, start: number, limit: number): void {
    const { bytes } = frames;
    const passing = this.#passing;
    let at = start;
    if (!this.#headerDone) {
      if (limit - at < 19 || !bytes.subarray(at, at + 11).equals(SIGNATURE)) throw misfit();
      at += 19 + bytes.readUInt32BE(at + 15);
      if (at > limit) throw misfit();
      this.#headerDone = true;
    }
    while (at < limit) {
      if (at + 2 > limit) throw misfit();
      const count = bytes.readInt16BE(at);
      if (count === -1) return;
      if (count !== passing.length) throw misfit();
      at += 2;
      for (let index = 0; index < count; index++) {
        if (at + 4 > limit) throw misfit();
        const length = readInt32(bytes, at);
        const end = at + 4 + Math.max(0, length);
        if (end > limit || length < -1) throw misfit();
        if (passing[index] === 0) this.#binaryValue(frames, index, at, end, length < 0);
        at = end;
      }
    }
  }

  /** One value with its length in front, `bytes[at..end)`. */
  #binaryValue(frames: FrameSplicer, index: number, at: number, end: number, absent: boolean): void {
    const { bytes } = frames;
    const plan = this.#plans[index] as ValuePlan;
    if (absent && showAbsent(plan) === null) return;
    const value = bytes.subarray(at + 4, end);
    const shown = plan.action === 'scan' ? (plan.scan.mask(bytes, at + 4, end, this.#sink) ?? value) : showValue(plan, value, this.#sink);
    if (plan.action !== 'scan' && plan.action !== 'search') this.#counts.add(index);
    if (shown === value) return;
    writeInt32(bytes, at, shown === null ? -1 : shown.length);
    if (shown === null) frames.cut(at + 4, end);
    else frames.replace(at + 4, end, shown);
  }
}

function unescapeText(raw: Buffer): Buffer {
  const out = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    let byte = raw[at] as number;
    if (byte === BACKSLASH && at + 1 < raw.length) {
      byte = raw[++at] as number;
      byte = ESCAPES[byte] ?? byte;
    }
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

const misfit = (): GwError => violation('COPY data that does not fit what was asked for');
