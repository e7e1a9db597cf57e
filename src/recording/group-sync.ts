/**
 * One fdatasync for everybody: whoever waits is served by the first sync that began after their commit, and what nobody waits for is synced
 * a short interval after it was written. Runs beside the event loop; at most one sync is under way.
 */
import type { GwError } from '../contract/gw-error.js';
import type { OpenSegment, SegmentLog } from './segment-log.js';

export interface GroupSyncOptions {
  readonly log: SegmentLog;
  readonly intervalMs: number;
  /** A sync succeeded; `complete` are full segments that are now on disk as a whole. */
  readonly done: (complete: readonly OpenSegment[]) => void;
  /** A sync failed. Gives the error for those who wait. */
  readonly failed: (thrown: unknown) => GwError;
}

interface Waiter {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: GwError) => void;
}

export class GroupSync {
  readonly #options: GroupSyncOptions;
  /** Writes so far (the first segment's header is one), and how many of them are on disk. */
  #written = 1;
  #onDisk = 0;
  #running = false;
  #current: Promise<void> = Promise.resolve();
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: GroupSyncOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Something was written. */
  wrote(): void {
    this.#written++;
    if (this.#timer === null && !this.#running) this.#arm();
  }

  /** Resolves when everything written before the call is on disk. */
  wait(): Promise<void> {
    if (this.#onDisk >= this.#written) return Promise.resolve();
    this.#options.log.writeAhead();
    return new Promise<void>((resolve, reject) => {
      this.#waiters.push({ target: this.#written, resolve, reject });
      this.start();
    });
  }

  /** Begins a sync unless one is under way. */
  start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    const target = this.#written;
    this.#current = this.#options.log.sync().then(
      (complete) => {
        this.#running = false;
        this.#onDisk = target;
        const served = this.#waiters.filter((waiter) => waiter.target <= target);
        this.#waiters = this.#waiters.filter((waiter) => waiter.target > target);
        this.#options.done(complete);
        for (const waiter of served) waiter.resolve();
        if (this.#waiters.length > 0) this.start();
        else if (this.#written > target && this.#timer === null) this.#arm();
      },
      (thrown: unknown) => {
        this.#running = false;
        this.reject(this.#options.failed(thrown));
      },
    );
  }

  /** Tells those who wait that it will not happen. */
  reject(error: GwError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  /** No further sync begins; resolves when the one under way has ended, so that its files may be closed. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#current;
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.start();
    }, this.#options.intervalMs);
    this.#timer.unref();
  }
}
