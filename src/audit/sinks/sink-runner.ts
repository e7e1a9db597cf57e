/**
 * Gives one sink the entries of all logs of a gateway: each at least once, each log in its order, and nothing before it is under a signed checkpoint.
 * One batch at a time; what cannot be delivered is tried again with growing pauses, for ever, and holds up nobody but this sink: the log itself is
 * the queue, and the place in it is on disk.
 */
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import { pause } from '../../base/pause.js';
import { type AuditEntry, isKindOf } from '../../contract/audit-entry.js';
import { GwError } from '../../contract/gw-error.js';
import type { SinkSettings } from '../../contract/settings.js';
import { endsOfLogs, entriesFrom } from '../follow-logs.js';
import { firstKept } from '../live-log.js';
import { FAILING_ATTEMPTS, markBegun, readPlace, type SinkFailure, type SinkPlace, wasBegun, writePlace } from './sink-place.js';
import { BatchTooLarge, type SinkReceiver, type SinkRecord } from './sink-receiver.js';

export interface SinkRunnerOptions {
  readonly settings: SinkSettings;
  readonly receiver: SinkReceiver;
  /** Where places are kept. */
  readonly directory: string;
  /** Directories of the logs, as they are now. */
  readonly logs: () => Promise<readonly string[]>;
  /** The record of an entry in the format of the sink. */
  readonly render: (entry: AuditEntry) => Promise<string>;
  /** The sink fails, after a few attempts, or does not any longer; `null` then. Never throws. */
  readonly changed: (failing: SinkFailure | null, before: SinkFailure | null) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** First pause after a failure; each further one is twice as long, up to a minute. */
  readonly pauseMs?: number;
}

/** How long the end of the log is left alone before it is looked at again. */
const LOOK_MS = 500;
const PAUSE_MS = 1_000;
const PAUSE_MOST_MS = 60_000;
/** Characters of a batch. */
const BATCH_LENGTH = 1 << 20;

interface Batch {
  readonly log: string;
  readonly from: number;
  readonly records: readonly SinkRecord[];
  /** Index of the first entry behind it. */
  readonly next: number;
}

export class SinkRunner {
  readonly #options: SinkRunnerOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #place: SinkPlace = { v: 1, next: {}, failing: null };
  /** Its place is known: before that, what stands on disk is not written over. */
  #begun = false;
  /** Batches shrink to this while the receiver finds them too large. */
  #most: number;
  /** What was given and not taken. */
  #again: Batch | null = null;
  /** Records that were delivered by this process. */
  delivered = 0;
  failures = 0;

  constructor(options: SinkRunnerOptions) {
    this.#options = options;
    this.#most = options.receiver.most;
    this.#done = this.#run();
  }

  /** Resolves when nothing of it is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (!this.#begun) await this.#begin();
        this.#begun = true;
        if (!(await this.#round())) await pause(LOOK_MS, signal);
      } catch (thrown) {
        if (signal.aborted) break;
        await this.#failed(thrown);
        const { pauseMs = PAUSE_MS } = this.#options;
        await pause(Math.min(PAUSE_MOST_MS, pauseMs * 2 ** Math.min(20, (this.#place.failing?.attempts ?? 1) - 1)), signal);
      }
    }
  }

  async #begin(): Promise<void> {
    const { settings, directory, logs, logger } = this.#options;
    const { failing } = this.#place;
    const known = await readPlace(directory, settings.name);
    if (known !== null) this.#place = { ...known, failing: failing ?? known.failing };
    else {
      const lost = await wasBegun(directory, settings.name);
      if (lost) logger.warn({ sink: settings.name }, 'the place of a sink is gone or damaged: it gets everything anew');
      const ends = !lost && settings.begin === 'newest' ? await endsOfLogs(await logs()) : new Map<string, number>();
      this.#place = { v: 1, next: Object.fromEntries([...ends].map(([log, end]) => [nameOf(log), end])), failing };
      await this.#save();
    }
    await markBegun(directory, settings.name);
  }

  /** One batch of each log. False: there was nothing. */
  async #round(): Promise<boolean> {
    let moved = false;
    for (const log of await this.#options.logs()) {
      if (this.#stop.signal.aborted) return true;
      const from = this.#place.next[nameOf(log)] ?? (await firstKept(log));
      const batch = this.#again?.log === log && this.#again.from === from ? this.#again : await this.#batch(log, from);
      const { records, next } = batch;
      if (next === from) continue;
      // What was tried is tried again as it was: the receiver can know it.
      this.#again = batch;
      if (records.length > 0) await this.#options.receiver.deliver(records, this.#stop.signal);
      this.#again = null;
      moved = true;
      this.delivered += records.length;
      this.#most = Math.min(this.#options.receiver.most, this.#most * 2);
      this.#place.next[nameOf(log)] = next;
      await this.#succeeded();
    }
    return moved;
  }

  /** What is there from index `from` on, up to the size of a batch. */
  async #batch(log: string, from: number): Promise<Batch> {
    const { settings, render } = this.#options;
    const records: SinkRecord[] = [];
    let length = 0;
    let next = from;
    for (;;) {
      const found = await entriesFrom(log, next);
      for (const entry of found.entries) {
        if (isKindOf(entry.kind, settings.events)) {
          const json = await render(entry);
          if (records.length > 0 && (records.length >= this.#most || length + json.length > BATCH_LENGTH)) return { log, from, records, next };
          records.push({ entry, json });
          length += json.length;
        }
        next = entry.n + 1;
      }
      if (found.entries.length === 0) return { log, from, records, next };
    }
  }

  async #succeeded(): Promise<void> {
    const before = this.#place.failing;
    this.#place.failing = null;
    await this.#save();
    if (before === null || before.attempts < FAILING_ATTEMPTS) return;
    this.#options.logger.info({ sink: this.#options.settings.name }, 'a sink of the audit log takes entries again');
    this.#options.changed(null, before);
  }

  async #failed(thrown: unknown): Promise<void> {
    const { settings, clock, logger, changed } = this.#options;
    if (thrown instanceof BatchTooLarge) {
      this.#most = Math.max(1, Math.floor(thrown.records / 2));
      this.#again = null;
    }
    this.failures++;
    const before = this.#place.failing;
    const failing: SinkFailure = {
      since: before?.since ?? new Date(clock.now()).toISOString(),
      attempts: (before?.attempts ?? 0) + 1,
      message: whatFailed(thrown),
    };
    this.#place.failing = failing;
    const about = { err: thrown, sink: settings.name, attempts: failing.attempts };
    const begins = failing.attempts === FAILING_ATTEMPTS;
    if (begins) logger.error(about, 'a sink of the audit log cannot be served; its entries wait in the log');
    else logger.debug(about, 'a sink of the audit log could not be served; it is tried again');
    if (this.#begun) await this.#save().catch((err: unknown) => logger.debug({ err, sink: settings.name }, 'the place of a sink could not be written'));
    if (begins) changed(failing, null);
  }

  #save(): Promise<void> {
    return writePlace(this.#options.directory, this.#options.settings.name, this.#place);
  }
}

const nameOf = (log: string): string => log.slice(log.lastIndexOf('/') + 1);

/** For whoever looks after the gateway: no secrets, and of foreign errors the code only. */
function whatFailed(thrown: unknown): string {
  if (thrown instanceof GwError) return thrown.message;
  const { code, cause } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as { code?: unknown; cause?: { code?: unknown } };
  const said = typeof cause?.code === 'string' ? cause.code : typeof code === 'string' ? code : null;
  return said === null ? 'The receiver could not be served.' : `The receiver could not be served (${said}).`;
}
