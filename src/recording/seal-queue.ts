/**
 * Seals full segments one after the other, in their order: the log that takes their roots must not hold a later one without those before. What
 * cannot be done now (a full disk, a log that cannot be written) is tried again until it can. A segment that does not verify is left as it is,
 * for the verification to show, and does not hold up those behind it.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { sealInBackground } from './background-seal.js';
import type { BackgroundThread } from './background-thread.js';
import { DamagedSegment } from './seal-segment.js';
import type { SegmentFooter } from './segment-layout.js';
import type { OpenSegment } from './segment-log.js';

export interface SealQueueOptions {
  readonly thread: BackgroundThread;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds between two attempts at the same segment. */
  readonly retryMs: number;
  /** Called with each that is sealed; when it throws, the segment counts as not sealed. */
  readonly sealed: (number: number, footer: SegmentFooter) => void;
}

export class SealQueue {
  readonly #options: SealQueueOptions;
  readonly #waiting: OpenSegment[] = [];
  #work: Promise<void> | null = null;
  #retry: NodeJS.Timeout | null = null;
  /** Why the first that waits could not be sealed; null: nothing failed since the last success. */
  #failure: unknown = null;

  constructor(options: SealQueueOptions) {
    this.#options = options;
  }

  /** `segment` is complete, and on disk. */
  add(segment: OpenSegment): void {
    this.#waiting.push(segment);
    this.#start();
  }

  /** Seals what waits, now; nothing is added any more. Rejects with the reason when something cannot be sealed. */
  async finish(): Promise<void> {
    await this.#work;
    this.#start();
    await this.#work;
    this.#forgetRetry();
    if (this.#waiting.length > 0) throw this.#failure;
  }

  #start(): void {
    this.#forgetRetry();
    this.#work ??= this.#sealAll().finally(() => {
      this.#work = null;
      // What was added while the last one ended.
      if (this.#waiting.length > 0 && this.#retry === null) this.#start();
    });
  }

  async #sealAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!(await this.#done(next))) {
        this.#retry = setTimeout(() => this.#start(), this.#options.retryMs);
        this.#retry.unref();
        return;
      }
      this.#failure = null;
      this.#waiting.shift();
    }
  }

  /** False: to be tried again. */
  async #done({ path, number }: OpenSegment): Promise<boolean> {
    const { thread, clock, logger, sealed } = this.#options;
    try {
      sealed(number, await sealInBackground(thread, path, { final: false, time: clock.now() }));
      return true;
    } catch (thrown) {
      if (thrown instanceof DamagedSegment) {
        logger.error({ err: thrown, path }, 'a journal segment does not verify and was not sealed');
        return true;
      }
      if (this.#failure === null) logger.error({ err: thrown, path }, 'a journal segment could not be sealed; it is tried again until it can');
      this.#failure = thrown;
      return false;
    }
  }

  #forgetRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }
}
