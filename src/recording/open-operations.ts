/**
 * The operations of one session that have no outcome yet, by number. Nearly always there is one at most, which is kept beside the map: the
 * hot calls of the recorder look here for every result, and a map costs more than what they write.
 */
import type { StreamDigest } from './stream-digest.js';

export interface OpenOperation {
  down: StreamDigest | null;
  up: StreamDigest | null;
  /** Its result is kept beyond the cap of a result. */
  whole: boolean;
}

export class OpenOperations {
  #first = -1;
  #operation: OpenOperation | null = null;
  readonly #others = new Map<number, OpenOperation>();

  get(sequence: number): OpenOperation | undefined {
    return sequence === this.#first && this.#operation !== null ? this.#operation : this.#others.get(sequence);
  }

  /** `sequence` is not open. */
  add(sequence: number, operation: OpenOperation): void {
    if (this.#operation !== null) {
      this.#others.set(sequence, operation);
      return;
    }
    this.#first = sequence;
    this.#operation = operation;
  }

  delete(sequence: number): void {
    if (sequence === this.#first) {
      this.#first = -1;
      this.#operation = null;
    } else this.#others.delete(sequence);
  }

  /** Takes all out, and gives each to `visit`. */
  drain(visit: (sequence: number, operation: OpenOperation) => void): void {
    const all = [...this.#others];
    if (this.#operation !== null) all.unshift([this.#first, this.#operation]);
    this.#first = -1;
    this.#operation = null;
    this.#others.clear();
    for (const [sequence, operation] of all) visit(sequence, operation);
  }
}
