/** Roots of the first entries of a log, for numbers of them that grow, from its tiles: one pass over the hashes for however many roots, in constant memory. */
import { RightEdge } from '../base/right-edge.js';
import { subtreeRoot } from '../base/sha256-lanes.js';
import type { LogFiles } from './log-files.js';
import { levelWidth, TILE_WIDTH } from './tile-layout.js';

export class GrowingRoot {
  readonly #files: LogFiles;
  readonly #size: number;
  readonly #bundles = new RightEdge();
  /** Of the bundle that is not complete. */
  #rest = new RightEdge();

  /** @param size entries of the log */
  constructor(files: LogFiles, size: number) {
    this.#files = files;
    this.#size = size;
  }

  /** The root of the first `size` entries; null: a tile cannot be read. No fewer than in the call before, and no more than the log has. */
  async at(size: number): Promise<Buffer | null> {
    const [whole, width] = [Math.floor(size / TILE_WIDTH), size % TILE_WIDTH];
    while (this.#bundles.size < whole) {
      const subtree = await this.#subtree(this.#bundles.size);
      if (subtree === null) return null;
      this.#bundles.add(subtree);
      this.#rest = new RightEdge();
    }
    if (width === 0) return this.#bundles.root();
    const hashes = await this.#tile(0, whole);
    if (hashes === null) return null;
    for (const hash of hashes.slice(this.#rest.size, width)) this.#rest.add(hash);
    return this.#bundles.root(this.#rest.root());
  }

  /** A log that was pruned has the hashes of its oldest entries no more, and those of level 1. */
  async #subtree(bundle: number): Promise<Buffer | null> {
    const hashes = await this.#tile(0, bundle);
    if (hashes !== null) return Buffer.from(subtreeRoot(Buffer.concat(hashes)));
    return (await this.#tile(1, Math.floor(bundle / TILE_WIDTH)))?.[bundle % TILE_WIDTH] ?? null;
  }

  #tile(level: number, index: number): Promise<Buffer[] | null> {
    const width = Math.min(TILE_WIDTH, levelWidth(level, this.#size) - index * TILE_WIDTH);
    return this.#files.hashes({ level, index, width });
  }
}
