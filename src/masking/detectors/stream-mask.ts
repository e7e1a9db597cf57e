/**
 * Masks a text stream that arrives in pieces, with the same result however it is cut: what is masked depends on lines, and those on the
 * bytes alone. A line waits until it is whole; one longer than `LONGEST_LINE` is cut at a place that its own length decides, with enough
 * held back that no value is cut with it. Each line sees the end of the one before as context. A private key may span lines and is taken
 * out to its END. Memory: one line and one chunk.
 */
import type { DetectedClass } from '../../contract/masking.js';
import type { StreamMask } from '../../contract/masking-policy.js';
import { Findings } from './findings.js';
import { maskFindings, type TransformByClass } from './mask-findings.js';
import type { Scanner } from './scanner.js';
import { MAX_PEM, privateKeyRest } from './secret-text.js';

/** A line that is longer is masked in pieces, bytes. */
const LONGEST_LINE = 65_536;
/** Of such a piece the last bytes are looked at again with the next one: no finding is longer. */
const HELD_BACK = 16_384;
/** Bytes before a line that its values see as context. */
const CONTEXT = 64;
/** What `flush` may keep, bytes. */
const MAX_KEPT = 256;
/** Bytes of a terminal sequence before its `;`. */
const MAX_PARAMETERS = 8;
const NEWLINE = 0x0a;

/** `found`: told of each value that is taken out. */
export function createStreamMask(scanner: Scanner, transforms: TransformByClass, found: (each: DetectedClass) => void = () => undefined): StreamMask {
  return new LineMask(scanner, transforms, found);
}

class LineMask implements StreamMask {
  readonly #scanner: Scanner;
  readonly #transforms: TransformByClass;
  readonly #found: (each: DetectedClass) => void;
  readonly #findings = new Findings();
  /** Room for context and what waits; it grows with the longest line and chunk. */
  #room: Buffer = Buffer.alloc(0);
  /** The part of the room that is in use. */
  #held: Buffer = this.#room;
  /** Where in `#held` the waiting part begins, and how far it is known to have no newline. */
  #from = 0;
  #searched = 0;
  /** Bytes of a private key that may still come; 0 outside of one. */
  #keyLeft = 0;
  #out: Uint8Array[] = [];

  constructor(scanner: Scanner, transforms: TransformByClass, found: (each: DetectedClass) => void) {
    this.#found = found;
    this.#scanner = scanner;
    this.#transforms = transforms;
  }

  push(chunk: Uint8Array): Uint8Array {
    this.#append(chunk);
    for (;;) {
      const limit = this.#from + LONGEST_LINE;
      const newline = this.#held.indexOf(NEWLINE, this.#searched);
      if (newline >= 0 && newline < limit) this.#line(newline + 1, newline + 1);
      else if (this.#held.length >= limit) this.#line(limit, limit - HELD_BACK);
      else break;
    }
    this.#searched = this.#held.length;
    return this.#take();
  }

  flush(): Uint8Array {
    const keep = this.#unfinished();
    if (keep > this.#from && this.#keyLeft === 0) this.#line(this.#held.length, keep);
    this.#searched = this.#held.length;
    return this.#take();
  }

  end(): Uint8Array {
    if (this.#held.length > this.#from) this.#line(this.#held.length, this.#held.length);
    return this.#take();
  }

  /** Looks at the waiting part up to `seen` and sends what is before `cut`; a value that begins there and goes further moves the cut. */
  #line(seen: number, cut: number): void {
    const from = this.#keyLeft > 0 ? this.#skipKey(cut) : this.#from;
    if (from === cut && this.#keyLeft > 0) {
      this.#from = this.#searched = cut;
      return;
    }
    const findings = this.#findings;
    this.#scanner.scan(this.#held, from, seen, findings, Math.max(0, from - CONTEXT));
    let end = cut;
    let open = false;
    for (let i = 0; i < findings.count && findings.start(i) < cut; i++) {
      end = Math.max(end, findings.end(i));
      this.#found(findings.classOf(i));
      open = this.#opensKey(i, seen);
    }
    if (open) {
      const start = findings.start(findings.count - 1);
      this.#keyLeft = Math.max(0, MAX_PEM - (seen - start));
    }
    const masked = maskFindings(this.#held, findings, this.#transforms, from, end);
    this.#out.push(findings.count > 0 ? Buffer.from(masked) : masked);
    this.#from = this.#searched = end;
  }

  /** Whether the finding is a private key whose END has not come. */
  #opensKey(index: number, seen: number): boolean {
    const [start, end] = [this.#findings.start(index), this.#findings.end(index)];
    return end === seen && this.#findings.classOf(index) === 'secret' && this.#held[start] === 0x2d && privateKeyRest(this.#held, start, end) < 0;
  }

  /** Drops bytes of a private key from the waiting part; gives where the text goes on. */
  #skipKey(cut: number): number {
    const limit = Math.min(cut, this.#from + this.#keyLeft);
    const end = privateKeyRest(this.#held, this.#from, limit);
    if (end < 0 && limit === cut) {
      this.#keyLeft = Math.max(0, this.#keyLeft - (cut - this.#from));
      return cut;
    }
    this.#keyLeft = 0;
    return end < 0 ? limit : end;
  }

  /** Where the last number or address begins that may go on, or the end of what waits. */
  #unfinished(): number {
    const bytes = this.#held;
    let at = bytes.length;
    let begins = bytes.length;
    let wanted = false;
    while (at > this.#from && bytes.length - at < MAX_KEPT && (isPartOfValue(bytes[at - 1] ?? 0) || isInSequence(bytes, at - 1))) {
      at--;
      const byte = bytes[at] ?? 0;
      const blank = byte === 0x20;
      wanted = blank ? false : wanted || (byte >= 0x30 && byte <= 0x39) || byte === 0x40 || byte >= 0x80 || byte === 0x5c;
      if (wanted) begins = at;
    }
    return begins;
  }

  /** Drops what went out but the context, and puts the chunk behind the rest. Only here bytes move, so results stay valid until then. */
  #append(chunk: Uint8Array): void {
    const drop = Math.max(0, this.#from - CONTEXT);
    const kept = this.#held.length - drop;
    if (kept + chunk.length > this.#room.length) {
      const grown = Buffer.alloc(Math.max(kept + chunk.length, Math.min(2 * this.#room.length, 2 * LONGEST_LINE)));
      this.#held.copy(grown, 0, drop);
      this.#room = grown;
    } else this.#room.copyWithin(0, drop, this.#held.length);
    this.#room.set(chunk, kept);
    this.#held = this.#room.subarray(0, kept + chunk.length);
    this.#from -= drop;
    this.#searched = Math.max(this.#from, this.#searched - drop);
  }

  /** What may go out. */
  #take(): Uint8Array {
    const out = this.#out.length === 1 ? (this.#out[0] ?? new Uint8Array(0)) : Buffer.concat(this.#out);
    this.#out = [];
    return out;
  }
}

/** Whether a `;` stands between the parameters of a terminal sequence. */
function isInSequence(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x3b && bytes.subarray(Math.max(0, at - MAX_PARAMETERS), at).includes(0x1b);
}

/** Letters, digits, separators of numbers, signs of addresses, escapes, and everything outside ASCII. */
function isPartOfValue(byte: number): boolean {
  if (byte >= 0x80 || byte === 0x20 || byte === 0x5c || byte === 0x1b || byte === 0x40 || byte === 0x5f || byte === 0x25 || byte === 0x5b) return true;
  if (byte >= 0x28 && byte <= 0x39) return byte !== 0x2a && byte !== 0x2c;
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}
