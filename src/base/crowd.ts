/** How crowded the processors of this machine are, over the last moments: what a process that could spend more of them goes by. */
import { availableParallelism } from 'node:os';
import { runnableProcesses } from './runnable-processes.js';

/** What the newest look weighs against those before it. */
const NEWEST = 0.3;
/** Looks that are so many times too old say nothing any more. */
const STALE = 8;

export class Crowd {
  readonly #every: number;
  readonly #look: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #runnable = 0;

  /** `every`: milliseconds between two looks. */
  constructor(every: number, look: () => number = runnableProcesses) {
    this.#every = every;
    this.#look = look;
  }

  /** Runnable processes for each core, this one included. `now`: milliseconds of `performance.now`. */
  perCore(now: number): number {
    const since = now - this.#lookedAt;
    if (since > this.#every) {
      this.#lookedAt = now;
      const newest = this.#look();
      this.#runnable = since > STALE * this.#every ? newest : this.#runnable + NEWEST * (newest - this.#runnable);
    }
    return this.#runnable / availableParallelism();
  }
}
