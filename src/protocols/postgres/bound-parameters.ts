/**
 * The parameters of a Bind as people can read them, and as an approval binds them: declared type, form and value of each. `raw` starts
 * behind the names of the message and is untrusted; `types` is the tail of the Parse. Result formats are no part of it: they decide how the
 * answer looks, not what happens.
 */
import type { BoundParameter } from '../../contract/approval.js';

/** Reads counted values off a buffer; past its end everything is null. */
class Reader {
  readonly #buffer: Buffer;
  #at = 0;
  broken = false;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #take(size: number): Buffer | null {
    if (size < 0 || this.#at + size > this.#buffer.length) {
      this.broken = true;
      return null;
    }
    this.#at += size;
    return this.#buffer.subarray(this.#at - size, this.#at);
  }

  count(): number {
    return this.#take(2)?.readUInt16BE(0) ?? 0;
  }

  int(): number {
    return this.#take(4)?.readInt32BE(0) ?? 0;
  }

  /** Everything up to here. */
  taken(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  bytes(size: number): Buffer {
    return this.#take(size) ?? Buffer.alloc(0);
  }
}

export function readBoundParameters(raw: Uint8Array, types: Uint8Array | null): readonly BoundParameter[] | null {
  const declared = readTypes(types);
  const reader = new Reader(raw);
  const formats = Array.from({ length: reader.count() }, () => reader.count());
  const count = reader.count();
  const found: BoundParameter[] = [];
  for (let index = 0; index < count && !reader.broken; index++) {
    const format = formats.length === 1 ? formats[0] : (formats[index] ?? 0);
    const size = reader.int();
    const oid = declared[index] ?? 0;
    const type = oid === 0 ? null : String(oid);
    if (size === -1) found.push({ type, form: 'null', value: '' });
    else found.push({ type, ...shownValue(reader.bytes(size), format === 0) });
  }
  return reader.broken ? null : found;
}

/** The same parameters, with all results as text: for another statement than the one that they came with. */
export function withTextResults(raw: Uint8Array): Buffer {
  const reader = new Reader(raw);
  for (let formats = reader.count(); formats > 0; formats--) reader.count();
  for (let values = reader.count(); values > 0; values--) {
    const size = reader.int();
    if (size > 0) reader.bytes(size);
  }
  return Buffer.concat([reader.taken(), Uint8Array.of(0, 0)]);
}

/** The same with other values for some parameters, by their numbers from 1. What cannot be read is given back as it came. */
export function withParameters(raw: Uint8Array, values: ReadonlyMap<number, Buffer>): Buffer {
  const whole = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const reader = new Reader(raw);
  for (let formats = reader.count(); formats > 0; formats--) reader.count();
  const count = reader.count();
  const pieces = [reader.taken()];
  for (let number = 1; number <= count; number++) {
    const size = reader.int();
    const own = size > 0 ? reader.bytes(size) : Buffer.alloc(0);
    const value = size < 0 ? null : (values.get(number) ?? own);
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    pieces.push(length, value ?? Buffer.alloc(0));
  }
  return reader.broken ? whole : Buffer.concat([...pieces, whole.subarray(reader.taken().length)]);
}

/** Text that is not UTF-8 is shown as bytes: two values must never look, or count, as one. */
function shownValue(bytes: Buffer, text: boolean): Pick<BoundParameter, 'form' | 'value'> {
  const value = text ? bytes.toString('utf8') : '';
  return text && Buffer.from(value, 'utf8').equals(bytes) && !value.includes('\0') ? { form: 'text', value } : { form: 'hex', value: bytes.toString('hex') };
}

function readTypes(types: Uint8Array | null): number[] {
  if (types === null) return [];
  const reader = new Reader(types);
  return Array.from({ length: reader.count() }, () => reader.int());
}
