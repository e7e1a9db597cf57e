/**
 * Every entry of one log against the tiles, and every tile against those below it, up to the root. One bundle at a time in the order of the log; memory is
 * that of a few tiles, whatever the size. What is missing is reported up to a bound: a size that somebody made up must not be counted through. Of bundles
 * that were pruned the tiles of level 1 have the roots, which are checked as all others are. All input is untrusted.
 */
import { HASH_BYTES } from '../base/merkle-hash.js';
import { RightEdge } from '../base/right-edge.js';
import { LaneMessages, subtreeRoot } from '../base/sha256-lanes.js';
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import type { Checkpoint } from './checkpoint.js';
import { LEAF_BYTES } from './entry-bundle.js';
import type { LogFiles } from './log-files.js';
import type { Claim } from './log-problem.js';
import { bundlesBefore } from './pruning.js';
import { levelWidth, TILE_WIDTH, type Tile, tilePath } from './tile-layout.js';

export type Report = (claim: Claim, index: number | null, message: string) => void;

/** Files of one log that may be missing or wrong before the rest is not looked at. */
const MISSING = 1_000;

/** Bundles that are read ahead. */
const AHEAD = 4;

/** The hashes of one tile. */
const row = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
/** 0x00 and a leaf. */
const scratch = Buffer.alloc(1 + LEAF_BYTES);
const messages = new LaneMessages();

export interface EntryReader {
  /** Index of the first entry that is kept: what lies before it is neither looked for nor taken. */
  readonly first: number;
  /** Called for every entry from `first` on that can be read, in order. */
  readonly take: (leaf: AuditLeaf) => void;
}

/** @returns false when it gave up */
export async function checkEntries(files: LogFiles, { size, root }: Checkpoint, { first: kept, take }: EntryReader, report: Report): Promise<boolean> {
  const full = new RightEdge();
  let rest = new RightEdge();
  let readable = true;
  let missing = 0;
  // Entries of the bundle in which the log was cut are there, and are of a process whose beginning is not.
  const order = new Order(report, (leaf) => (leaf.n < kept ? undefined : take(leaf)));
  const upper = new UpperTiles(files, size, report);
  const begin = bundlesBefore(kept);
  for (let index = 0; index < begin; index++) {
    const subtree = await upper.told(index);
    // That the tile of level 1 is missing is said by `add`.
    full.add(subtree ?? Buffer.alloc(HASH_BYTES));
    readable &&= subtree !== null;
    await upper.add(1, index, subtree ?? Buffer.alloc(HASH_BYTES));
    if (subtree !== null || ++missing < MISSING) continue;
    report('entry', index * TILE_WIDTH, 'too much is missing or damaged: what comes after it was not looked at');
    return false;
  }
  for await (const { index, width, leaves, told, rightSize } of bundles(files, size, begin)) {
    const first = index * TILE_WIDTH;
    const tile: Tile = { level: 0, index, width };
    if (!rightSize) report('tile', null, `the tile ${tilePath(tile)} is missing or has another size`);
    if (leaves === null) report('entry', first, `the bundle of entries ${first} to ${first + width - 1} is missing or damaged`);
    if (leaves === null || !rightSize) {
      if (++missing >= MISSING) {
        report('entry', first, 'too much is missing or damaged: what comes after it was not looked at');
        return false;
      }
    }
    if (leaves === null) {
      readable = false;
      continue;
    }
    hashLeaves(leaves);
    if (rightSize && told !== null && row.compare(told, 0, width * HASH_BYTES, 0, width * HASH_BYTES) !== 0) {
      for (let at = 0; at < width; at++) {
        const [from, to] = [at * HASH_BYTES, (at + 1) * HASH_BYTES];
        if (row.compare(told, from, to, from, to) !== 0) report('entry', first + at, 'the entry is not the one that the tree holds');
      }
    }
    if (width === TILE_WIDTH) {
      const subtree = Buffer.from(subtreeRoot(row));
      full.add(subtree);
      await upper.add(1, index, subtree);
    } else {
      rest = new RightEdge();
      for (let at = 0; at < width; at++) rest.add(Buffer.from(row.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)));
    }
    for (const [at, bytes] of leaves.entries()) order.look(bytes, first + at);
  }
  const found = rest.size === 0 ? full.root() : full.root(rest.root());
  if (readable && !found.equals(root)) report('checkpoint', null, 'the root over the entries is not the one that was signed');
  return true;
}

interface BundleRead {
  readonly index: number;
  readonly width: number;
  readonly leaves: Buffer[] | null;
  /** The tile of level 0; null: it is not there. */
  readonly told: Buffer | null;
  readonly rightSize: boolean;
}

/** Bundles with their tiles in order; the next ones are read while one is looked at. */
async function* bundles(files: LogFiles, size: number, begin: number): AsyncGenerator<BundleRead, void> {
  const ahead: Promise<BundleRead>[] = [];
  const count = Math.ceil(size / TILE_WIDTH);
  for (let index = begin, next = begin; index < count; index++) {
    for (; next < count && next <= index + AHEAD; next++) {
      const reading = readBundle(files, next, size);
      // Whoever stops early leaves readings behind that nobody waits for.
      reading.catch(() => undefined);
      ahead.push(reading);
    }
    const current = await ahead.shift();
    if (current !== undefined) yield current;
  }
}

async function readBundle(files: LogFiles, index: number, size: number): Promise<BundleRead> {
  const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
  const tile: Tile = { level: 0, index, width };
  const [leaves, hashes] = await Promise.all([files.bundle(index, size), files.read(tilePath(tile), TILE_WIDTH * HASH_BYTES)]);
  const told = hashes ?? (await files.read(tilePath({ ...tile, width: TILE_WIDTH }), TILE_WIDTH * HASH_BYTES));
  const rightSize = hashes === null ? told?.length === TILE_WIDTH * HASH_BYTES : hashes.length === width * HASH_BYTES;
  return { index, width, leaves, told, rightSize };
}

/** Form, place and time of entries, one after the other. */
export class Order {
  readonly #report: Report;
  readonly #take: (leaf: AuditLeaf) => void;
  #time: string;

  /** @param time of the entry before the first one; left out: there is none */
  constructor(report: Report, take: (leaf: AuditLeaf) => void, time = '') {
    this.#time = time;
    this.#report = report;
    this.#take = take;
  }

  look(bytes: Buffer, n: number): void {
    const leaf = decodeLeaf(bytes);
    if (leaf === null) {
      this.#report('entry', n, 'the entry is not in the form of an entry');
      return;
    }
    if (leaf.n !== n) this.#report('order', n, `the entry says that its place is ${leaf.n}`);
    if (leaf.time < this.#time) this.#report('order', n, `its time ${leaf.time} is before that of the entry before it`);
    this.#time = leaf.time;
    this.#take(leaf);
  }
}

/** Tiles above level 0: each hash is the root of the tile below it, and each tile is there in its size. */
class UpperTiles {
  readonly #files: LogFiles;
  readonly #size: number;
  readonly #report: Report;
  /** The row of hashes being gathered at each level. */
  readonly #rows: Buffer[] = [];

  constructor(files: LogFiles, size: number, report: Report) {
    this.#files = files;
    this.#size = size;
    this.#report = report;
  }

  /** What the tile of level 1 says of bundle `at`; null: it is not there. */
  async told(at: number): Promise<Buffer | null> {
    const index = Math.floor(at / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, levelWidth(1, this.#size) - index * TILE_WIDTH);
    return (await this.#files.hashes({ level: 1, index, width }))?.[at % TILE_WIDTH] ?? null;
  }

  /** @param root of the complete tile number `at` in the level below. A tile that has gaps below it is compared as far as it goes. */
  async add(level: number, at: number, root: Buffer): Promise<void> {
    const index = Math.floor(at / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, levelWidth(level, this.#size) - index * TILE_WIDTH);
    const tile: Tile = { level, index, width };
    const place = at % TILE_WIDTH;
    const gathered = (this.#rows[level] ??= Buffer.alloc(TILE_WIDTH * HASH_BYTES));
    root.copy(gathered, place * HASH_BYTES);
    const path = tilePath(tile);
    const hashes = await this.#files.hashes(tile);
    if (hashes === null || (place === 0 && (await this.#differs(path, width)))) {
      if (place === 0) this.#report('tile', null, `the tile ${path} is missing or has another size`);
    } else if (hashes[place]?.equals(root) !== true) this.#report('tile', null, `hash ${place} of the tile ${path} is not that of the tile below it`);
    if (place !== TILE_WIDTH - 1) return;
    await this.add(level + 1, index, Buffer.from(subtreeRoot(gathered)));
  }

  /** Whether the file is there in another size; a full tile in the place of a partial one is not. */
  async #differs(path: string, width: number): Promise<boolean> {
    const bytes = await this.#files.read(path, TILE_WIDTH * HASH_BYTES);
    return bytes !== null && bytes.length !== width * HASH_BYTES;
  }
}

/** Puts the hashes of the leaves of one bundle into `row`. */
function hashLeaves(leaves: readonly Buffer[]): void {
  for (const [at, leaf] of leaves.entries()) {
    leaf.copy(scratch, 1);
    messages.hash(scratch.subarray(0, 1 + leaf.length), at, row);
  }
  messages.digest(row);
}
