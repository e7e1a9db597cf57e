/**
 * Reads DER (X.690 section 10) value by value, for timestamps: definite lengths in their shortest form, low tag numbers, nothing after the last
 * value. The input is untrusted, from a timestamp authority or from a disk: every length is checked against what is there, nothing is copied.
 */
import { GwError } from '../../contract/gw-error.js';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  object: 0x06,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag and length included. */
  readonly whole: Buffer;
}

/** Longest length that is read: four bytes of it. */
const LENGTH_BYTES = 4;

export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @param tag what it must be; left out: anything. @throws GwError `audit.invalid` */
  next(tag?: number): DerValue {
    const start = this.#at;
    const found = this.#byte();
    if ((found & 0x1f) === 0x1f) throw malformed('a tag takes more than one byte');
    if (tag !== undefined && found !== tag) throw malformed(`there is a value of type ${found} where one of type ${tag} belongs`);
    const length = this.#length();
    if (length > this.#bytes.length - this.#at) throw malformed('a value is longer than what holds it');
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return { tag: found, content, whole: this.#bytes.subarray(start, this.#at) };
  }

  /** The next value when it is of this type, or null. @throws GwError `audit.invalid` */
  optional(tag: number): DerValue | null {
    return this.#bytes[this.#at] === tag ? this.next() : null;
  }

  /** The values of a SEQUENCE that comes next. @throws GwError `audit.invalid` */
  sequence(): DerReader {
    return new DerReader(this.next(TAG.sequence).content);
  }

  /** @throws GwError `audit.invalid` when something follows */
  end(): void {
    if (!this.done) throw malformed('there are bytes after its last value');
  }

  /** An OBJECT IDENTIFIER that comes next, in dots. @throws GwError `audit.invalid` */
  object(): string {
    return objectIdentifier(this.next(TAG.object).content);
  }

  /** An INTEGER that is not negative. @throws GwError `audit.invalid` */
  integer(): bigint {
    return unsigned(this.next(TAG.integer).content);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed('it ends too early');
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > LENGTH_BYTES) throw malformed('a length is not in the form of DER');
    let length = 0;
    for (let at = 0; at < count; at++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed('a length is longer than it needs to be');
    return length;
  }
}

/** @throws GwError `audit.invalid` for a negative number, and one of more than 32 bytes */
export function unsigned(content: Buffer): bigint {
  if (content.length === 0 || content.length > 33 || (content[0] as number) > 0x7f) throw malformed('a number is out of range');
  return BigInt(`0x${content.toString('hex')}`);
}

function objectIdentifier(content: Buffer): string {
  if (content.length === 0 || content.length > 64) throw malformed('an object identifier has an impossible length');
  const arcs: number[] = [];
  let arc = 0;
  for (const [at, byte] of content.entries()) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw malformed('an object identifier is too large');
    if (byte < 0x80) {
      if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
      else arcs.push(arc);
      arc = 0;
    } else if (at === content.length - 1) throw malformed('an object identifier is cut off');
  }
  return arcs.join('.');
}

export function malformed(what: string): GwError {
  return new GwError('audit.invalid', `The timestamp is damaged: ${what}.`);
}
