/**
 * The root of an RFC 6962 Merkle tree, one leaf at a time in constant memory: at any moment one slot for each level holds the root of a complete
 * subtree. Pure; used by sealing and verification. The lowest levels are hashed in bulk, many leaves at once; the hashes above travel as
 * binary strings, because `hash` makes those at half the cost of a Buffer.
 */
import { hash } from 'node:crypto';
import { LaneMessages, SUBTREE_LEAVES, subtreeRoot } from '../base/sha256-lanes.js';

const HASH_BYTES = 32;
const SUBTREE_LEVEL = Math.log2(SUBTREE_LEAVES);

export class MerkleTree {
  /** Root of the complete subtree of 2^level leaves that waits at each level; valid where the bit of `#leaves` is set. */
  readonly #slots: string[] = [];
  /** 0x01 | left | right */
  readonly #pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
  /** Leaves of the subtree that is not complete, of which only the hash or not even that is known. */
  readonly #messages = new LaneMessages();
  readonly #hashes = Buffer.alloc(SUBTREE_LEAVES * HASH_BYTES);
  #leaves = 0;

  get leaves(): number {
    return this.#leaves;
  }

  /** Adds a leaf: `leaf` is 0x00 followed by its data. */
  add(leaf: Buffer): void {
    this.#messages.hash(leaf, this.#leaves % SUBTREE_LEAVES, this.#hashes);
    this.#added();
  }

  /** Adds a leaf of which only the hash is known. */
  addHash(leafHash: Buffer): void {
    leafHash.copy(this.#hashes, (this.#leaves % SUBTREE_LEAVES) * HASH_BYTES, 0, HASH_BYTES);
    this.#added();
  }

  /** Root over the leaves so far; of none it is SHA-256 of the empty string, as RFC 6962 says. */
  root(): Buffer {
    if (this.#leaves === 0) return hash('sha256', '', 'buffer');
    const rest = this.#leaves % SUBTREE_LEAVES;
    this.#messages.digest(this.#hashes);
    const low: string[] = [];
    for (let i = 0; i < rest; i++) this.#merge(low, i, 0, this.#hashes.toString('latin1', i * HASH_BYTES, (i + 1) * HASH_BYTES));
    let root: string | null = null;
    for (let level = 0, n = this.#leaves; n > 0; level++, n = Math.floor(n / 2)) {
      if (n % 2 === 0) continue;
      const slot = (level < SUBTREE_LEVEL ? low : this.#slots)[level] as string;
      root = root === null ? slot : this.#parent(slot, root);
    }
    return Buffer.from(root ?? '', 'latin1');
  }

  #added(): void {
    this.#leaves++;
    if (this.#leaves % SUBTREE_LEAVES !== 0) return;
    this.#messages.digest(this.#hashes);
    const subtree = Buffer.from(subtreeRoot(this.#hashes)).toString('latin1');
    this.#merge(this.#slots, this.#leaves / SUBTREE_LEAVES - 1, SUBTREE_LEVEL, subtree);
  }

  /** Puts a complete subtree of `level` behind `before` others: one merge for each trailing one bit of their number, which are those that end here. */
  #merge(slots: string[], before: number, level: number, subtree: string): void {
    let at = level;
    let root = subtree;
    for (let n = before; n % 2 === 1; n = Math.floor(n / 2)) root = this.#parent(slots[at++] as string, root);
    slots[at] = root;
  }

  #parent(left: string, right: string): string {
    const pair = this.#pair;
    pair.write(left, 1, HASH_BYTES, 'latin1');
    pair.write(right, 1 + HASH_BYTES, HASH_BYTES, 'latin1');
    return hash('sha256', pair, 'binary');
  }
}
