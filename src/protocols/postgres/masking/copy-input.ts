/**
 * Reads the fields of a COPY … FROM STDIN as they come, in its three formats and across the borders of messages (PostgreSQL documentation, COPY,
 * "File Formats"). Only fields that are asked for are kept, and of these only short ones. What does not fit its format the server refuses itself.
 */
import { violation } from '../server-error.js';
import type { CopyFormat } from './copy-format.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;
/** Signature, flags, length of what follows them. */
const HEADER = 19;
/** What stands in the place of a value is shorter, escapes included. */
const FIELD_LIMIT = 4_096;
const ESCAPED = /\\(?:x([0-9a-f]{1,2})|([0-7]{1,3})|([\s\S]))/gi;

export interface FieldSink {
  /** Whether anybody asks about this field of a row, from 0. */
  asks(index: number): boolean;
  /** True: no more need be read. */
  field(index: number, value: Buffer): boolean;
}

export interface CopyInput {
  /** True: the sink said so. */
  push(data: Buffer): boolean;
}

export function copyInput(format: CopyFormat, sink: FieldSink): CopyInput {
  return format.kind === 'binary' ? new BinaryInput(sink) : new TextInput(format, sink);
}

class TextInput implements CopyInput {
  readonly #format: CopyFormat;
  readonly #csv: boolean;
  readonly #sink: FieldSink;
  readonly #raw = Buffer.alloc(FIELD_LIMIT);
  #length = 0;
  #index = 0;
  #asked: boolean;
  /** The next byte is meant as it is. */
  #escaped = false;
  #quoted = false;

  constructor(format: CopyFormat, sink: FieldSink) {
    this.#format = format;
    this.#csv = format.kind === 'csv';
    this.#sink = sink;
    this.#asked = sink.asks(0);
  }

  push(data: Buffer): boolean {
    for (const byte of data) if (this.#csv ? this.#csvByte(byte) : this.#textByte(byte)) return true;
    return false;
  }

  #textByte(byte: number): boolean {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === this.#format.delimiter || byte === NEWLINE || byte === RETURN) return this.#end(byte);
    this.#keep(byte);
    return false;
  }

  /** Quotes are left out, doubled ones too: nothing that is looked for has any. */
  #csvByte(byte: number): boolean {
    const { quote, escape: escaping, delimiter } = this.#format;
    if (this.#escaped) this.#escaped = false;
    else if (this.#quoted && byte === escaping && escaping !== quote) {
      this.#escaped = true;
      return false;
    } else if (byte === quote) {
      this.#quoted = !this.#quoted;
      return false;
    } else if (!this.#quoted && (byte === delimiter || byte === NEWLINE || byte === RETURN)) return this.#end(byte);
    this.#keep(byte);
    return false;
  }

  #keep(byte: number): void {
    if (!this.#asked) return;
    // One byte too many says that it was too long.
    if (this.#length < FIELD_LIMIT) this.#raw[this.#length] = byte;
    if (this.#length <= FIELD_LIMIT) this.#length++;
  }

  #end(byte: number): boolean {
    const whole = this.#asked && this.#length <= FIELD_LIMIT;
    const found = whole && this.#sink.field(this.#index, this.#csv ? this.#raw.subarray(0, this.#length) : unescaped(this.#raw.subarray(0, this.#length)));
    this.#index = byte === this.#format.delimiter ? this.#index + 1 : 0;
    this.#asked = this.#sink.asks(this.#index);
    this.#length = 0;
    return found;
  }
}

function unescaped(raw: Buffer): Buffer {
  if (!raw.includes(BACKSLASH)) return raw;
  const text = raw.toString('latin1').replace(ESCAPED, (_, hex?: string, octal?: string, other?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return octal === undefined ? (other ?? '') : String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
  });
  return Buffer.from(text, 'latin1');
}

class BinaryInput implements CopyInput {
  readonly #sink: FieldSink;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes that follow and are not looked at. */
  #skip = 0;
  #headed = false;
  /** Fields of the row that are still to come; −1: the row is. */
  #left = -1;
  #index = 0;
  #over = false;

  constructor(sink: FieldSink) {
    this.#sink = sink;
  }

  push(data: Buffer): boolean {
    const bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    let at = 0;
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length - at);
      this.#skip -= skipped;
      at += skipped;
      const step = this.#skip > 0 || this.#over ? 0 : this.#step(bytes, at);
      if (step === 'found') return true;
      if (step === 0) break;
      at += step;
    }
    // Memory of the client's messages is used again.
    this.#rest = this.#over ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
    return false;
  }

  /** Bytes that were read; 0: more has to come. */
  #step(bytes: Buffer, at: number): number | 'found' {
    const there = bytes.length - at;
    if (!this.#headed) {
      if (there < HEADER) return 0;
      this.#headed = true;
      this.#skip = bytes.readUInt32BE(at + HEADER - 4);
      return HEADER;
    }
    if (this.#left <= 0) {
      if (there < 2) return 0;
      const count = bytes.readInt16BE(at);
      if (count < -1) throw violation('COPY data that does not fit its format');
      this.#over = count === -1;
      this.#left = count;
      this.#index = 0;
      return 2;
    }
    if (there < 4) return 0;
    const size = bytes.readInt32BE(at);
    if (size < -1) throw violation('COPY data that does not fit its format');
    const asked = size >= 0 && size <= FIELD_LIMIT && this.#sink.asks(this.#index);
    if (asked && there < 4 + size) return 0;
    const found = asked && this.#sink.field(this.#index, bytes.subarray(at + 4, at + 4 + size));
    this.#left--;
    this.#index++;
    if (found) return 'found';
    if (asked) return 4 + size;
    this.#skip = Math.max(size, 0);
    return 4;
  }
}
