/**
 * Writes about sessions, off the data path: callers queue and go on, one multi-row statement follows within 50 ms. What was queued about
 * a session is folded into one row, so the order of its events holds and the queue is bounded by the number of sessions. While the
 * database is away everything waits and is tried again; when too many sessions wait, `start` refuses new ones (back-pressure) and
 * `saturated` turns readiness red. The journal, not this, is the proof of what happened.
 */
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import { type Counters, INSERT_SESSIONS, type PendingSession, rowOf, UPDATE_SESSIONS } from './session-rows.js';
import { isDataError, storeError } from './store-error.js';
import { SEEN_SUBJECTS, seenLast, subjectRow } from './subject-rows.js';

export interface SessionWritesOptions {
  /** Runs one statement with one parameter. Rejects with the driver's own error. */
  readonly run: (sql: string, json: string) => Promise<unknown>;
  readonly logger: Logger;
  /** Sessions that may wait before new ones are refused. */
  readonly limit: number;
}

const DELAY_MS = 25;
const BATCH = 500;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 2_000;

export class SessionWrites {
  readonly #options: SessionWritesOptions;
  #waiting = new Map<string, PendingSession>();
  #writing: PendingSession[] = [];
  #timer: NodeJS.Timeout | null = null;
  #busy = false;
  #closed = false;
  #retryMs = RETRY_FIRST_MS;
  #failingSince: number | null = null;
  /** Callers of `flush`, each with the number of the batch after which it is served. */
  #batch = 0;
  #flushes: { readonly after: number; readonly done: () => void; readonly fail: (error: GwError) => void }[] = [];

  constructor(options: SessionWritesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size + this.#writing.length;
  }

  get saturated(): boolean {
    return this.size >= this.#options.limit;
  }

  start(start: SessionStart, journal: string): void {
    if (this.saturated) {
      throw new GwError('session.limit', 'The gateway cannot store new sessions at the moment: its state database does not keep up.');
    }
    this.#of(start.session).start = { start, journal };
    this.#schedule();
  }

  progress(id: string, counters: Counters): void {
    this.#of(id).counters = { ...counters };
    this.#schedule();
  }

  end(id: string, end: SessionEnd): void {
    this.#of(id).end = end;
    this.#schedule();
  }

  /** Resolves when everything queued before is stored; rejects only when the queue is closed before that. */
  flush(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((done, fail) => {
      this.#flushes.push({ after: this.#batch + Math.ceil(this.#waiting.size / BATCH) + (this.#writing.length > 0 ? 1 : 0), done, fail });
      this.#hurry();
    });
  }

  /** Stores what it can until `deadlineMs` from now, then gives up on the rest and says so in the log. */
  async close(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([this.flush(), deadline]);
    clearTimeout(timer);
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.size > 0) this.#options.logger.error({ sessions: this.size }, 'closing with session rows not stored; the journal holds them');
    for (const flush of this.#flushes.splice(0)) flush.fail(storeError(null));
  }

  #of(id: string): PendingSession {
    let pending = this.#waiting.get(id);
    if (pending === undefined) {
      pending = { id, start: null, counters: null, end: null };
      this.#waiting.set(id, pending);
    }
    return pending;
  }

  #schedule(): void {
    if (this.#waiting.size >= BATCH) this.#hurry();
    else if (this.#timer === null && !this.#busy && !this.#closed) this.#arm(DELAY_MS);
  }

  #hurry(): void {
    if (this.#busy || this.#closed || this.#failingSince !== null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    void this.#write();
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#write();
    }, delayMs);
  }

  async #write(): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    if (this.#writing.length === 0) this.#take();
    try {
      await this.#store(this.#writing);
      this.#writing = [];
      this.#batch++;
      this.#recovered();
    } catch (thrown) {
      this.#failed(thrown);
    }
    this.#busy = false;
    if (this.#closed) return;
    this.#flushes = this.#flushes.filter((flush) => {
      if (this.#batch < flush.after && this.size > 0) return true;
      flush.done();
      return false;
    });
    if (this.size === 0) return;
    if (this.#failingSince !== null) this.#arm(this.#retryMs);
    else if (this.#flushes.length > 0 || this.#waiting.size >= BATCH) void this.#write();
    else this.#arm(DELAY_MS);
  }

  #take(): void {
    for (const [id, pending] of this.#waiting) {
      if (this.#writing.length === BATCH) break;
      this.#waiting.delete(id);
      this.#writing.push(pending);
    }
  }

  async #store(batch: readonly PendingSession[]): Promise<void> {
    // Starts first: an update in the same batch may belong to a row that an earlier batch queued, never to one of a later batch.
    const started = batch.filter((pending) => pending.start !== null);
    const changed = batch.filter((pending) => pending.start === null);
    await this.#run(INSERT_SESSIONS, started.map(rowOf));
    await this.#run(UPDATE_SESSIONS, changed.map(rowOf));
    const identities = started.flatMap(({ start }) => (start === null ? [] : [start.start.identity]));
    await this.#run(SEEN_SUBJECTS, seenLast(identities).map(subjectRow));
  }

  async #run(sql: string, rows: readonly Record<string, unknown>[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      await this.#options.run(sql, JSON.stringify(rows));
    } catch (thrown) {
      if (!isDataError(thrown)) throw thrown;
      if (rows.length === 1) {
        const { id, issuer, subject } = rows[0] ?? {};
        this.#options.logger.error(
          { session: id, issuer, subject, err: thrown },
          'a row about a session or its subject cannot be stored and is left out; the journal holds the session',
        );
        return;
      }
      // One bad row must not keep the others out: halve until it stands alone.
      const half = Math.ceil(rows.length / 2);
      await this.#run(sql, rows.slice(0, half));
      await this.#run(sql, rows.slice(half));
    }
  }

  #failed(thrown: unknown): void {
    if (this.#failingSince === null) {
      this.#failingSince = Date.now();
      this.#retryMs = RETRY_FIRST_MS;
      this.#options.logger.error({ err: thrown, waiting: this.size }, 'session rows cannot be stored; trying again');
    } else {
      this.#retryMs = Math.min(RETRY_MOST_MS, this.#retryMs * 2);
      if (this.saturated)
        this.#options.logger.error({ err: thrown, waiting: this.size }, 'too many session rows wait for the state database; new sessions are refused');
    }
  }

  #recovered(): void {
    if (this.#failingSince === null) return;
    this.#options.logger.info({ waiting: this.size }, 'session rows are stored again');
    this.#failingSince = null;
  }
}
