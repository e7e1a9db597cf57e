/**
 * The log of this process as the gateway uses it: events become leaves with a place and a time that never goes back, heartbeats say that the log
 * lives and how far its sisters are, and the last leaf says that it ended in order. What is appended is in the kernel at the end of the turn,
 * or at once after `commit`.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import { errorCode } from '../base/error-code.js';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import { anchorOf } from './anchor.js';
import { AUDIT_EVENTS, type AuditFields, type AuditKind } from './audit-events.js';
import { type AuditLeaf, decodeLeaf, encodeLeaf, leafData } from './audit-leaf.js';
import { type Checkpoint, parseCheckpoint } from './checkpoint.js';
import { LOG_EVENTS, type LogData, type LogEventKind } from './log-events.js';
import { LogFiles } from './log-files.js';
import type { LogWriter } from './log-writer.js';
import { readPending } from './pending-leaves.js';
import { rootOverLogs } from './root-over-logs.js';
import { Timestamper, type TimestampSettings } from './timestamp/timestamper.js';

export interface AuditTrailOptions {
  readonly log: LogWriter;
  /** The journal of this process. */
  readonly journal: string;
  readonly clock: Clock;
  /** Longest silence of the log, milliseconds. */
  readonly heartbeatMs: number;
  /** Directories of the other logs of this gateway, as they are now. */
  readonly sisters: () => Promise<readonly string[]>;
  /** What failed beside the path: a heartbeat. The log's own failures make it unhealthy besides. */
  readonly onError: (error: unknown) => void;
  /** Gives the log up to other processes. */
  readonly release: () => Promise<void>;
  /** The keys that sign from now on, when others took the place of those that sign; left out, or null: they stay. */
  readonly newKeys?: () => Promise<NewKeys | null>;
  /** Who is asked for timestamps; left out: nobody. */
  readonly timestamps?: (TimestampSettings & { readonly logger: Logger }) | undefined;
}

export interface NewKeys {
  readonly keys: readonly KeyObject[];
  readonly predecessors: readonly Buffer[];
  /** Verifier keys of `keys`. */
  readonly names: readonly string[];
  /** Number of the statement that says so. */
  readonly rotation: number;
}

export interface Opening {
  readonly version: string;
  /** Verifier keys of those who sign. */
  readonly keys: readonly string[];
  /** Number of the statement that made the newest of them the signing key; 0: none did. */
  readonly rotation?: number;
}

export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #log: LogWriter;
  #lastTime: number;
  #soon = false;
  #sessions = 0;
  readonly #timer: NodeJS.Timeout;
  #beating: Promise<void> = Promise.resolve();
  readonly #timestamper: Timestamper | null;

  private constructor(options: AuditTrailOptions, lastTime: number) {
    this.#options = options;
    this.#log = options.log;
    this.#lastTime = lastTime;
    this.#timer = setInterval(() => {
      this.#beating = this.#beat().catch(options.onError);
    }, options.heartbeatMs);
    this.#timer.unref();
    const { timestamps, log, clock } = options;
    this.#timestamper = timestamps === undefined ? null : new Timestamper({ ...timestamps, log, clock, tell: (kind, data) => this.append(kind, data) });
  }

  /** Says in the log that this process writes from here on. @throws GwError `recording.failed`, or what the file system says; then `log` is given up and writes no more */
  static async open(options: AuditTrailOptions, opening: Opening): Promise<AuditTrail> {
    let trail: AuditTrail | null = null;
    try {
      trail = new AuditTrail(options, await lastTime(options.log));
      await trail.#begin(opening);
      return trail;
    } catch (thrown) {
      if (trail !== null) await trail.#quiet();
      await options.log.abandon();
      throw thrown;
    }
  }

  async #begin({ version, keys, rotation = 0 }: Opening): Promise<void> {
    const { leaves, unreadableBytes } = this.#log.recovery;
    if (leaves > 0 || unreadableBytes > 0) this.append('log.recovered', { leaves, unreadableBytes });
    this.append('log.open', {
      version,
      keys,
      ...(rotation === 0 ? {} : { rotation }),
      due: this.#due(),
      anchors: (await this.#heads(await this.#options.sisters())).map(anchorOf),
    });
    this.commit();
    await this.synced();
    await this.#timestamper?.start();
  }

  get healthy(): boolean {
    return this.#log.healthy;
  }

  /** Time of the newest timestamp, milliseconds since the epoch, and whether the authority gives none now; null: no authority is asked. */
  get timestamps(): { readonly last: number; readonly failing: boolean } | null {
    return this.#timestamper;
  }

  /** @throws GwError `recording.failed` while the log takes no leaves */
  ready(): void {
    this.#log.ready();
  }

  append<Kind extends LogEventKind>(kind: Kind, data: LogData<Kind>): void {
    this.#append(kind, LOG_EVENTS[kind], data, false);
  }

  /** The end of what began: taken while the log cannot be written too, and written when it can. */
  appendEnd<Kind extends LogEventKind>(kind: Kind, data: LogData<Kind>): void {
    this.#append(kind, LOG_EVENTS[kind], data, true);
  }

  event(kind: AuditKind, data: Readonly<Record<string, unknown>>): void {
    this.#append(kind, AUDIT_EVENTS[kind], data, false);
  }

  /**
   * The next entry is later than any that is in the kernel in the other logs: a clock that was ahead for a while stops the time of each log at another
   * place. @throws GwError `recording.failed` when they cannot be read
   */
  async catchUp(): Promise<void> {
    try {
      for (const directory of await this.#options.sisters()) this.#lastTime = Math.max(this.#lastTime, (await newestTime(directory)) + 1);
    } catch (cause) {
      throw new GwError('recording.failed', `The other audit logs could not be read (${errorCode(cause)}), so what the entry would say was not done.`, {
        cause,
      });
    }
  }

  /** Directory of the log. */
  get directory(): string {
    return this.#log.directory;
  }

  /**
   * Says that the entries before `first` go; under a checkpoint when it resolves.
   * @returns index of the entry that says it. @throws GwError `recording.failed` | `audit.invalid`: then nothing may go
   */
  async announcePruning(data: LogData<'log.prune'>): Promise<number> {
    const n = this.#log.size;
    this.append('log.prune', data);
    this.commit();
    await this.#log.publish();
    return n;
  }

  commit(): void {
    this.#log.commit();
  }

  synced(): Promise<void> {
    return this.#log.synced();
  }

  /** @throws GwError when what is left cannot be signed: the next process does it */
  async close(): Promise<void> {
    await this.#quiet();
    this.appendEnd('log.close', { sessions: this.#sessions });
    try {
      await this.#log.close();
    } finally {
      await this.#options.release();
    }
  }

  /** Nothing is said any more that nobody asked for. */
  async #quiet(): Promise<void> {
    clearInterval(this.#timer);
    await this.#timestamper?.close();
    await this.#beating;
  }

  #append(kind: string, fields: AuditFields, data: Readonly<Record<string, unknown>>, always: boolean): void {
    // A clock that was set back does not take the log with it.
    this.#lastTime = Math.max(this.#lastTime, this.#options.clock.now());
    const leaf: AuditLeaf = {
      v: 1,
      n: this.#log.size,
      time: new Date(this.#lastTime).toISOString(),
      kind,
      journal: this.#options.journal,
      data: leafData(fields, data),
    };
    this.#log.append(encodeLeaf(leaf), always);
    if (kind === 'session.start') this.#sessions++;
    if (this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      try {
        this.#log.commit();
      } catch (thrown) {
        this.#options.onError(thrown);
      }
    });
  }

  async #beat(): Promise<void> {
    await this.#rekey();
    const others = await this.#heads(await this.#options.sisters());
    const [own] = await this.#heads([this.#log.directory]);
    const over =
      own === undefined ? {} : { own: { size: own.size, root: own.root.toString('hex') }, rootOverLogs: rootOverLogs([...others, own]).toString('hex') };
    this.append('log.heartbeat', { due: this.#due(), anchors: others.map(anchorOf), ...over });
  }

  /** A key that cannot be had now does not keep the log from saying that it lives; it goes on with those that it has. */
  async #rekey(): Promise<void> {
    try {
      const found = (await this.#options.newKeys?.()) ?? null;
      if (found === null) return;
      const { keys, predecessors, names, rotation } = found;
      // First the key, then the entry: no checkpoint over the entry is signed by the old key alone.
      this.#log.rekey(keys, predecessors);
      this.append('log.keys', { keys: names, rotation });
    } catch (thrown) {
      this.#options.onError(thrown);
    }
  }

  /** Three heartbeats: one may be late, and a machine may be busy. */
  #due(): string {
    return new Date(Math.max(this.#lastTime, this.#options.clock.now()) + 3 * this.#options.heartbeatMs).toISOString();
  }

  /** The newest checkpoints of logs that have entries. */
  async #heads(directories: readonly string[]): Promise<Checkpoint[]> {
    const heads: Checkpoint[] = [];
    for (const directory of directories) {
      const bytes = await new LogFiles(directory).checkpoint();
      const found = bytes === null ? null : parseCheckpoint(bytes);
      if (found !== null && found.checkpoint.size > 0) heads.push(found.checkpoint);
    }
    return heads;
  }
}

/** As `lastTime`, of a log that another process may be writing, with its leaves that are under no checkpoint yet. */
async function newestTime(directory: string): Promise<number> {
  const files = new LogFiles(directory);
  for (;;) {
    const size = await files.size();
    const { leaves } = await readPending(directory, size);
    // Else some may have come under a checkpoint, and gone from there, meanwhile.
    if ((await files.size()) !== size) continue;
    const newest = leaves.at(-1);
    return newest === undefined ? lastTime({ directory, size }) : Date.parse(decodeLeaf(newest)?.time ?? '') || 0;
  }
}

/** The time of the newest leaf, milliseconds since the epoch; 0 in an empty log. */
async function lastTime({ directory, size }: Pick<LogWriter, 'directory' | 'size'>): Promise<number> {
  for await (const { leaf } of new LogFiles(directory).leaves(size, Math.max(0, size - 1))) return Date.parse(decodeLeaf(leaf)?.time ?? '') || 0;
  return 0;
}
