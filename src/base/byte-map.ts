/**
 * Says where in a stretch of bytes those of a small set are, 64 KiB at a time, by SIMD: sixteen bytes at once are sorted by their two halves,
 * and a bit for each says whether it is one of the set. Who looks for a few bytes among many asks for the next one instead of reading
 * them all. One memory serves the process: a map is valid until its next `begin`.
 */
import { constant, get, I32, load, set, simd, startProgram, V128, type WasmProgram } from './wasm-code.js';

/** Fewer bytes are read faster one by one. */
export const MAPPED_FROM = 1024;
/** Bytes that are mapped at once. A multiple of 32. */
const WINDOW = 65_536;
const MAP_BYTES = WINDOW / 8;
/** Maps that may be in use at the same time, each with a purpose of its own. */
const SLOTS = { values: 0, structure: 1 } as const;
const SLOT_COUNT = 2;
const TABLES_AT = WINDOW + SLOT_COUNT * MAP_BYTES;
const PAGES = 2;

/** Takes a length, where the map goes, and where the tables are; what is mapped begins at 0. */
function program(): WasmProgram {
  const all = (byte: number): number[] => simd(0x0c, ...new Array<number>(16).fill(byte));
  const [SWIZZLE, NOT_EQUAL, AND, BITMASK, SHIFT_RIGHT] = [simd(0x0e), simd(0x24), simd(0x4e), simd(0x64), simd(0x6d)];
  const [ADD, SHIFT, LESS, STORE16] = [[0x6a], [0x76], [0x49], [0x3b, 0, 0]];
  const [LOOP, BRANCH_IF, END] = [[0x03, 0x40], [0x0d, 0], [0x0b]];
  const [length, to, tables, at, low, high, bytes] = [0, 1, 2, 3, 4, 5, 6];
  const code = [
    ...[...get(tables), ...load(0), ...set(low)],
    ...[...get(tables), ...load(16), ...set(high)],
    ...LOOP,
    ...[...get(at), ...load(0), ...set(bytes)],
    ...[...get(to), ...get(at), ...constant(3), ...SHIFT, ...ADD],
    ...[...get(low), ...get(bytes), ...all(0x0f), ...AND, ...SWIZZLE],
    ...[...get(high), ...get(bytes), ...constant(4), ...SHIFT_RIGHT, ...SWIZZLE],
    ...[...AND, ...all(0), ...NOT_EQUAL, ...BITMASK, ...STORE16],
    ...[...get(at), ...constant(16), ...ADD, ...set(at)],
    ...[...get(at), ...get(length), ...LESS, ...BRANCH_IF],
    ...END,
  ];
  // at, then low, high and bytes.
  const locals = [
    [1, I32],
    [3, V128],
  ] as const;
  return startProgram(3, locals, code, PAGES);
}

interface Machine {
  readonly map: WasmProgram['run'];
  readonly memory: Uint8Array;
  readonly maps: readonly Int32Array[];
  /** Whose map is in each slot. */
  readonly owners: (ByteMap | null)[];
}

let machine: Machine | null = null;

function started(): Machine {
  if (machine !== null) return machine;
  const { run: map, memory } = program();
  const maps = Object.values(SLOTS).map((slot) => new Int32Array(memory.buffer, WINDOW + slot * MAP_BYTES, MAP_BYTES / 4));
  machine = { map, memory, maps, owners: [null, null] };
  return machine;
}

/** A byte belongs to the set when the entries of its two halves share a bit: one for each pattern of low halves. Null: there are too many of those. */
function tablesOf(wanted: Uint8Array): Uint8Array | null {
  const tables = new Uint8Array(32);
  const patterns: number[] = [];
  for (let high = 0; high < 16; high++) {
    let pattern = 0;
    for (let low = 0; low < 16; low++) if (wanted[high * 16 + low] !== 0) pattern |= 1 << low;
    if (pattern === 0) continue;
    let bit = patterns.indexOf(pattern);
    if (bit < 0) bit = patterns.push(pattern) - 1;
    if (bit > 7) return null;
    tables[16 + high] = (tables[16 + high] ?? 0) | (1 << bit);
    for (let low = 0; low < 16; low++) if ((pattern & (1 << low)) !== 0) tables[low] = (tables[low] ?? 0) | (1 << bit);
  }
  return tables;
}

export class ByteMap {
  readonly #slot: number;
  readonly #tables: Uint8Array | null;
  #bytes: Uint8Array | null = null;
  /** What is mapped: `bytes[from..to)`. */
  #from = 0;
  #to = 0;

  /** `wanted`: 256 entries, not 0 for the bytes of the set. A set with more than eight patterns of low halves covers nothing. */
  constructor(purpose: keyof typeof SLOTS, wanted: Uint8Array) {
    this.#slot = SLOTS[purpose];
    this.#tables = tablesOf(wanted);
  }

  /** From here on it is about this stretch; bytes not yet asked for may change, those beyond the last answer may not. */
  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#from = this.#to = 0;
  }

  /** Nothing is kept of the stretch. */
  end(): void {
    this.#bytes = null;
    this.#from = this.#to = 0;
  }

  /** Whether `next` may be asked about it; otherwise each byte may be one of the set. */
  covers(bytes: Uint8Array): boolean {
    return this.#bytes === bytes && this.#tables !== null;
  }

  /** Where in `[at, end)` the first byte of the set is; `end`: there is none. */
  next(at: number, end: number): number {
    const { maps, owners } = machine ?? started();
    const map = maps[this.#slot] as Int32Array;
    let position = at;
    while (position < end) {
      const mapped = position >= this.#from && position < this.#to && owners[this.#slot] === this;
      if (!mapped && !this.#load(position)) return position;
      const from = this.#from;
      const last = (Math.min(end, this.#to) - 1 - from) >> 5;
      let word = (position - from) >> 5;
      let bits = (map[word] as number) & (-1 << ((position - from) & 31));
      while (bits === 0 && word < last) bits = map[++word] as number;
      if (bits !== 0) {
        const found = from + (word << 5) + 31 - Math.clz32(bits & -bits);
        // What is mapped beyond the stretch is what was there before.
        if (found < this.#to) return Math.min(found, end);
      }
      position = this.#to;
    }
    return end;
  }

  /** False: there is nothing to map. */
  #load(at: number): boolean {
    const [bytes, tables] = [this.#bytes, this.#tables];
    if (bytes === null || tables === null || at >= bytes.length) return false;
    const { map, memory, owners } = started();
    const length = Math.min(WINDOW, bytes.length - at);
    memory.set(new Uint8Array(bytes.buffer, bytes.byteOffset + at, length), 0);
    memory.set(tables, TABLES_AT + this.#slot * 32);
    map(length, WINDOW + this.#slot * MAP_BYTES, TABLES_AT + this.#slot * 32);
    owners[this.#slot] = this;
    this.#from = at;
    this.#to = at + length;
    return true;
  }
}
