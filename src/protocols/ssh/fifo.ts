/** First in, first out, at the same cost however much waits: `Array.shift` moves all that is behind. */

/** Places that were used are given back once they are so many, and no fewer than those that still are. */
const SPENT = 1_024;

export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** The one that is next; undefined: there is none. */
  get head(): T | undefined {
    return this.#items[this.#first];
  }

  /** Puts another in the place of the one that is next. */
  set head(item: T) {
    this.#items[this.#first] = item;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first++;
    if (this.#first >= SPENT && this.#first >= this.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Takes all of them, in order. */
  drain(): T[] {
    const items = this.#items.slice(this.#first) as T[];
    this.#items = [];
    this.#first = 0;
    return items;
  }
}
