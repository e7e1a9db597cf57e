/** The data types of RFC 4251 section 5. Input is untrusted: every read is checked against what is there and against a limit. */
import { GwError } from '../../../contract/gw-error.js';
import { NAME_BYTES } from './limits.js';

export const broken = (what: string): GwError => new GwError('protocol.violation', `The peer sent ${what}.`);

export class WireReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, from = 0) {
    this.#bytes = bytes;
    this.#at = from;
  }

  /** Bytes read so far, from the beginning of the buffer. */
  get position(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.left) throw broken('a message that is cut short');
    this.#at = at + length;
    return at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  /** A part of the buffer, not a copy. */
  string(limit: number): Buffer {
    const length = this.uint32();
    if (length > limit) throw broken(`a string of ${length} bytes where at most ${limit} may be`);
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A string that is a word of the protocol: printable ASCII. */
  name(limit = NAME_BYTES): string {
    const text = this.string(limit).toString('latin1');
    if (!/^[\x20-\x7e]*$/.test(text)) throw broken('a name with control characters');
    return text;
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  end(): void {
    if (this.left !== 0) throw broken('a message with bytes behind its end');
  }
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export const boolean = (value: boolean): Buffer => Buffer.from([value ? 1 : 0]);

export function string(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** A positive integer, RFC 4251 `mpint`, from its big-endian bytes. */
export function mpint(bytes: Uint8Array): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const trimmed = bytes.subarray(from);
  return (trimmed[0] ?? 0) >= 0x80 ? string(Buffer.concat([Buffer.from([0]), trimmed])) : string(trimmed);
}

export const message = (type: number, ...parts: readonly Uint8Array[]): Buffer => Buffer.concat([Buffer.from([type]), ...parts]);
