/**
 * A stretch of frames in which some values are replaced. What becomes no longer is written where it stands, so a stretch in which nothing
 * grows is changed in its own memory and never copied; from the first value that grows, the rest is gathered in a new buffer. Positions
 * are given in order, and those not yet passed stay valid. The memory of the stretch belongs to the caller of `frames` and is overwritten.
 */

/** So few bytes are copied faster one by one than by a call. */
const SHORT = 16;

export class FrameSplicer {
  /** The stretch; from the last position that was passed on it is as it came. */
  readonly bytes: Buffer;
  /** Null: all fits into the stretch itself. */
  #out: Buffer | null = null;
  /** How much is written, of the stretch or of the new buffer. */
  #written = 0;
  /** Everything before it is written or left out. */
  #passed = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Where the byte at `at`, which is not passed yet, would stand in the result if nothing before it changed any more. */
  place(at: number): number {
    return this.#written + at - this.#passed;
  }

  /** Leaves out `bytes[from..to)`. */
  cut(from: number, to: number): void {
    this.#keep(from);
    this.#passed = to;
  }

  /** Puts `shown[0..length)` in the place of `bytes[from..to)`. */
  replace(from: number, to: number, shown: Uint8Array, length: number = shown.length): void {
    const room = to - from;
    const { bytes } = this;
    if (length <= room) {
      if (length < SHORT) for (let i = 0; i < length; i++) bytes[from + i] = shown[i] as number;
      else bytes.set(length === shown.length ? shown : shown.subarray(0, length), from);
      if (length < room) this.cut(from + length, to);
      return;
    }
    this.#keep(from);
    this.#passed = to;
    const out = this.#room(length);
    if (length < SHORT) for (let i = 0; i < length; i++) out[this.#written + i] = shown[i] as number;
    else out.set(length === shown.length ? shown : shown.subarray(0, length), this.#written);
    this.#written += length;
  }

  /** Overwrites four bytes that are written already: `at` as `place` gave it. */
  int32At(at: number, value: number): void {
    writeInt32(this.#out ?? this.bytes, at, value);
  }

  /** All of it: the stretch itself where its length did not change. */
  result(): Buffer {
    const { bytes } = this;
    if (this.#passed === 0) return bytes;
    this.#keep(bytes.length);
    return (this.#out ?? bytes).subarray(0, this.#written);
  }

  /** Writes what stays before `to`. */
  #keep(to: number): void {
    const from = this.#passed;
    const length = to - from;
    if (length === 0) return;
    const { bytes } = this;
    const out = this.#out;
    if (out === null) {
      if (this.#written !== from) bytes.copyWithin(this.#written, from, to);
    } else {
      const room = this.#room(length);
      if (length < SHORT) for (let i = 0; i < length; i++) room[this.#written + i] = bytes[from + i] as number;
      else room.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, length), this.#written);
    }
    this.#written += length;
    this.#passed = to;
  }

  /** The new buffer, with room for so many bytes more. */
  #room(more: number): Buffer {
    const before = this.#out;
    if (before !== null && this.#written + more <= before.length) return before;
    const rest = this.bytes.length - this.#passed;
    const size = before === null ? this.#written + more + rest + (rest >> 3) + 256 : before.length * 2 + more;
    const larger = Buffer.allocUnsafe(size);
    larger.set((before ?? this.bytes).subarray(0, this.#written));
    this.#out = larger;
    return larger;
  }
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}
