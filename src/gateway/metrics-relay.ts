/**
 * Collects the metrics of all workers for the one that was asked. A worker that does not answer in time, or dies meanwhile, is left out:
 * a scrape must not hang because of one process.
 */
import type { MetricFamilies } from './worker-messages.js';

interface Collection {
  readonly waiting: Set<number>;
  readonly families: MetricFamilies[];
  readonly timer: NodeJS.Timeout;
  readonly done: (families: readonly MetricFamilies[]) => void;
}

const TIMEOUT_MS = 3_000;

export class MetricsRelay {
  readonly #open = new Map<number, Collection>();
  #last = 0;

  collect(workers: readonly number[], ask: (collection: number, worker: number) => void, done: (families: readonly MetricFamilies[]) => void): void {
    const number = ++this.#last;
    const timer = setTimeout(() => this.#finish(number), TIMEOUT_MS);
    this.#open.set(number, { waiting: new Set(workers), families: [], timer, done });
    for (const worker of workers) ask(number, worker);
    if (workers.length === 0) this.#finish(number);
  }

  received(collection: number, worker: number, families: MetricFamilies): void {
    const open = this.#open.get(collection);
    if (open === undefined || !open.waiting.delete(worker)) return;
    open.families.push(families);
    if (open.waiting.size === 0) this.#finish(collection);
  }

  gone(worker: number): void {
    for (const [number, open] of this.#open) {
      if (open.waiting.delete(worker) && open.waiting.size === 0) this.#finish(number);
    }
  }

  #finish(collection: number): void {
    const open = this.#open.get(collection);
    if (open === undefined) return;
    this.#open.delete(collection);
    clearTimeout(open.timer);
    open.done(open.families);
  }
}
