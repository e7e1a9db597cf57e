/**
 * A bounded cache without bookkeeping on the hit path: two generations of a `Map`. When the young one is full it becomes the old one and
 * the former old one is dropped; what is used again moves to the young one.
 */
export class GenerationCache<K, V> {
  readonly #size: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** Holds at most `2 × size` entries and at least the last `size` used. */
  constructor(size: number) {
    this.#size = size;
  }

  get(key: K): V | undefined {
    const hit = this.#young.get(key);
    if (hit !== undefined) return hit;
    const kept = this.#old.get(key);
    if (kept !== undefined) this.set(key, kept);
    return kept;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
