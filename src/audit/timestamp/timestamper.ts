/**
 * Has checkpoints of one log stamped by an authority, one in each period, beside everything else: nothing waits for a timestamp, and an authority that does
 * not answer is asked again until it does. An answer is kept only when it verifies and its time fits the entries, so that a log that keeps one never
 * contradicts it: where the clock of the gateway is wrong, that is an error here, and no timestamp. What is kept is told in a leaf, so that it cannot be taken away.
 */
import { hash, randomBytes, type X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import { GwError } from '../../contract/gw-error.js';
import { decodeLeaf } from '../audit-leaf.js';
import { parseCheckpoint } from '../checkpoint.js';
import type { LogData } from '../log-events.js';
import { LogFiles } from '../log-files.js';
import type { LogWriter } from '../log-writer.js';
import { CLOCK_TOLERANCE_MS } from './check-timestamps.js';
import { keepTimestamp, listTimestamps, readTimestamp } from './kept-timestamps.js';
import type { AskAuthority } from './timestamp-post.js';
import { timestampRequest } from './timestamp-request.js';
import { verifyTimestamp } from './verify-timestamp.js';

export interface TimestampSettings {
  /** Certificates that a timestamp must lead to. */
  readonly roots: readonly X509Certificate[];
  readonly ask: AskAuthority;
  /** From one timestamp to the next, milliseconds. */
  readonly everyMs: number;
  /** From an attempt that failed to the next one, milliseconds. */
  readonly retryMs: number;
}

export interface TimestamperOptions extends TimestampSettings {
  readonly log: LogWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes a leaf about a timestamp that is kept, or about an authority that does not give one. */
  readonly tell: <Kind extends 'log.timestamp' | 'log.timestamp_failed'>(kind: Kind, data: LogData<Kind>) => void;
}

export class Timestamper {
  readonly #options: TimestamperOptions;
  readonly #abort = new AbortController();
  /** Time of the newest timestamp, milliseconds since the epoch; 0: there is none. */
  #last = 0;
  #failing = false;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: TimestamperOptions) {
    this.#options = options;
  }

  /** Time of the newest timestamp, milliseconds since the epoch; 0: there is none yet. */
  get last(): number {
    return this.#last;
  }

  get failing(): boolean {
    return this.#failing;
  }

  /** Finds what is kept already and waits for the next one to be due. */
  async start(): Promise<void> {
    const { log, roots, clock, everyMs } = this.#options;
    const { sizes } = await listTimestamps(log.directory);
    const size = sizes.at(-1);
    if (size !== undefined) {
      const { checkpoint, response } = await readTimestamp(log.directory, size);
      if (checkpoint !== null && response !== null) this.#last = timeOf(response, checkpoint, roots);
    }
    this.#schedule(Math.min(everyMs, Math.max(0, this.#last + everyMs - clock.now())));
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort.abort();
    await this.#running;
  }

  #schedule(ms: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#attempt();
    }, ms);
    this.#timer.unref();
  }

  async #attempt(): Promise<void> {
    const { everyMs, retryMs, logger, log, tell } = this.#options;
    try {
      await this.#stamp();
      if (this.#failing) logger.info({ log: log.origin }, 'the timestamp authority answers again');
      this.#failing = false;
      this.#schedule(everyMs);
    } catch (thrown) {
      if (this.#abort.signal.aborted) return;
      const why = thrown instanceof GwError ? thrown.message : 'The timestamp authority could not be reached.';
      logger.warn({ err: thrown, log: log.origin }, 'a checkpoint of the audit log could not be timestamped; it is tried again');
      if (!this.#failing && log.healthy) tell('log.timestamp_failed', { why });
      this.#failing = true;
      this.#schedule(retryMs);
    }
  }

  async #stamp(): Promise<void> {
    const { log, clock, roots, ask, tell } = this.#options;
    await log.publish();
    const files = new LogFiles(log.directory);
    const note = await files.checkpoint();
    const parsed = note === null ? null : parseCheckpoint(note);
    if (note === null || parsed === null) throw new GwError('audit.timestamp', 'The log has no checkpoint.');
    const { size } = parsed.checkpoint;
    const nonce = BigInt(`0x${randomBytes(16).toString('hex')}`);
    const response = await ask(timestampRequest(note, nonce), this.#abort.signal);
    const { time, accuracy, authority, nonce: answered } = verifyTimestamp(response, note, roots);
    if (answered !== nonce) throw new GwError('audit.timestamp', 'The timestamp authority answered another request.');
    const newest = await timeOfLeaf(files, size);
    const apart = Math.max(newest - time, time - clock.now()) - accuracy;
    // Half of what the verifier allows: what is kept must stay right while entries go on.
    if (apart > CLOCK_TOLERANCE_MS / 2)
      throw new GwError('audit.timestamp', `The clock of the gateway and that of the timestamp authority are ${Math.round(apart / 1000)} seconds apart.`);
    await keepTimestamp(log.directory, size, note, response);
    this.#last = time;
    tell('log.timestamp', { size, time: new Date(time).toISOString(), authority, response: hash('sha256', response, 'hex') });
  }
}

async function timeOfLeaf(files: LogFiles, size: number): Promise<number> {
  for await (const { leaf } of files.leaves(size, size - 1)) return Date.parse(decodeLeaf(leaf)?.time ?? '') || 0;
  return 0;
}

/** 0 for one that does not verify: then the next is due at once. */
function timeOf(response: Buffer, checkpoint: Buffer, roots: readonly X509Certificate[]): number {
  try {
    return verifyTimestamp(response, checkpoint, roots).time;
  } catch (thrown) {
    if (thrown instanceof GwError && thrown.code === 'audit.invalid') return 0;
    throw thrown;
  }
}
