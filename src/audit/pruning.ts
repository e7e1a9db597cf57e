/**
 * What a log has given up: its entries before the first one that is kept (the minimum index of C2SP tlog-tiles). The log announces it in an entry
 * `log.prune`; the file `pruned` beside the tiles is a copy of that entry, byte for byte, so that readers know where to begin. Bundles of entries
 * and tiles of level 0 that end at that index or before go; tiles above level 0 stay. Pure; what is read is untrusted.
 */
import { type AuditLeaf, decodeLeaf } from './audit-leaf.js';
import { TILE_WIDTH } from './tile-layout.js';

/** Name of the file in the directory of a log. */
export const PRUNED_FILE = 'pruned';

/** Kinds of entries with which a process begins to write: only before one of them can a log be cut. */
export const BEGINNINGS: ReadonlySet<string> = new Set(['log.open', 'log.recovered']);

export interface Pruning {
  /** Index of the first entry that is kept. */
  readonly first: number;
  /** The entry that announces it. */
  readonly leaf: AuditLeaf;
  /** The same as the log has it. */
  readonly bytes: Buffer;
}

/** @returns null for what is no entry `log.prune` */
export function decodePruning(bytes: Buffer): Pruning | null {
  const leaf = decodeLeaf(bytes);
  const first = leaf?.kind === 'log.prune' ? leaf.data['first'] : null;
  return leaf !== null && typeof first === 'number' && Number.isSafeInteger(first) && first > 0 && first < leaf.n ? { first, leaf, bytes } : null;
}

/** How many bundles end at index `first` or before it, and with them tiles of level 0. */
export function bundlesBefore(first: number): number {
  return Math.floor(first / TILE_WIDTH);
}
