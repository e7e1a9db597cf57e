/**
 * The tiles of a growing log: takes leaves one by one and gives the files that a checkpoint at the size reached needs. Keeps full tiles until
 * they are said to be on disk, so that an attempt to publish that failed can be made again. Pure.
 */

import { completeRoot, leafHash } from '../base/merkle-hash.js';
import { completeSubtrees, RightEdge } from '../base/right-edge.js';
import { encodeBundle } from './entry-bundle.js';
import type { LogFiles } from './log-files.js';
import { levelWidth, TILE_WIDTH, tilePath } from './tile-layout.js';

export interface TileFile {
  readonly path: string;
  readonly bytes: Buffer;
}

export class TileBuilder {
  readonly #edge: RightEdge;
  /** Hashes of the last, partial tile of each level. */
  readonly #levels: Buffer[][];
  #bundle: Buffer[];
  readonly #full = new Map<string, Buffer>();

  private constructor(edge: RightEdge, levels: Buffer[][], bundle: Buffer[]) {
    this.#edge = edge;
    this.#levels = levels;
    this.#bundle = bundle;
  }

  /** Continues the log of `size` leaves that lies in `files`. @throws GwError `audit.invalid` when a tile that it needs cannot be read */
  static async load(files: LogFiles, size: number): Promise<TileBuilder> {
    const subtree = files.subtrees(size);
    const roots = await Promise.all(completeSubtrees(size).map(({ level, index }) => subtree(level, index)));
    const levels: Buffer[][] = [];
    for (let level = 0; levelWidth(level, size) > 0; level++) {
      const width = levelWidth(level, size);
      const from = width - (width % TILE_WIDTH);
      const hashes = from === width ? [] : await files.hashes({ level, index: from / TILE_WIDTH, width: width - from });
      levels.push([...(hashes ?? [])]);
    }
    const bundle: Buffer[] = [];
    for await (const { leaf } of files.leaves(size, size - (size % TILE_WIDTH))) bundle.push(leaf);
    return new TileBuilder(new RightEdge(size, roots), levels, bundle);
  }

  get size(): number {
    return this.#edge.size;
  }

  root(): Buffer {
    return this.#edge.root();
  }

  add(leaf: Buffer): void {
    const at = Math.floor(this.#edge.size / TILE_WIDTH);
    const hash = leafHash(leaf);
    this.#edge.add(hash);
    this.#bundle.push(leaf);
    if (this.#bundle.length === TILE_WIDTH) {
      this.#full.set(tilePath({ level: 'entries', index: at, width: TILE_WIDTH }), encodeBundle(this.#bundle));
      this.#bundle = [];
    }
    this.#push(0, hash);
  }

  /** The files that differ from those of the last size that was `published`: full tiles, then the partial ones of the right edge. */
  files(): TileFile[] {
    const files = [...this.#full].map(([path, bytes]) => ({ path, bytes }));
    const index = (level: number): number => Math.floor(levelWidth(level, this.size) / TILE_WIDTH);
    if (this.#bundle.length > 0) {
      files.push({ path: tilePath({ level: 'entries', index: index(0), width: this.#bundle.length }), bytes: encodeBundle(this.#bundle) });
    }
    for (const [level, hashes] of this.#levels.entries()) {
      if (hashes.length > 0) files.push({ path: tilePath({ level, index: index(level), width: hashes.length }), bytes: Buffer.concat(hashes) });
    }
    return files;
  }

  /** These files are on disk. */
  published(files: readonly TileFile[]): void {
    for (const { path } of files) this.#full.delete(path);
  }

  #push(level: number, hash: Buffer): void {
    const hashes = (this.#levels[level] ??= []);
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const index = levelWidth(level, this.size) / TILE_WIDTH - 1;
    this.#full.set(tilePath({ level, index, width: TILE_WIDTH }), Buffer.concat(hashes));
    this.#levels[level] = [];
    this.#push(level + 1, completeRoot(hashes));
  }
}
