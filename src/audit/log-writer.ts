/**
 * Writes one log. A leaf is accepted by `append`, in the kernel after `commit`, on disk after `synced`, and under a signed checkpoint within
 * `checkpointMs`. Order on disk: pending leaves, entry bundles, tiles, checkpoint; so every checkpoint that can be seen has all its tiles, and a
 * process that dies loses no committed leaf. When anything cannot be written the log is unhealthy and refuses leaves until all it accepted is
 * on disk and signed. It signs only a checkpoint that provably continues the one on disk: a log that was put back or exchanged stops it.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DRAFT_SUFFIX, syncDirectories, writeWhole } from '../base/durable-file.js';
import { errorCode } from '../base/error-code.js';
import type { Logger } from '../base/logger.js';
import { consistencyProof, verifyConsistency } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { type Checkpoint, isSigned, parseCheckpoint, signCheckpoint } from './checkpoint.js';
import { LEAF_BYTES } from './entry-bundle.js';
import { LogFiles } from './log-files.js';
import { publicKeyBytes } from './note-key.js';
import { type PendingLeaf, PendingLeaves, readPending } from './pending-leaves.js';
import { ownPruning } from './prune-log.js';
import { removeLeftovers } from './remove-leftovers.js';
import { TileBuilder } from './tile-builder.js';
import { partialTiles, tilePath } from './tile-layout.js';

export interface LogWriterOptions {
  readonly directory: string;
  readonly origin: string;
  /** Private keys, the newest first: all of them sign. */
  readonly keys: readonly KeyObject[];
  /** Public keys that the newest one replaced: a checkpoint that only they signed is continued. */
  readonly predecessors?: readonly Buffer[];
  readonly logger: Logger;
  /** Longest time between a leaf and the checkpoint that covers it, milliseconds. */
  readonly checkpointMs: number;
  /** How often an unhealthy log tries again, milliseconds. */
  readonly retryMs: number;
}

/** What a process that died left, and what became of it. */
export interface LogRecovery {
  /** Leaves that had no checkpoint yet. */
  readonly leaves: number;
  readonly unreadableBytes: number;
}

export class LogWriter {
  readonly recovery: LogRecovery;
  #options: LogWriterOptions;
  readonly #builder: TileBuilder;
  readonly #pending: PendingLeaves;
  /** Accepted, not yet in the kernel. */
  #batch: PendingLeaf[] = [];
  /** In the kernel, under no checkpoint. */
  #unsigned: PendingLeaf[];
  #last: Checkpoint;
  /** The one that was written last, which may have failed when it was on disk already. */
  #attempted: Checkpoint | null = null;
  /** Sizes whose partial tiles may be on disk. */
  #tiled: Set<number>;
  #failure: GwError | null = null;
  #syncedSize = 0;
  #syncing: Promise<void> | null = null;
  #publishing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #retrying: Promise<void> | null = null;
  #closed = false;

  private constructor(
    options: LogWriterOptions,
    builder: TileBuilder,
    pending: PendingLeaves,
    last: Checkpoint,
    unsigned: PendingLeaf[],
    recovery: LogRecovery,
  ) {
    this.#options = options;
    this.#builder = builder;
    this.#pending = pending;
    this.#last = last;
    this.#tiled = new Set([last.size]);
    this.#unsigned = unsigned;
    this.#syncedSize = builder.size;
    this.recovery = recovery;
  }

  /**
   * Opens or begins the log in `directory`; the caller holds its lock. Leaves that a process left without a checkpoint are taken over.
   * @throws GwError `audit.invalid` when what is there does not verify: nothing is written then; errors of the file system as they are
   */
  static async open(options: LogWriterOptions): Promise<LogWriter> {
    const { directory, origin, keys } = options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    // Else what is synced in it goes with its name; in any case, since who made it may have died before this.
    await syncDirectories(dirname(directory), []);
    const files = new LogFiles(directory);
    const last = (await readOwnCheckpoint(files, options)) ?? (await begin(options));
    await ownPruning(files);
    const builder = await TileBuilder.load(files, last.size);
    if (!builder.root().equals(last.root)) throw damaged(origin, 'its tiles do not give the root of its checkpoint');
    const found = await readPending(directory, last.size);
    const pending = await PendingLeaves.open(directory);
    const unsigned = found.leaves.map((leaf, at) => ({ index: last.size + at, leaf }));
    try {
      pending.rotate(last.size);
      pending.write(unsigned);
      await pending.sync();
      await pending.dropOlder();
    } catch (thrown) {
      pending.close();
      throw thrown;
    }
    for (const { leaf } of unsigned) builder.add(leaf);
    const recovery = { leaves: unsigned.length, unreadableBytes: found.unreadableBytes };
    const writer = new LogWriter({ ...options, keys }, builder, pending, last, unsigned, recovery);
    try {
      if (unsigned.length > 0) await writer.publish();
      await removeLeftovers(directory, writer.size);
    } catch (thrown) {
      await writer.abandon();
      throw thrown;
    }
    return writer;
  }

  /** Number of leaves, those of this turn included. */
  get size(): number {
    return this.#builder.size + this.#batch.length;
  }

  get healthy(): boolean {
    return this.#failure === null;
  }

  get directory(): string {
    return this.#options.directory;
  }

  get origin(): string {
    return this.#options.origin;
  }

  /** The newest checkpoint that is on disk. */
  get checkpoint(): Checkpoint {
    return this.#last;
  }

  /** Other keys sign every checkpoint from the next one on. */
  rekey(keys: readonly KeyObject[], predecessors: readonly Buffer[]): void {
    this.#options = { ...this.#options, keys, predecessors };
  }

  /** @throws GwError `recording.failed` while the log cannot be written */
  ready(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw new GwError('recording.failed', 'The audit log is closed.');
  }

  /**
   * @param always taken while the log cannot be written too, and written when it can: for ends of what began
   * @throws GwError `recording.failed` while the log cannot be written, and for a leaf that is too long
   */
  append(leaf: Buffer, always = false): number {
    if (!always || this.#closed) this.ready();
    if (leaf.length > LEAF_BYTES) throw new GwError('recording.failed', `A leaf of the audit log takes ${leaf.length} bytes; at most ${LEAF_BYTES} fit.`);
    const index = this.size;
    this.#batch.push({ index, leaf });
    return index;
  }

  /** One write of every leaf since the last commit. @throws GwError `recording.failed`; accepted leaves are kept and written when it can be done again */
  commit(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#batch.length === 0) return;
    try {
      this.#pending.write(this.#batch);
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#take();
    this.#schedule(this.#options.checkpointMs);
  }

  /** Resolves when everything committed so far is on disk; one sync for all who wait. */
  async synced(): Promise<void> {
    const target = this.#builder.size;
    while (this.#syncedSize < target) {
      if (this.#failure !== null) throw this.#failure;
      await this.#sync();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** Signs a checkpoint over everything committed so far. @throws GwError `recording.failed` | `audit.invalid`; then the log is unhealthy */
  async publish(): Promise<void> {
    const target = this.#builder.size;
    while (this.#last.size < target) {
      const running = (this.#publishing ??= this.#publish().finally(() => {
        this.#publishing = null;
      }));
      await running;
    }
  }

  /** Signs what is left. The log cannot be used afterwards. @throws GwError when it cannot be signed: the next open takes it over */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#failure !== null) await this.#again();
      this.commit();
      await this.publish();
      await this.#settled();
      await this.#pending.dropOlder(true);
    } finally {
      await this.#stop();
    }
  }

  /** Gives the log up as it lies on disk: nothing is written once it resolves, so the lock can go. The next open takes over what was committed. */
  async abandon(): Promise<void> {
    if (this.#closed) return;
    this.#batch = [];
    await this.#stop();
  }

  /** No attempt begins after this, and none is under way once it resolves. */
  async #stop(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.allSettled([this.#retrying, this.#publishing]);
    await this.#settled();
    this.#pending.close();
  }

  #take(): void {
    for (const each of this.#batch) this.#builder.add(each.leaf);
    this.#unsigned.push(...this.#batch);
    this.#batch = [];
  }

  #sync(): Promise<void> {
    this.#syncing ??= this.#syncOnce().finally(() => {
      this.#syncing = null;
    });
    return this.#syncing;
  }

  async #syncOnce(): Promise<void> {
    const size = this.#builder.size;
    try {
      await this.#pending.sync();
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#syncedSize = Math.max(this.#syncedSize, size);
  }

  async #publish(): Promise<void> {
    const { directory, origin, keys } = this.#options;
    const { size } = this.#builder;
    const next: Checkpoint = { origin, size, root: this.#builder.root() };
    const files = this.#builder.files();
    try {
      this.#pending.rotate(size);
      this.#tiled.add(size);
      for (const { path, bytes } of files) await writeWhole(directory, path, bytes);
      await syncDirectories(
        directory,
        files.map(({ path }) => path),
      );
      await this.#requireContinuation(next);
      this.#attempted = next;
      await writeWhole(directory, 'checkpoint', signCheckpoint(next, keys));
      await syncDirectories(directory, []);
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#last = next;
    this.#builder.published(files);
    this.#unsigned = this.#unsigned.filter(({ index }) => index >= size);
    try {
      await this.#settled();
      await this.#pending.dropOlder();
      const kept = new Set(partialTiles(size).map(tilePath));
      for (const path of [...this.#tiled].flatMap(partialTiles).map(tilePath)) if (!kept.has(path)) await rm(join(directory, path), { force: true });
      this.#tiled = new Set([size]);
    } catch (thrown) {
      throw this.#fail(thrown);
    }
  }

  /** The checkpoint on disk is the one that this process wrote last, and the tiles on disk prove that the next one continues it. */
  async #requireContinuation(next: Checkpoint): Promise<void> {
    const files = new LogFiles(this.#options.directory);
    const before = await readOwnCheckpoint(files, this.#options);
    // An attempt that failed after its rename: that name is on disk by now, synced with those of the tiles.
    if (this.#attempted !== null && isSame(before, this.#attempted)) this.#last = this.#attempted;
    if (before === null || !isSame(before, this.#last)) {
      throw damaged(next.origin, 'its checkpoint was exchanged while the gateway ran');
    }
    if (before.size === 0) return;
    const proof = await consistencyProof(before.size, next.size, files.subtrees(next.size));
    if (!verifyConsistency(before.size, next.size, before.root, next.root, proof)) throw damaged(next.origin, 'its tiles do not continue its last checkpoint');
  }

  /** Waits for a sync under way; its failure is said by whoever waits for the sync itself. */
  async #settled(): Promise<void> {
    await Promise.allSettled([this.#syncing]);
  }

  #schedule(ms: number): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const work = this.#failure === null ? this.publish() : this.#again();
      work.catch((err: unknown) => this.#options.logger.debug({ err, log: this.#options.origin }, 'an attempt to sign the audit log failed'));
    }, ms);
    this.#timer.unref();
  }

  /** Writes everything that is not signed into a new file, because nobody knows what a failed write or sync left of the old one, and signs it. */
  #again(): Promise<void> {
    this.#retrying ??= this.#retry().finally(() => {
      this.#retrying = null;
    });
    return this.#retrying;
  }

  async #retry(): Promise<void> {
    await this.#settled();
    const failure = this.#failure;
    try {
      this.#pending.restart(this.#last.size, [...this.#unsigned, ...this.#batch]);
      this.#take();
      await this.#sync();
      await this.publish();
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    if (this.#failure === failure) this.#failure = null;
    this.#options.logger.info({ log: this.#options.origin }, 'the audit log can be written again');
  }

  #fail(thrown: unknown): GwError {
    const error = asFailure(thrown);
    if (this.#failure === null) {
      this.#options.logger.error({ err: thrown, log: this.#options.origin }, 'the audit log cannot be written: operations are refused until it can');
    }
    this.#failure = error;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#schedule(this.#options.retryMs);
    return error;
  }
}

function isSame(one: Checkpoint | null, other: Checkpoint): boolean {
  return one?.size === other.size && one.root.equals(other.root);
}

async function readOwnCheckpoint(files: LogFiles, { origin, keys, predecessors = [] }: LogWriterOptions): Promise<Checkpoint | null> {
  const bytes = await files.checkpoint();
  if (bytes === null) return null;
  const parsed = parseCheckpoint(bytes);
  if (parsed === null || parsed.checkpoint.origin !== origin) throw damaged(origin, 'its checkpoint is damaged or of another log');
  if (!isSigned(parsed.note, origin, [...keys.map(publicKeyBytes), ...predecessors]))
    throw damaged(origin, 'its checkpoint is not signed by any of the keys of this gateway');
  return parsed.checkpoint;
}

/** Signs an empty log before its first tile is written: so tiles without a checkpoint are never a log that has just begun. */
async function begin({ directory, origin, keys }: LogWriterOptions): Promise<Checkpoint> {
  const there = (await readdir(directory)).filter((name) => name === 'tile' || (name.startsWith('pending.') && !name.endsWith(DRAFT_SUFFIX)));
  if (there.length > 0) throw damaged(origin, 'its checkpoint is gone');
  const empty: Checkpoint = { origin, size: 0, root: (await TileBuilder.load(new LogFiles(directory), 0)).root() };
  await writeWhole(directory, 'checkpoint', signCheckpoint(empty, keys));
  await syncDirectories(directory, []);
  return empty;
}

function asFailure(thrown: unknown): GwError {
  if (thrown instanceof GwError && thrown.code === 'recording.failed') return thrown;
  const why = thrown instanceof GwError ? thrown.message : errorCode(thrown);
  return new GwError('recording.failed', `The audit log could not be written (${why}), so what it would say was not done.`, { cause: thrown });
}

function damaged(origin: string, what: string): GwError {
  return new GwError('audit.invalid', `The audit log ${origin} cannot be continued: ${what}.`);
}
