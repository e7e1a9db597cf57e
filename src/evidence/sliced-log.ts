/**
 * The beginning of a log, up to a size that the period decides, as a pack has it: its own checkpoint at that size, all tiles of hashes, and the entries
 * from the first one that matters on. The same beginning has the same bytes whenever it is taken, however far the log has grown since. A log on
 * disk may grow meanwhile, and is untrusted.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Anchor,
  type AuditLeaf,
  brokenAnchor,
  decodeBundle,
  decodeLeaf,
  encodeBundle,
  LogFiles,
  levelWidth,
  TILE_WIDTH,
  tilePath,
} from '../audit/index.js';
import { completeRoot, HASH_BYTES } from '../base/merkle-hash.js';
import { consistencyProof, inclusionProof, verifyConsistency } from '../base/merkle-proof.js';
import { completeSubtrees, RightEdge } from '../base/right-edge.js';
import { GwError } from '../contract/gw-error.js';
import type { PackWriter } from './pack-writer.js';

export interface SlicedLeaf {
  readonly index: number;
  readonly bytes: Buffer;
  readonly leaf: AuditLeaf;
}

export interface SliceBounds {
  /** Index of the first entry; the bundle that holds it is there from its beginning on. */
  readonly first: number;
  readonly size: number;
}

export class SlicedLog {
  /** Name of its directory: the number at the end of its origin. */
  readonly place: string;
  readonly origin: string;
  readonly first: number;
  readonly size: number;
  /** Index of the first entry that the log still has, for whoever made it from there on; otherwise that of the slice. */
  readonly kept: number;
  readonly #files: LogFiles;
  /** Entries of the tree that the files are of. */
  readonly #whole: number;

  constructor(files: LogFiles, whole: number, origin: string, { first, size }: SliceBounds) {
    this.#files = files;
    this.#whole = whole;
    this.origin = origin;
    this.place = origin.slice(origin.lastIndexOf('/') + 1);
    this.kept = first;
    this.first = first - (first % TILE_WIDTH);
    this.size = size;
  }

  /** @throws GwError `evidence.invalid` for an entry that is none; `audit.invalid` when a file cannot be read */
  async *leaves(): AsyncGenerator<SlicedLeaf, void> {
    for await (const { index, leaf: bytes } of this.#files.leaves(this.#whole, this.first)) {
      if (index >= this.size) return;
      const leaf = decodeLeaf(bytes);
      if (leaf === null || leaf.n !== index) throw new GwError('evidence.invalid', `Entry ${index} of the log ${this.origin} is not one.`);
      yield { index, bytes, leaf };
    }
  }

  async root(): Promise<Buffer> {
    const subtree = this.#files.subtrees(this.#whole);
    const roots: Buffer[] = [];
    for (const { level, index } of completeSubtrees(this.size)) roots.push(await subtree(level, index));
    return new RightEdge(this.size, roots).root();
  }

  /** What does not fit in its tree: each tile against the one below, all against the root. */
  async problems(root: Buffer): Promise<string[]> {
    const problems: string[] = [];
    try {
      for (const { level, index, width } of tilesOf(this.size)) {
        if (level === 'entries' || level === 0) continue;
        const hashes = await this.#tile(level, index, width);
        for (const [at, hash] of (hashes ?? []).entries()) {
          const child = index * TILE_WIDTH + at;
          const below = await this.#tile(level - 1, child, TILE_WIDTH);
          const given = below === null && level === 1 && (child + 1) * TILE_WIDTH <= this.first;
          if (!given && (below === null || !completeRoot(below).equals(hash)))
            problems.push(`hash ${at} of ${tilePath({ level, index, width })} is not that of the tile below`);
        }
        if (hashes === null) problems.push(`${tilePath({ level, index, width })} is missing or damaged`);
      }
      if (!(await this.root()).equals(root)) problems.push('the tiles do not give the root of the checkpoint');
    } catch (thrown) {
      if (!(thrown instanceof GwError && thrown.code === 'audit.invalid')) throw thrown;
      problems.push(thrown.message);
    }
    return problems;
  }

  /** The hash that the tree has for an entry. */
  hashAt(index: number): Promise<Buffer> {
    return this.#files.subtrees(this.#whole)(0, index);
  }

  /** The first of what others said of it, by size, that it does not continue; null: it continues all that its tiles tell of. */
  async broken(anchors: readonly Anchor[]): Promise<Anchor | null> {
    const longer = anchors.find(({ size }) => size > this.size);
    return (await brokenAnchor(this.#files, this.#whole, anchors)) ?? longer ?? null;
  }

  /** Whether its first `size` entries have that root; null: nobody can tell, because the log gave up the hashes before its oldest entries. */
  async continues(size: number, root: Buffer): Promise<boolean | null> {
    const proof = await consistencyProof(size, this.size, this.#files.subtrees(this.#whole)).catch((thrown: unknown) => {
      if (thrown instanceof GwError && thrown.code === 'audit.invalid') return null;
      throw thrown;
    });
    if (proof === null) return size < this.first ? null : false;
    return verifyConsistency(size, this.size, root, await this.root(), proof);
  }

  prove(index: number): Promise<Buffer[]> {
    return inclusionProof(index, this.size, this.#files.subtrees(this.#whole));
  }

  /** Writes it below `log/PLACE`. @param checkpoint the signed note over its size and root */
  async write(writer: PackWriter, checkpoint: string): Promise<void> {
    const at = (path: string): string => `log/${this.place}/${path}`;
    writer.put(at('checkpoint'), checkpoint);
    for (const tile of tilesOf(this.size)) {
      const { level, index, width } = tile;
      const begin = index * TILE_WIDTH;
      if (level === 'entries') {
        if (begin + width <= this.first) continue;
        const leaves = await this.#files.bundle(index, this.#whole);
        if (leaves === null) throw missing(this.origin, tilePath(tile));
        writer.put(at(tilePath(tile)), encodeBundle(leaves.slice(0, width)));
      } else {
        const hashes = await this.#tile(level, index, width);
        // A log may have given up what lies before its oldest entries.
        if (hashes === null && level === 0 && begin + width <= this.first) continue;
        if (hashes === null) throw missing(this.origin, tilePath(tile));
        writer.put(at(tilePath(tile)), Buffer.concat(hashes));
      }
      await writer.settle();
    }
  }

  async #tile(level: number, index: number, width: number): Promise<readonly Buffer[] | null> {
    const there = Math.min(TILE_WIDTH, levelWidth(level, this.#whole) - index * TILE_WIDTH);
    return (await this.#files.hashes({ level, index, width: there }))?.slice(0, width) ?? null;
  }
}

/** Files of a log that grows: a partial tile that was replaced by a wider one is read out of that. */
export class GrowingLogFiles extends LogFiles {
  override async read(path: string, limit?: number): Promise<Buffer | null> {
    const bytes = await super.read(path, limit);
    const [, base, width] = /^(.*)\.p\/(\d{1,3})$/.exec(path) ?? [];
    if (bytes !== null || base === undefined || width === undefined) return bytes;
    const names = await readdir(join(this.directory, `${base}.p`)).catch(() => []);
    const wider = names.map(Number).filter((each) => each > Number(width));
    const found = wider.length > 0 ? await super.read(`${base}.p/${Math.max(...wider)}`) : await super.read(base);
    if (found === null) return null;
    const have = wider.length > 0 ? Math.max(...wider) : TILE_WIDTH;
    if (!path.startsWith('tile/entries/')) return found.subarray(0, Number(width) * HASH_BYTES);
    const leaves = decodeBundle(found, have);
    return leaves === null ? null : encodeBundle(leaves.slice(0, Number(width)));
  }
}

/** All tiles of a tree of that size; bundles of entries first, then upwards. */
function* tilesOf(size: number): Generator<{ readonly level: number | 'entries'; readonly index: number; readonly width: number }> {
  const row = function* (level: number | 'entries', width: number): ReturnType<typeof tilesOf> {
    for (let index = 0; index * TILE_WIDTH < width; index++) yield { level, index, width: Math.min(TILE_WIDTH, width - index * TILE_WIDTH) };
  };
  yield* row('entries', size);
  for (let level = 0; levelWidth(level, size) > 0; level++) yield* row(level, levelWidth(level, size));
}

function missing(origin: string, path: string): GwError {
  return new GwError('audit.invalid', `The file ${path} of the log ${origin} is missing or damaged.`, { hint: 'Run `gw audit verify`.' });
}
