/**
 * Reads a log as it lies on disk: its checkpoint, its tiles and its leaves. Serves proofs and verification alike; nothing read is trusted, so
 * every reading says what it wants and gets null when that is not there in this form. The log may be written meanwhile: it drops its partial tiles as
 * it grows, so what is gone under the size that is asked for is looked for under the checkpoint of then.
 */
import { join } from 'node:path';
import { completeRoot, HASH_BYTES } from '../base/merkle-hash.js';
import type { SubtreeSource } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { readBounded } from './bounded-file.js';
import { parseCheckpoint } from './checkpoint.js';
import { decodeBundle, LEAF_BYTES } from './entry-bundle.js';
import { decodePruning, PRUNED_FILE, type Pruning } from './pruning.js';
import { NOTE_BYTES } from './signed-note.js';
import { levelWidth, TILE_HEIGHT, TILE_WIDTH, type Tile, tilePath } from './tile-layout.js';

const CACHED = 64;
/** Checkpoints that are followed for one tile: a log that moves on faster than it is read is none that a gateway writes. */
const MOVES = 5;
/** Largest bundle of entries; no other file of a log is larger. */
const BUNDLE_BYTES = TILE_WIDTH * (2 + LEAF_BYTES);

export class LogFiles {
  readonly directory: string;
  readonly #tiles = new Map<string, Buffer[] | null>();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The bytes of a file of the log; null when there is none, or one larger than any can be. */
  async read(path: string, limit = BUNDLE_BYTES): Promise<Buffer | null> {
    return readBounded(join(this.directory, path), limit);
  }

  checkpoint(): Promise<Buffer | null> {
    return this.read('checkpoint', NOTE_BYTES);
  }

  /** Entries under the checkpoint; 0 without one that can be read. */
  async size(): Promise<number> {
    const bytes = await this.checkpoint();
    return bytes === null ? 0 : (parseCheckpoint(bytes)?.checkpoint.size ?? 0);
  }

  /** What the log has given up, as the file beside its tiles says; null: nothing, or the file is none. Only a verifier knows whether the log says it too. */
  async pruning(): Promise<Pruning | null> {
    const bytes = await this.read(PRUNED_FILE, LEAF_BYTES);
    return bytes === null ? null : decodePruning(bytes);
  }

  /** Index of the first entry that is kept. */
  async first(): Promise<number> {
    return (await this.pruning())?.first ?? 0;
  }

  /** The hashes of a tile; null when it is missing or has another size. A wider tile serves for a partial one. */
  async hashes(tile: Tile): Promise<Buffer[] | null> {
    const path = tilePath(tile);
    const known = this.#tiles.get(path);
    if (known !== undefined) return known;
    const { bytes, width } = (await this.#find(tile)) ?? { bytes: Buffer.alloc(0), width: tile.width };
    const right = bytes.length === width * HASH_BYTES;
    const hashes = right ? Array.from({ length: tile.width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)) : null;
    if (this.#tiles.size >= CACHED) this.#tiles.clear();
    this.#tiles.set(path, hashes);
    return hashes;
  }

  /** The leaves of bundle `index` in a log of `size` leaves; null when it is missing or does not hold just them. */
  async bundle(index: number, size: number): Promise<Buffer[] | null> {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    if (width <= 0) return null;
    const found = await this.#find({ level: 'entries', index, width });
    return found === null ? null : (decodeBundle(found.bytes, found.width)?.slice(0, width) ?? null);
  }

  /** @throws GwError `audit.invalid` when bundle `index` cannot be read */
  async *leaves(size: number, from = 0): AsyncGenerator<{ readonly index: number; readonly leaf: Buffer }> {
    for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < size; bundle++) {
      const leaves = await this.bundle(bundle, size);
      if (leaves === null) throw missing(tilePath({ level: 'entries', index: bundle, width: Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH) }));
      for (const [at, leaf] of leaves.entries()) {
        const index = bundle * TILE_WIDTH + at;
        if (index >= from) yield { index, leaf };
      }
    }
  }

  /** Subtrees of the tree of `size` leaves, out of its tiles. What it gives rejects with GwError `audit.invalid` when a tile cannot be read. */
  subtrees(size: number): SubtreeSource {
    return async (level, index) => {
      const tileLevel = Math.floor(level / TILE_HEIGHT);
      const span = 2 ** (level % TILE_HEIGHT);
      const first = index * span;
      const tile = Math.floor(first / TILE_WIDTH);
      const width = Math.min(TILE_WIDTH, levelWidth(tileLevel, size) - tile * TILE_WIDTH);
      const hashes = await this.hashes({ level: tileLevel, index: tile, width });
      const wanted = hashes?.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + span);
      if (wanted?.length !== span) throw missing(tilePath({ level: tileLevel, index: tile, width }));
      return completeRoot(wanted);
    };
  }

  /** The file of a tile, or of the same one as it grew, and how wide that one is. */
  async #find(tile: Tile): Promise<{ readonly bytes: Buffer; readonly width: number } | null> {
    for (let { width } = tile, moves = 0; ; moves++) {
      for (const each of new Set([width, TILE_WIDTH])) {
        const bytes = await this.read(tilePath({ ...tile, width: each }));
        if (bytes !== null) return { bytes, width: each };
      }
      const now = await this.#widthNow(tile);
      if (now <= width || moves === MOVES) return null;
      width = now;
    }
  }

  /** How wide the tile is under the checkpoint that the log has by now. */
  async #widthNow({ level, index }: Tile): Promise<number> {
    const level0 = level === 'entries' ? 0 : level;
    return Math.min(TILE_WIDTH, levelWidth(level0, await this.size()) - index * TILE_WIDTH);
  }
}

function missing(path: string): GwError {
  return new GwError('audit.invalid', `The file ${path} of the audit log is missing or damaged.`);
}
