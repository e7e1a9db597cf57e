/**
 * SHA-256 (FIPS 180-4) of many short messages, four at a time in the lanes of SIMD, and the root of an RFC 6962 tree over them: a call of the system's hash for
 * each leaf and each node costs more than the hash itself. Stateless: one memory serves the process, and holds nothing between two calls.
 */
import { hash } from 'node:crypto';
import { constant, get, I32, load, loadSplat, set, shuffle, simd, startProgram, store, tee, V128, type WasmProgram } from './wasm-code.js';

const DIGEST_BYTES = 32;
const BLOCK_BYTES = 64;
/** A message and what it is padded with: 0x80 and its length in bits, eight bytes. */
const PADDING_BYTES = 9;

/** Where things lie in the memory: the round constants, the pairs that become nodes, the digests, then the messages. */
const PAIRS_AT = 256;
const PAIR_BYTES = 2 * BLOCK_BYTES;
const DIGESTS_AT = PAIRS_AT + 4 * PAIR_BYTES;
/** Leaves of one subtree: a power of two. */
export const SUBTREE_LEAVES = 256;
const MESSAGES_AT = DIGESTS_AT + SUBTREE_LEAVES * DIGEST_BYTES;
const PAGES = 1;
/** Bytes of all padded messages of one call. */
export const MESSAGES_BYTES = PAGES * 65_536 - MESSAGES_AT;
/** Longer messages are hashed as fast one by one. */
const BLOCKS = 8;
export const LANE_BYTES = BLOCKS * BLOCK_BYTES - PADDING_BYTES;

/** The first 32 bits of the fractional parts of the roots of the first primes: square roots begin the state, cube roots are the round constants. */
function fractions(count: number, root: (prime: number) => number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes.map((prime) => Math.floor((root(prime) % 1) * 2 ** 32) | 0);
}

/** Takes the addresses of four padded messages, how many blocks each has, and where the four digests go. */
function program(): WasmProgram {
  const [XOR, OR, SELECT, ADD] = [simd(0x51), simd(0x50), simd(0x52), simd(0xae)];
  const [SHIFT_LEFT, SHIFT_RIGHT, SPLAT] = [simd(0xab), simd(0xad), simd(0x11)];
  const [LOOP, IF, BRANCH_IF, END] = [[0x03, 0x40], [0x04, 0x40], [0x0d, 0], [0x0b]];
  const [PLUS, MINUS, NOT_EQUAL] = [[0x6a], [0x6b], [0x47]];
  const [blocks, key] = [4, 9];
  const [sources, targets] = [
    [0, 1, 2, 3],
    [5, 6, 7, 8],
  ];
  const [state, work, words, spare] = [10, 18, 26, 42];
  const code: number[] = [];
  const put = (...parts: (readonly number[])[]): void => {
    for (const part of parts) code.push(...part);
  };
  const rotated = (local: number, by: number): number[] => [
    ...[...get(local), ...constant(by), ...SHIFT_RIGHT],
    ...[...get(local), ...constant(32 - by), ...SHIFT_LEFT, ...OR],
  ];
  const shifted = (local: number, by: number): number[] => [...get(local), ...constant(by), ...SHIFT_RIGHT];
  const bigSigma = (local: number, a: number, b: number, c: number): number[] => [
    ...rotated(local, a),
    ...rotated(local, b),
    ...XOR,
    ...rotated(local, c),
    ...XOR,
  ];
  const smallSigma = (local: number, a: number, b: number, c: number): number[] => [
    ...rotated(local, a),
    ...rotated(local, b),
    ...XOR,
    ...shifted(local, c),
    ...XOR,
  ];
  /** The bytes of each word the other way round. */
  const swapped = [...tee(spare), ...get(spare), ...shuffle(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)];
  const lanes = (...places: number[]): number[] => shuffle(...places.flatMap((place) => [0, 1, 2, 3].map((byte) => 4 * place + byte)));
  /** Four rows of four words become four columns. */
  const transpose = (first: number): void => {
    const [a, b, c, d] = [first, first + 1, first + 2, first + 3];
    put(get(a), get(b), lanes(0, 4, 1, 5), set(spare), get(a), get(b), lanes(2, 6, 3, 7), set(spare + 1));
    put(get(c), get(d), lanes(0, 4, 1, 5), set(spare + 2), get(c), get(d), lanes(2, 6, 3, 7), set(spare + 3));
    put(get(spare), get(spare + 2), lanes(0, 1, 4, 5), set(a), get(spare), get(spare + 2), lanes(2, 3, 6, 7), set(b));
    put(get(spare + 1), get(spare + 3), lanes(0, 1, 4, 5), set(c), get(spare + 1), get(spare + 3), lanes(2, 3, 6, 7), set(d));
  };

  for (const [i, value] of fractions(8, Math.sqrt).entries()) put(constant(value), SPLAT, set(state + i));
  put(LOOP);
  for (const quarter of [0, 1, 2, 3]) {
    for (const [lane, source] of sources.entries()) put(get(source), load(16 * quarter), swapped, set(words + 4 * quarter + lane));
    transpose(words + 4 * quarter);
  }
  for (let i = 0; i < 8; i++) put(get(state + i), set(work + i));
  put(constant(0), set(key), LOOP);
  for (let i = 0; i < 16; i++) {
    // The eight variables change places from round to round; after sixteen they are where they were.
    const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => work + ((n - i) & 7)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    put(get(h), get(key), loadSplat(4 * i), get(words + i), ADD, ADD, get(f), get(g), get(e), SELECT, ADD, bigSigma(e, 6, 11, 25), ADD, set(spare));
    put(get(d), get(spare), ADD, set(d));
    put(get(spare), get(c), get(a), get(a), get(b), XOR, SELECT, ADD, bigSigma(a, 2, 13, 22), ADD, set(h));
  }
  put(get(key), constant(192), NOT_EQUAL, IF);
  for (let i = 0; i < 16; i++) {
    const word = (ahead: number): number => words + ((i + ahead) & 15);
    put(get(word(0)), get(word(9)), ADD, smallSigma(word(1), 7, 18, 3), ADD, smallSigma(word(14), 17, 19, 10), ADD, set(word(0)));
  }
  put(END, get(key), constant(64), PLUS, tee(key), constant(256), NOT_EQUAL, BRANCH_IF, END);
  for (let i = 0; i < 8; i++) put(get(state + i), get(work + i), ADD, set(state + i));
  for (const source of sources) put(get(source), constant(BLOCK_BYTES), PLUS, set(source));
  put(get(blocks), constant(1), MINUS, tee(blocks), BRANCH_IF, END);
  for (const half of [0, 1]) {
    transpose(state + 4 * half);
    for (const [lane, target] of targets.entries()) put(get(target), get(state + 4 * half + lane), swapped, store(16 * half));
  }
  // key; then state, work, words and spare.
  return startProgram(
    9,
    [
      [1, I32],
      [8 + 8 + 16 + 4, V128],
    ],
    code,
    PAGES,
  );
}

let machine: WasmProgram | null = null;

function started(): WasmProgram {
  if (machine !== null) return machine;
  machine = program();
  const view = new DataView(machine.memory.buffer);
  for (const [i, value] of fractions(64, Math.cbrt).entries()) view.setInt32(4 * i, value, true);
  // What a node is hashed of has 65 bytes: 0x01 and two digests.
  for (let i = 0; i < 4; i++) {
    const at = PAIRS_AT + i * PAIR_BYTES;
    machine.memory[at] = 1;
    machine.memory[at + 1 + 2 * DIGEST_BYTES] = 0x80;
    view.setUint16(at + PAIR_BYTES - 2, 8 * (1 + 2 * DIGEST_BYTES));
  }
  return machine;
}

/** Messages that wait, each padded to whole blocks behind the one before, with the places of their digests among `SUBTREE_LEAVES`. */
export class LaneMessages {
  readonly #bytes = Buffer.alloc(MESSAGES_BYTES);
  readonly #places = new Uint8Array(SUBTREE_LEAVES);
  readonly #blocks = new Uint8Array(SUBTREE_LEAVES);
  #count = 0;
  #end = 0;

  /** False: there is no room, or it is longer than `LANE_BYTES`; nothing is taken. */
  add(message: Uint8Array, place: number): boolean {
    const { length } = message;
    const at = this.#end;
    const blocks = (length + PADDING_BYTES + BLOCK_BYTES - 1) >> 6;
    const end = at + blocks * BLOCK_BYTES;
    if (blocks > BLOCKS || end > MESSAGES_BYTES) return false;
    const bytes = this.#bytes;
    bytes.set(message, at);
    bytes[at + length] = 0x80;
    for (let i = at + length + 1; i < end - 2; i++) bytes[i] = 0;
    bytes[end - 2] = length >> 5;
    bytes[end - 1] = length << 3;
    this.#places[this.#count] = place;
    this.#blocks[this.#count++] = blocks;
    this.#end = end;
    return true;
  }

  /** Has a message of any length hashed: with others, at the next `digest`, where it fits; otherwise at once. */
  hash(message: Uint8Array, place: number, digests: Buffer): void {
    if (this.add(message, place)) return;
    this.digest(digests);
    if (!this.add(message, place)) digests.write(hash('sha256', message, 'binary'), place * DIGEST_BYTES, DIGEST_BYTES, 'binary');
  }

  /** Writes the digests of all that wait into `digests`, 32 bytes each at their places. Nothing waits then. */
  digest(digests: Uint8Array): void {
    if (this.#count === 0) return;
    const { memory, run } = started();
    memory.set(this.#bytes.subarray(0, this.#end), MESSAGES_AT);
    memory.set(digests, DIGESTS_AT);
    const addresses = new Int32Array(4 * (BLOCKS + 1));
    const targets = new Int32Array(4 * (BLOCKS + 1));
    const waiting = new Uint8Array(BLOCKS + 1);
    let at = MESSAGES_AT;
    for (let i = 0; i < this.#count; i++) {
      const blocks = this.#blocks[i] as number;
      const lane = 4 * blocks + (waiting[blocks] as number);
      addresses[lane] = at;
      targets[lane] = DIGESTS_AT + (this.#places[i] as number) * DIGEST_BYTES;
      at += blocks * BLOCK_BYTES;
      if (waiting[blocks] !== 3) {
        waiting[blocks] = (waiting[blocks] as number) + 1;
        continue;
      }
      waiting[blocks] = 0;
      runFour(run, addresses, targets, blocks);
    }
    for (let blocks = 1; blocks <= BLOCKS; blocks++) {
      const there = waiting[blocks] as number;
      if (there === 0) continue;
      // Empty lanes do once more what the first one does.
      addresses.fill(addresses[4 * blocks] as number, 4 * blocks + there, 4 * blocks + 4);
      targets.fill(targets[4 * blocks] as number, 4 * blocks + there, 4 * blocks + 4);
      runFour(run, addresses, targets, blocks);
    }
    digests.set(memory.subarray(DIGESTS_AT, DIGESTS_AT + digests.length));
    this.#count = 0;
    this.#end = 0;
  }
}

function runFour(run: WasmProgram['run'], from: Int32Array, to: Int32Array, blocks: number): void {
  const lane = 4 * blocks;
  run(
    from[lane] as number,
    from[lane + 1] as number,
    from[lane + 2] as number,
    from[lane + 3] as number,
    blocks,
    to[lane] as number,
    to[lane + 1] as number,
    to[lane + 2] as number,
    to[lane + 3] as number,
  );
}

/** Root of the complete tree over `SUBTREE_LEAVES` leaf hashes (RFC 6962 section 2.1), 32 bytes. */
export function subtreeRoot(digests: Uint8Array): Uint8Array {
  const { memory, run } = started();
  memory.set(digests, DIGESTS_AT);
  for (let nodes = SUBTREE_LEAVES / 2; nodes >= 1; nodes /= 2) {
    for (let node = 0; node < nodes; node += 4) {
      for (let lane = 0; lane < Math.min(4, nodes); lane++) {
        const children = DIGESTS_AT + (node + lane) * 2 * DIGEST_BYTES;
        memory.copyWithin(PAIRS_AT + lane * PAIR_BYTES + 1, children, children + 2 * DIGEST_BYTES);
      }
      // A node goes where its children were, or before: those of this group are copied already.
      const to = DIGESTS_AT + node * DIGEST_BYTES;
      run(PAIRS_AT, PAIRS_AT + PAIR_BYTES, PAIRS_AT + 2 * PAIR_BYTES, PAIRS_AT + 3 * PAIR_BYTES, 2, to, to + 32, to + 64, to + 96);
    }
  }
  return memory.slice(DIGESTS_AT, DIGESTS_AT + DIGEST_BYTES);
}
