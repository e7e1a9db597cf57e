/**
 * Masks the rows of COPY … TO STDOUT in its three formats (PostgreSQL documentation, COPY, "File Formats"). The server sends whole rows in
 * each CopyData; rows that are not whole, or have other fields than were planned, end the session. Values are unescaped before they are
 * masked and escaped again, so that a mask fits whatever the options say.
 */
import { GwError } from '../../../contract/gw-error.js';
import type { MaskingDoor } from '../../../contract/masking-policy.js';
import type { CopyFormat } from './copy-format.js';
import { type MaskSink, Output } from './row-masker.js';
import { showValue, type ValuePlan } from './value-plan.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');

/** COPY's text escapes: `\n` and its like. */
const ESCAPES: Readonly<Record<number, number>> = { 98: 0x08, 102: 0x0c, 110: 0x0a, 114: 0x0d, 116: 0x09, 118: 0x0b };
const ESCAPED: ReadonlyMap<number, number> = new Map(Object.entries(ESCAPES).map(([letter, byte]) => [byte, Number(letter)]));

export class CopyMasker {
  readonly #plans: readonly ValuePlan[];
  readonly #format: CopyFormat;
  readonly #door: MaskingDoor;
  readonly #sink: MaskSink;
  #headerDone: boolean;

  constructor(plans: readonly ValuePlan[], format: CopyFormat, door: MaskingDoor, sink: MaskSink) {
    this.#plans = plans;
    this.#format = format;
    this.#door = door;
    this.#sink = sink;
    this.#headerDone = !format.header && format.kind !== 'binary';
  }

  /** The payload of one CopyData. */
  rows(data: Buffer): Buffer {
    const out = new Output(data.length + 64);
    if (this.#format.kind === 'binary') this.#binary(data, out);
    else this.#lines(data, out);
    return out.bytes();
  }

  #show(plan: ValuePlan | undefined, value: Buffer): Uint8Array | null {
    if (plan === undefined) throw violation();
    if (plan.action === 'constant' || plan.action === 'transform') this.#sink.found(plan.how);
    return showValue(plan, value, this.#door, this.#sink);
  }

  #lines(data: Buffer, out: Output): void {
    let at = 0;
    while (at < data.length) {
      if (!this.#headerDone) {
        const end = data.indexOf(NEWLINE, at);
        if (end < 0) throw violation();
        out.copy(data, at, end + 1);
        at = end + 1;
        this.#headerDone = true;
        continue;
      }
      at = this.#format.kind === 'csv' ? this.#csvRow(data, at, out) : this.#textRow(data, at, out);
    }
  }

  #textRow(data: Buffer, start: number, out: Output): number {
    const { delimiter, nullText } = this.#format;
    const end = data.indexOf(NEWLINE, start);
    if (end < 0) throw violation();
    let at = start;
    for (let index = 0; ; index++) {
      let stop = at;
      while (stop < end && data[stop] !== delimiter) stop += data[stop] === BACKSLASH ? 2 : 1;
      if (stop > end) throw violation();
      const raw = data.subarray(at, stop);
      const plan = this.#plans[index];
      // Without a backslash in it the text for NULL may be that of a value as well, and telling the two apart would tell the value.
      if (plan?.action === 'pass' || (raw.equals(nullText) && nullText.includes(BACKSLASH))) out.copy(data, at, stop);
      else {
        const value = unescapeText(raw);
        const shown = this.#show(plan, value);
        if (shown === value) out.copy(data, at, stop);
        else if (shown === null) out.copy(nullText, 0, nullText.length);
        else escapeText(shown, delimiter, out);
      }
      if (stop === end) {
        if (index !== this.#plans.length - 1) throw violation();
        break;
      }
      out.copy(data, stop, stop + 1);
      at = stop + 1;
    }
    out.copy(data, end, end + 1);
    return end + 1;
  }

  #csvRow(data: Buffer, start: number, out: Output): number {
    const { delimiter, nullText, quote, escape: escaping } = this.#format;
    let at = start;
    for (let index = 0; ; index++) {
      const parts: number[] = [];
      const quoted = data[at] === quote;
      let stop = at;
      if (quoted) {
        stop++;
        for (;;) {
          if (stop >= data.length) throw violation();
          const byte = data[stop] ?? 0;
          if (byte === escaping && (data[stop + 1] === quote || data[stop + 1] === escaping)) {
            parts.push(data[stop + 1] ?? 0);
            stop += 2;
          } else if (byte === quote) break;
          else {
            parts.push(byte);
            stop++;
          }
        }
        stop++;
      } else while (stop < data.length && data[stop] !== delimiter && data[stop] !== NEWLINE) stop++;
      if (stop >= data.length) throw violation();
      const raw = data.subarray(at, stop);
      const plan = this.#plans[index];
      if (plan?.action === 'pass' || (!quoted && raw.equals(nullText))) out.copy(data, at, stop);
      else {
        const value = quoted ? Buffer.from(parts) : raw;
        const shown = this.#show(plan, value);
        if (shown === value) out.copy(data, at, stop);
        else if (shown === null) out.copy(nullText, 0, nullText.length);
        else quoteCsv(shown, this.#format, out);
      }
      const ended = data[stop] === NEWLINE;
      if (!ended && data[stop] !== delimiter) throw violation();
      out.copy(data, stop, stop + 1);
      at = stop + 1;
      if (!ended) continue;
      if (index !== this.#plans.length - 1) throw violation();
      return at;
    }
  }

  #binary(data: Buffer, out: Output): void {
    let at = 0;
    if (!this.#headerDone) {
      if (data.length < 19 || !data.subarray(0, 11).equals(SIGNATURE)) throw violation();
      at = 19 + data.readUInt32BE(15);
      if (at > data.length) throw violation();
      out.copy(data, 0, at);
      this.#headerDone = true;
    }
    while (at < data.length) {
      if (at + 2 > data.length) throw violation();
      const count = data.readInt16BE(at);
      if (count === -1) {
        out.copy(data, at, data.length);
        return;
      }
      if (count !== this.#plans.length) throw violation();
      out.copy(data, at, at + 2);
      at += 2;
      for (const plan of this.#plans) {
        if (at + 4 > data.length) throw violation();
        const length = data.readInt32BE(at);
        const end = at + 4 + Math.max(0, length);
        if (end > data.length || length < -1) throw violation();
        const value = data.subarray(at + 4, end);
        const shown = length < 0 || plan.action === 'pass' ? value : this.#show(plan, value);
        if (shown === value) out.copy(data, at, end);
        else {
          out.int32(shown === null ? -1 : shown.length);
          if (shown !== null) out.copy(shown, 0, shown.length);
        }
        at = end;
      }
    }
  }
}

function unescapeText(raw: Buffer): Buffer {
  if (!raw.includes(BACKSLASH)) return raw;
  const out = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    let byte = raw[at] ?? 0;
    if (byte === BACKSLASH && at + 1 < raw.length) {
      byte = raw[++at] ?? 0;
      byte = ESCAPES[byte] ?? byte;
    }
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

function escapeText(value: Uint8Array, delimiter: number, out: Output): void {
  const bytes: number[] = [];
  for (const byte of value) {
    const letter = ESCAPED.get(byte);
    if (letter !== undefined) bytes.push(BACKSLASH, letter);
    else if (byte === BACKSLASH || byte === delimiter) bytes.push(BACKSLASH, byte);
    else bytes.push(byte);
  }
  out.copy(Uint8Array.from(bytes), 0, bytes.length);
}

function quoteCsv(value: Uint8Array, { delimiter, quote, escape: escaping, nullText }: CopyFormat, out: Output): void {
  const plain = !value.some((byte) => byte === delimiter || byte === quote || byte === escaping || byte === NEWLINE || byte === RETURN);
  if (plain && !nullText.equals(value)) {
    out.copy(value, 0, value.length);
    return;
  }
  const bytes = [quote];
  for (const byte of value) {
    if (byte === quote || byte === escaping) bytes.push(escaping);
    bytes.push(byte);
  }
  bytes.push(quote);
  out.copy(Uint8Array.from(bytes), 0, bytes.length);
}

function violation(): GwError {
  return new GwError('target.protocol', 'The target sent COPY data that does not fit what was asked for.');
}
