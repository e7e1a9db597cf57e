/** Where values are: class, start and end of each, in order and without overlap. Kept and reused; it grows only when it is full. */
import { DETECTED_CLASSES, type DetectedClass } from '../../contract/masking.js';

const FIELDS = 3;
const INITIAL = 64;

export class Findings {
  #fields = new Int32Array(INITIAL * FIELDS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Adds a finding; those that it overlaps are replaced, and their bytes stay covered. */
  add(dataClass: number, start: number, end: number): void {
    let from = start;
    let to = end;
    while (this.#count > 0 && this.end(this.#count - 1) > from) {
      this.#count -= 1;
      from = Math.min(from, this.start(this.#count));
      to = Math.max(to, this.end(this.#count));
    }
    if ((this.#count + 1) * FIELDS > this.#fields.length) {
      const grown = new Int32Array(this.#fields.length * 2);
      grown.set(this.#fields);
      this.#fields = grown;
    }
    this.#fields[this.#count * FIELDS] = dataClass;
    this.#fields[this.#count * FIELDS + 1] = from;
    this.#fields[this.#count * FIELDS + 2] = to;
    this.#count += 1;
  }

  /** Class of the finding `index`, counted from 0. */
  classOf(index: number): DetectedClass {
    return DETECTED_CLASSES[this.#fields[index * FIELDS] ?? 0] ?? DETECTED_CLASSES[0];
  }

  /** Offset of its first byte. */
  start(index: number): number {
    return this.#fields[index * FIELDS + 1] ?? 0;
  }

  /** Offset after its last byte. */
  end(index: number): number {
    return this.#fields[index * FIELDS + 2] ?? 0;
  }
}
