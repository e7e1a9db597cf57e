/**
 * The right edge of a growing Merkle tree: the roots of its complete subtrees, largest first. All that a writer must keep to add leaves and
 * to give the root. Pure.
 */
import { emptyRoot, nodeHash } from './merkle-hash.js';

export class RightEdge {
  #size = 0;
  readonly #roots: Buffer[] = [];

  /** @param roots of the complete subtrees of a tree of `size` leaves, largest first: one for each bit that is set in `size` */
  constructor(size = 0, roots: readonly Buffer[] = []) {
    this.#size = size;
    this.#roots.push(...roots);
  }

  get size(): number {
    return this.#size;
  }

  add(leaf: Buffer): void {
    let merged = leaf;
    // One merge for each trailing one bit: the subtrees of equal size that end here.
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) merged = nodeHash(this.#roots.pop() as Buffer, merged);
    this.#roots.push(merged);
    this.#size++;
  }

  /** @param right root of a tree of fewer leaves than any subtree here has, that stands to the right of them all */
  root(right: Buffer | null = null): Buffer {
    return this.#roots.reduceRight<Buffer | null>((after, left) => (after === null ? left : nodeHash(left, after)), right) ?? emptyRoot();
  }
}

/** The complete subtrees of a tree of `size` leaves, largest first, each by level (it has 2^level leaves) and number within its level. */
export function completeSubtrees(size: number): { readonly level: number; readonly index: number }[] {
  const subtrees: { level: number; index: number }[] = [];
  let begin = 0;
  for (let level = 48; level >= 0; level--) {
    const leaves = 2 ** level;
    if (size - begin < leaves) continue;
    subtrees.push({ level, index: begin / leaves });
    begin += leaves;
  }
  return subtrees;
}
