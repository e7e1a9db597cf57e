/**
 * Reads a log as it lies on disk: its checkpoint, its tiles and its leaves. Serves proofs and verification alike; nothing read is trusted, so
 * every reading says what it wants and gets null when that is not there in this form.
 */
import { join } from 'node:path';
import { completeRoot, HASH_BYTES } from '../base/merkle-hash.js';
import type { SubtreeSource } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { readBounded } from './bounded-file.js';
import { decodeBundle, LEAF_BYTES } from './entry-bundle.js';
import { decodePruning, PRUNED_FILE, type Pruning } from './pruning.js';
import { NOTE_BYTES } from './signed-note.js';
import { levelWidth, TILE_HEIGHT, TILE_WIDTH, type Tile, tilePath } from './tile-layout.js';

const CACHED = 64;
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

  /** What the log has given up, as the file beside its tiles says; null: nothing, or the file is none. Only a verifier knows whether the log says it too. */
  async pruning(): Promise<Pruning | null> {
    const bytes = await this.read(PRUNED_FILE, LEAF_BYTES);
    return bytes === null ? null : decodePruning(bytes);
  }

  /** Index of the first entry that is kept. */
  async first(): Promise<number> {
    return (await this.pruning())?.first ?? 0;
  }

  /** The hashes of a tile; null when it is missing or has another size. A full tile serves for a partial one. */
  async hashes(tile: Tile): Promise<Buffer[] | null> {
    const path = tilePath(tile);
    const known = this.#tiles.get(path);
    if (known !== undefined) return known;
    const bytes = await this.#find(tile);
    const right = bytes !== null && bytes.length % HASH_BYTES === 0 && bytes.length >= tile.width * HASH_BYTES;
    const hashes = right ? Array.from({ length: tile.width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)) : null;
    if (this.#tiles.size >= CACHED) this.#tiles.clear();
    this.#tiles.set(path, hashes);
    return hashes;
  }

  /** The leaves of bundle `index` in a log of `size` leaves; null when it is missing or does not hold just them. */
  async bundle(index: number, size: number): Promise<Buffer[] | null> {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const exact = await this.read(tilePath({ level: 'entries', index, width }));
    if (exact !== null) return decodeBundle(exact, width);
    const full = await this.read(tilePath({ level: 'entries', index, width: TILE_WIDTH }));
    return full === null ? null : (decodeBundle(full, TILE_WIDTH)?.slice(0, width) ?? null);
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

  async #find(tile: Tile): Promise<Buffer | null> {
    const exact = await this.read(tilePath(tile));
    if (exact !== null) return exact.length === tile.width * HASH_BYTES ? exact : null;
    return tile.width < TILE_WIDTH ? this.read(tilePath({ ...tile, width: TILE_WIDTH })) : null;
  }
}

function missing(path: string): GwError {
  return new GwError('audit.invalid', `The file ${path} of the audit log is missing or damaged.`);
}
