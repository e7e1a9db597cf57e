/**
 * The time by which records expire: time that is known to have passed while a gateway ran, counted by the clock that nobody sets, from one entry of
 * the audit log to the next. A clock that jumps ahead, by mistake or by hand, ends nothing early; time during which no gateway ran does not count,
 * so records are kept that much longer, never shorter.
 */
import type { Clock } from '../../base/clock.js';

export class RetentionClock {
  readonly #clock: Clock;
  #known: number;
  #at: number;

  /** @param known what the log says was known last, milliseconds since the epoch */
  constructor(clock: Clock, known: number) {
    this.#clock = clock;
    this.#known = known;
    this.#at = clock.monotonic();
  }

  /** Milliseconds since the epoch; never ahead of the clock on the wall, and never back. */
  known(): number {
    const now = this.#clock.monotonic();
    this.#known = Math.max(this.#known, Math.min(this.#known + Math.max(0, Math.floor(now - this.#at)), this.#clock.now()));
    this.#at = now;
    return Math.min(this.#known, this.#clock.now());
  }
}
