/**
 * The root of an RFC 6962 Merkle tree, one leaf at a time in constant memory: at any moment one slot for each level holds the root of a
 * complete subtree. Pure; used by sealing and verification. Hashes travel as binary strings because `hash` makes those at half the cost of
 * a Buffer, and a segment has hundreds of thousands of them.
 */
import { hash } from 'node:crypto';

const HASH_BYTES = 32;

export class MerkleTree {
  /** Root of the complete subtree of 2^level leaves that waits at each level; valid where the bit of `#leaves` is set. */
  readonly #slots: string[] = [];
  /** 0x01 | left | right */
  readonly #pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
  #leaves = 0;

  get leaves(): number {
    return this.#leaves;
  }

  /** Adds a leaf: `leaf` is 0x00 followed by its data. */
  add(leaf: Buffer): void {
    this.#add(hash('sha256', leaf, 'binary'));
  }

  /** Adds a leaf of which only the hash is known. */
  addHash(leafHash: Buffer): void {
    this.#add(leafHash.toString('latin1'));
  }

  /** Root over the leaves so far; of none it is SHA-256 of the empty string, as RFC 6962 says. */
  root(): Buffer {
    let root: string | null = null;
    for (let level = 0, n = this.#leaves; n > 0; level++, n = Math.floor(n / 2)) {
      if (n % 2 === 1) root = root === null ? (this.#slots[level] as string) : this.#parent(level, root);
    }
    return root === null ? hash('sha256', '', 'buffer') : Buffer.from(root, 'latin1');
  }

  #add(leafHash: string): void {
    let subtree = leafHash;
    let level = 0;
    // One merge for each trailing one bit of the number of leaves so far: the subtrees of equal size that end here.
    for (let n = this.#leaves; n % 2 === 1; n = Math.floor(n / 2)) subtree = this.#parent(level++, subtree);
    this.#slots[level] = subtree;
    this.#leaves++;
  }

  /** Hash of the subtree that waits at `level` and of the one to its right. */
  #parent(level: number, right: string): string {
    const pair = this.#pair;
    pair.write(this.#slots[level] as string, 1, HASH_BYTES, 'latin1');
    pair.write(right, 1 + HASH_BYTES, HASH_BYTES, 'latin1');
    return hash('sha256', pair, 'binary');
  }
}
