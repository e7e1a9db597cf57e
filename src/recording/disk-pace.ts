/**
 * Whether the disk is quick enough to wait for it on the event loop. A sync beside the loop wakes a thread and is told of its end by another wake, which
 * on a busy machine takes several times as long as a quick disk (0.1 ms against 0.3 ms here); a sync on the loop holds up every session of the process
 * for as long as it takes, so that is for disks which show that they are quick, and ends with the first sync that was not.
 */

/** Milliseconds. The loop waits for a disk whose syncs take no longer than this on average. */
const QUICK = 0.5;
/** Milliseconds. One sync that takes so long is enough to ask no more. */
const STALLED = 5;
/** Weight of the newest sync in the average. */
const WEIGHT = 1 / 16;
/** Milliseconds until a slow disk is asked again: the first time, and at most. */
const PAUSE = 10_000;
const LONGEST_PAUSE = 600_000;
/** Quick syncs after which a disk that was slow counts as one that never was. */
const FORGIVEN = 1_000;

export class DiskPace {
  #average = 0;
  #askAgainAt = Number.NEGATIVE_INFINITY;
  #pause = PAUSE;
  #quickSince = 0;

  /** @param now milliseconds, monotonic */
  quick(now: number): boolean {
    return now >= this.#askAgainAt;
  }

  /** A sync on the loop took from `began` to `ended`. */
  took(began: number, ended: number): void {
    const spent = ended - began;
    this.#average += (spent - this.#average) * WEIGHT;
    if (spent < STALLED && this.#average <= QUICK) {
      if (++this.#quickSince === FORGIVEN) this.#pause = PAUSE;
      return;
    }
    this.#askAgainAt = ended + this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#quickSince = 0;
    this.#average = 0;
  }
}
