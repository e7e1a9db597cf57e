/**
 * A worker's side of the channel to the primary. What arrives before anybody waits for it is kept, because the primary may answer while
 * the worker still builds. A worker whose primary is gone ends at once (node:cluster does that): nobody else could end it later, and its
 * journal is recovered at the next start.
 */
import type { ErrorBody } from '../contract/gw-error.js';
import { GwError } from '../contract/gw-error.js';
import type { MetricFamilies, ToPrimary, ToWorker, WorkerAssignment } from './worker-messages.js';

export interface PrimaryHandlers {
  reload(): Promise<void>;
  drain(deadlineMs: number): void;
  families(): Promise<MetricFamilies>;
}

const METRICS_MS = 5_000;

export class PrimaryLink {
  readonly #begin: Promise<WorkerAssignment>;
  readonly #scrapes = new Map<number, (families: readonly MetricFamilies[]) => void>();
  #handlers: PrimaryHandlers | null = null;
  /** The deadline of a drain that was asked for before there was anything to drain. */
  #early: number | null = null;
  #lastScrape = 0;

  constructor() {
    let begin: (assignment: WorkerAssignment) => void;
    this.#begin = new Promise((resolve) => {
      begin = resolve;
    });
    process.on('message', (message: ToWorker) => {
      if (message.kind === 'begin') begin(message.assignment);
      else this.#receive(message);
    });
  }

  assignment(): Promise<WorkerAssignment> {
    return this.#begin;
  }

  send(message: ToPrimary): void {
    if (process.connected) process.send?.(message);
  }

  fail(error: GwError): void {
    this.send({ kind: 'failed', error: error.toBody().error });
  }

  handle(handlers: PrimaryHandlers): void {
    this.#handlers = handlers;
    if (this.#early !== null) handlers.drain(this.#early);
  }

  /** The metric families of all workers, this one included. @throws GwError `gateway.draining` when the primary does not answer */
  metricsOfAll(): Promise<readonly MetricFamilies[]> {
    const request = ++this.#lastScrape;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#scrapes.delete(request);
        reject(new GwError('gateway.draining', 'The metrics could not be collected in time.'));
      }, METRICS_MS);
      this.#scrapes.set(request, (families) => {
        clearTimeout(timer);
        resolve(families);
      });
      this.send({ kind: 'collect-metrics', request });
    });
  }

  #receive(message: Exclude<ToWorker, { kind: 'begin' }>): void {
    switch (message.kind) {
      case 'drain':
        if (this.#handlers === null) this.#early = message.deadlineMs;
        else this.#handlers.drain(message.deadlineMs);
        return;
      case 'reload':
        void this.#reload();
        return;
      case 'send-metrics':
        void this.#sendMetrics(message.collection);
        return;
      case 'metrics-of-all':
        this.#scrapes.get(message.request)?.(message.families);
        this.#scrapes.delete(message.request);
        return;
      default:
        message satisfies never;
    }
  }

  async #reload(): Promise<void> {
    let error: ErrorBody['error'] | null = null;
    try {
      await this.#handlers?.reload();
    } catch (thrown) {
      error = GwError.from(thrown).toBody().error;
    }
    this.send({ kind: 'reloaded', error });
  }

  async #sendMetrics(collection: number): Promise<void> {
    const families = (await this.#handlers?.families()) ?? [];
    this.send({ kind: 'metrics', collection, families });
  }
}
