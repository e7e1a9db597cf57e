/**
 * Changes of stored records, and who waits for them. A change is the pure step applied to the record as it is now, swapped in only when
 * nobody was faster, and tried again on what it is then. Waiters are woken by the bus, and look at the store now and then all the same,
 * because events may be lost. Nothing of a wait is shared between sessions but one timer.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ApprovalRecord, ApprovalStore } from '../contract/approval.js';
import { GwError } from '../contract/gw-error.js';
import type { Bus } from '../contract/session-store.js';
import { expire, isOver, type Step } from './machine.js';

/** Everybody who may change a record at the same time is a person or one of few processes. */
const TRIES = 20;
const LOOK_MS = 2_000;
const OVERDUE_LIMIT = 100;

type Listener = (record: ApprovalRecord) => void;

export interface ChangesOptions {
  readonly store: ApprovalStore;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Everything that was changed here, once; for records and messages. */
  readonly onChange: (before: ApprovalRecord | null, after: ApprovalRecord) => void;
  /** Called before a request that ran out of time is marked so. */
  readonly beforeExpiry: (record: ApprovalRecord) => Promise<void>;
}

export class Changes {
  readonly #options: ChangesOptions;
  readonly #waiting = new Map<string, Set<Listener>>();
  readonly #anything = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(options: ChangesOptions) {
    this.#options = options;
    options.bus.subscribe((event) => {
      if (event.kind !== 'approval.changed') return;
      for (const wake of [...this.#anything]) wake();
      if (this.#waiting.has(event.request)) void this.#look([event.request]);
    });
    this.#timer = setInterval(() => void this.#round(), LOOK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const wake of [...this.#anything]) wake();
  }

  /** @throws GwError `approval.unknown` */
  async get(id: string): Promise<ApprovalRecord> {
    const record = await this.#options.store.find(id);
    if (record === null) throw new GwError('approval.unknown', 'There is no such request, or it is not visible to this identity.');
    return record;
  }

  async insert(record: ApprovalRecord): Promise<void> {
    await this.#options.store.insert(record);
    this.#announce(null, record);
  }

  /** Applies `step` to the record as it is. @throws GwError what the step says is against it */
  async apply(id: string, step: (record: ApprovalRecord) => Step): Promise<ApprovalRecord> {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await this.get(id);
      const next = step(before);
      if (!next.ok) {
        if (isOver(before, this.#options.clock.now())) await this.#expire(before);
        throw next.error;
      }
      if (await this.#options.store.replace(before, next.record)) {
        this.#announce(before, next.record);
        return next.record;
      }
    }
    throw new GwError('store.unavailable', 'The request is being changed by too many at once.');
  }

  #announce(before: ApprovalRecord | null, after: ApprovalRecord): void {
    this.#options.onChange(before, after);
    this.#tell(after);
    this.#options.bus
      .publish({ kind: 'approval.changed', request: after.id, state: after.state })
      .catch((err: unknown) =>
        this.#options.logger.warn({ err, request: after.id }, 'a change of a request could not be announced; others see it a little later'),
      );
  }

  #tell(record: ApprovalRecord): void {
    for (const listener of [...(this.#waiting.get(record.id) ?? [])]) listener(record);
  }

  /** Calls `listener` with the record after every change. Gives the function that ends it. */
  watch(id: string, listener: Listener): () => void {
    const listeners = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#waiting.delete(id);
    };
  }

  /** Resolves when any request changed, or after `ms`, or when this is closed. */
  anyChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#anything.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      timer.unref();
      this.#anything.add(wake);
    });
  }

  async #round(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const record of await this.#options.store.overdue(this.#options.clock.now(), OVERDUE_LIMIT)) await this.#expire(record);
      const ids = [...this.#waiting.keys()];
      for (let at = 0; at < ids.length; at += 1_000) await this.#look(ids.slice(at, at + 1_000));
    } catch (err) {
      this.#options.logger.warn({ err }, 'requests could not be looked up; it is tried again');
    } finally {
      this.#looking = false;
    }
  }

  async #look(ids: readonly string[]): Promise<void> {
    try {
      for (const record of await this.#options.store.list({ ids, limit: ids.length })) this.#tell(record);
    } catch (err) {
      this.#options.logger.warn({ err }, 'requests could not be looked up; it is tried again');
    }
  }

  async #expire(record: ApprovalRecord): Promise<void> {
    const next = expire(record, this.#options.clock.now());
    if (!next.ok) return;
    await this.#options.beforeExpiry(record);
    if (await this.#options.store.replace(record, next.record)) this.#announce(record, next.record);
  }
}
