/**
 * Waits until the tags that a statement's columns inherit are durable: before that it may not go up. One statement at a time; when they cannot be
 * kept it is refused, because what it makes could not be hidden.
 */
import type { NewInheritedTag } from '../../../contract/inherited-tags.js';

/** After so long they are kept anew before the statement runs: it waited for people, and an expectation does not last for ever. */
const FRESH_MS = 10 * 60_000;

export class Inheritance {
  /** What was kept last, for the statement in hand, and when. */
  #kept: string | null = null;
  #at = 0;
  #failed: string | null = null;
  #keeping = false;

  /** `wait`: they are being kept, and `settled` will be called. */
  ask(tags: readonly NewInheritedTag[], keep: (tags: readonly NewInheritedTag[]) => Promise<void>, settled: () => void): 'kept' | 'failed' | 'wait' {
    if (this.#keeping) return 'wait';
    const key = JSON.stringify(tags);
    if (this.#failed === key) {
      this.#failed = null;
      return 'failed';
    }
    if (this.#kept === key && performance.now() - this.#at < FRESH_MS) return 'kept';
    this.#keeping = true;
    void keep(tags)
      .then(
        () => ([this.#kept, this.#at] = [key, performance.now()]),
        () => (this.#failed = key),
      )
      .then(() => {
        this.#keeping = false;
        settled();
      });
    return 'wait';
  }

  /** The statement goes up: the next one that is the same has its own kept. */
  used(): void {
    this.#kept = null;
  }
}
