/**
 * The root of an RFC 6962 Merkle tree, one leaf at a time in constant memory: at any moment one slot for each level holds the root of a
 * complete subtree. Pure; used by sealing and verification. Hashes travel as binary strings because `hash` makes those at half the cost of
 * a Buffer, and a segment has hundreds of thousands of them.
 */
import { hash } from 'node:crypto';

const HASH_BYTES = 32;
const LEVELS = 48;

export class MerkleTree {
  /** Root of the complete subtree of 2^level leaves that waits at each level; valid where the bit of `#leaves` is set. */
  readonly #slots = Buffer.alloc(LEVELS * HASH_BYTES);
  /** 0x01 | left | right */
  readonly #pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
  #leaves = 0;

  get leaves(): number {
    return this.#leaves;
  }

  /** Adds a leaf: `leaf` is 0x00 followed by its data. */
  add(leaf: Buffer): void {
    this.#pair.write(hash('sha256', leaf, 'binary'), 1 + HASH_BYTES, HASH_BYTES, 'binary');
    this.#added();
  }

  /** Adds a leaf of which only the hash is known. */
  addHash(leafHash: Buffer): void {
    leafHash.copy(this.#pair, 1 + HASH_BYTES, 0, HASH_BYTES);
    this.#added();
  }

  /** The right half of the pair is the hash of a new leaf. */
  #added(): void {
    const pair = this.#pair;
    let level = 0;
    // One merge for each trailing one bit of the number of leaves so far: the subtrees of equal size that end here.
    for (let n = this.#leaves; n % 2 === 1; n = Math.floor(n / 2)) this.#merge(level++);
    pair.copy(this.#slots, level * HASH_BYTES, 1 + HASH_BYTES);
    this.#leaves++;
  }

  /** Root over the leaves so far; of none it is SHA-256 of the empty string, as RFC 6962 says. */
  root(): Buffer {
    let begun = false;
    for (let level = 0, n = this.#leaves; n > 0; level++, n = Math.floor(n / 2)) {
      if (n % 2 === 0) continue;
      if (begun) this.#merge(level);
      else this.#slots.copy(this.#pair, 1 + HASH_BYTES, level * HASH_BYTES, (level + 1) * HASH_BYTES);
      begun = true;
    }
    return begun ? Buffer.from(this.#pair.subarray(1 + HASH_BYTES)) : hash('sha256', '', 'buffer');
  }

  /** The right half of the pair becomes the hash of the waiting subtree of `level` and itself. */
  #merge(level: number): void {
    this.#slots.copy(this.#pair, 1, level * HASH_BYTES, (level + 1) * HASH_BYTES);
    this.#pair.write(hash('sha256', this.#pair, 'binary'), 1 + HASH_BYTES, HASH_BYTES, 'binary');
  }
}
