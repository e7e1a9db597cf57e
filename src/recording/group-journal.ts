/**
 * The journal of one gateway worker (design section 7): all its sessions append to one batch, `commit` puts the batch into the kernel with
 * one write, one fdatasync covers everybody. Nothing that a batch describes may leave the gateway before its commit returned. When a write
 * or sync fails the journal is unhealthy: what was accepted stays in the batch, everything else is refused until a retry succeeds.
 */
import type { Clock } from '../base/clock.js';
import { errorCode } from '../base/error-code.js';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import type { Journal, SessionRecorder, SessionStart } from '../contract/recording.js';
import { sealInBackground } from './background-seal.js';
import { BackgroundThread } from './background-thread.js';
import { ChunkHasher } from './chunk-hasher.js';
import type { SessionCipher } from './encryption/session-cipher.js';
import { EntryBatch } from './entry-batch.js';
import { BATCH_BYTES, CHAIN_BYTES, encodeJson, FLAG_ENCRYPTED, KIND } from './format.js';
import { GroupSync } from './group-sync.js';
import { SealQueue } from './seal-queue.js';
import { type SealedSegment, sealedSegment } from './sealed-segment.js';
import type { SegmentFooter } from './segment-layout.js';
import type { OpenSegment, SegmentLog } from './segment-log.js';
import type { SessionHost } from './session-host.js';
import { SessionWriter } from './session-writer.js';
import { StreamDigest } from './stream-digest.js';
import { dropLock } from './worker-lock.js';

const SPARE_STREAMS = 256;

export interface GroupJournalOptions {
  readonly log: SegmentLog;
  readonly directory: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly resultCap: number;
  readonly syncIntervalMs: number;
  readonly retryIntervalMs: number;
  readonly onFailure: (error: GwError) => void;
  readonly onSealed: (segment: SealedSegment) => void;
}

export class GroupJournal implements Journal, SessionHost, AsyncDisposable {
  readonly bootId: string;
  readonly batch = new EntryBatch();
  readonly resultCap: number;
  readonly #options: GroupJournalOptions;
  readonly #log: SegmentLog;
  /** Of session 0, the gateway itself. */
  readonly #ownCipher: SessionCipher | null;
  /** Seals only: a seal that takes a second must not hold up the digest of a result that somebody waits for. */
  readonly #sealer: BackgroundThread;
  readonly #hasher: ChunkHasher;
  readonly #streams: StreamDigest[] = [];
  readonly #sessions = new Map<number, SessionWriter>();
  readonly #seals: SealQueue;
  #sessionNumber = 0;
  /** Counter of session 0, the gateway's own. */
  #ownCounter = 0;
  #failure: GwError | null = null;
  readonly #sync: GroupSync;
  #retryTimer: NodeJS.Timeout | null = null;
  #soon = false;
  #segmentTimer: NodeJS.Timeout | null = null;
  #closed = false;
  #whenIdle: (() => void) | null = null;

  /** Built by `openJournal`. */
  constructor(options: GroupJournalOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#ownCipher = this.#log.keys?.cipher(0) ?? null;
    this.bootId = options.bootId;
    this.resultCap = options.resultCap;
    this.#sealer = new BackgroundThread(options.logger, { patient: true, memory: null });
    this.#hasher = new ChunkHasher(options.logger);
    this.#seals = new SealQueue({
      thread: this.#sealer,
      clock: options.clock,
      logger: options.logger,
      retryMs: options.retryIntervalMs,
      sealed: (number, footer) => this.#sealed(number, footer),
    });
    this.batch.setChain(this.#log.firstChain);
    this.#sync = new GroupSync({
      log: this.#log,
      intervalMs: options.syncIntervalMs,
      done: (complete) => this.#synced(complete),
      failed: (thrown) => this.#fail(thrown),
    });
    this.#armSegmentTimer();
  }

  get healthy(): boolean {
    return this.#failure === null;
  }

  begin(start: SessionStart): SessionRecorder {
    this.ready();
    const json = encodeJson(start, 'The start of the session');
    const number = ++this.#sessionNumber;
    const session = new SessionWriter(this, number, this.#log.keys?.cipher(number) ?? null);
    session.start(start.session, json);
    this.#sessions.set(session.session, session);
    return session;
  }

  event(kind: string, data: Readonly<Record<string, unknown>>): void {
    this.ready();
    const name = Buffer.from(kind, 'utf8');
    const json = encodeJson(data, 'The event');
    const cipher = this.#ownCipher;
    const added = cipher?.added(KIND.event) ?? 0;
    const at = this.batch.entry(KIND.event, 0, ++this.#ownCounter, 2 + name.length + added + json.length, cipher === null ? 0 : FLAG_ENCRYPTED);
    this.batch.view.setUint16(at, name.length);
    this.batch.put(name, at + 2);
    this.batch.put(json, at + 2 + name.length + added);
    cipher?.hide(this.batch, KIND.event, at + 2 + name.length);
  }

  commit(): void {
    const { batch } = this;
    if (batch.entries === 0 && this.#failure === null) return;
    const log = this.#log;
    // After a failed sync only a successful one helps.
    if (log.distrusted) throw this.#failure ?? this.#fail(null);
    try {
      if (log.current.offset >= this.#options.segmentBytes) this.#roll();
      if (batch.entries > 0) {
        const end = batch.seal(this.#options.clock.now());
        log.append(batch.bytes, CHAIN_BYTES, end);
        batch.clear();
      }
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#sync.wrote();
    if (this.#failure !== null) this.#recovered();
  }

  /**
   * Tries to write again what waits. For readiness checks; while unhealthy the journal also does it by itself every `retryIntervalMs`.
   * @returns whether the journal is healthy now; after a failed sync the answer comes with a later call.
   */
  probe(): boolean {
    if (this.#failure === null) return true;
    if (this.#log.distrusted) this.#sync.start();
    else this.#tryCommit();
    return this.healthy;
  }

  /** What it has goes into a segment that is sealed soon; the next one begins. Nothing happens while it has nothing or cannot be written. */
  roll(): void {
    if (this.#failure !== null || this.#closed || this.#log.current.offset === this.#log.current.start) return;
    try {
      this.#roll();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  synced(): Promise<void> {
    return this.#failure === null ? this.#sync.wait() : Promise.reject(this.#failure);
  }

  /** Ends what is open as interrupted, waits for digests, syncs and seals. The journal cannot be used afterwards. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of this.#sessions.values()) {
      if (!session.ending) session.end(session.interrupted(this.#options.clock.now()));
    }
    if (this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    if (this.#segmentTimer !== null) clearTimeout(this.#segmentTimer);
    try {
      this.commit();
      await this.synced();
      await this.#seals.finish();
      this.#log.trim();
      const { path, number } = this.#log.current;
      this.#sealed(number, await sealInBackground(this.#sealer, path, { final: true, time: this.#options.clock.now() }));
      await dropLock(this.#options.directory);
    } finally {
      await this.#sync.close();
      if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
      this.#log.close();
      await Promise.all([this.#hasher.close(), this.#sealer.close()]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- what sessions ask of it

  ready(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw new GwError('recording.failed', 'The journal is closed.');
    if (this.batch.waiting > BATCH_BYTES) this.commit();
  }

  commitSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      if (this.#failure === null) this.#tryCommit();
    });
  }

  takeStream(): StreamDigest {
    const stream = this.#streams.pop();
    if (stream === undefined) return new StreamDigest(this.#hasher);
    stream.reset();
    return stream;
  }

  giveStream(stream: StreamDigest): void {
    if (stream.idle && this.#streams.length < SPARE_STREAMS) this.#streams.push(stream);
  }

  ended(session: number): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#whenIdle?.();
  }

  // ---- writing

  /** A commit that nobody waits for: its failure is in the journal's state and is said to whoever records next. */
  #tryCommit(): void {
    try {
      this.commit();
    } catch (thrown) {
      this.#options.logger.debug({ err: thrown }, 'a commit in the background failed');
    }
  }

  #roll(): void {
    this.batch.setChain(this.#log.roll(this.batch.chain(), this.#options.clock.now()));
    this.#sync.wrote();
    this.#armSegmentTimer();
  }

  #armSegmentTimer(): void {
    if (this.#segmentTimer !== null) clearTimeout(this.#segmentTimer);
    if (this.#closed) return;
    this.#segmentTimer = setTimeout(() => {
      const { number } = this.#log.current;
      this.roll();
      if (this.#log.current.number === number) this.#armSegmentTimer();
    }, this.#options.segmentMs);
    this.#segmentTimer.unref();
  }

  #fail(thrown: unknown): GwError {
    const error = new GwError(
      'recording.failed',
      `The record of this operation could not be written (${errorCode(thrown)}), so the operation was not carried out.`,
      {
        cause: thrown,
      },
    );
    const first = this.#failure === null;
    this.#failure = error;
    this.#sync.reject(error);
    this.#armRetry();
    if (first) {
      this.#options.logger.error({ err: thrown, directory: this.#options.directory }, 'the journal cannot be written: operations are refused until it can');
      this.#options.onFailure(error);
    }
    return error;
  }

  #armRetry(): void {
    if (this.#retryTimer !== null || this.#closed) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      if (!this.probe()) this.#armRetry();
    }, this.#options.retryIntervalMs);
    this.#retryTimer.unref();
  }

  #recovered(): void {
    this.#failure = null;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    this.#options.logger.info({ directory: this.#options.directory }, 'the journal can be written again');
  }

  #synced(complete: readonly OpenSegment[]): void {
    for (const segment of complete) this.#seals.add(segment);
    if (this.#failure !== null) this.#tryCommit();
  }

  #sealed(segment: number, footer: SegmentFooter): void {
    this.#options.onSealed(sealedSegment(this.bootId, segment, footer));
  }
}
