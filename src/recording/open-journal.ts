/**
 * Opens the journal of this worker process: a directory of its own under `dir`, locked by this process, with its first segment in it.
 * Recovery of what other processes left behind is `recoverJournals`, run before by the composition root.
 */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { makeDirectory, syncDirectories, writeWhole } from '../base/durable-file.js';
import { newId } from '../base/id.js';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import { type KeyWrapper, newJournalKey, WRAPPED_FILE } from './encryption/journal-keyring.js';
import { KeyIssuer } from './encryption/key-issuer.js';
import { VERSION } from './format.js';
import { GroupJournal } from './group-journal.js';
import type { SealedSegment } from './sealed-segment.js';
import { type SegmentFiles, systemFiles } from './segment-file.js';
import { isBootId } from './segment-layout.js';
import { SegmentLog } from './segment-log.js';
import { takeLock } from './worker-lock.js';

export interface JournalOptions {
  /** Directory of all journals of this gateway; created when missing. It belongs to one machine. */
  readonly dir: string;
  /** Name of the gateway, in every segment's header. */
  readonly gateway: string;
  /** Names this run of this worker process; a new one by default. */
  readonly bootId?: string;
  /** Wraps the key of this journal; null or none: the journal is not encrypted. */
  readonly encryption?: KeyWrapper | null;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A segment is sealed when it has grown to this, bytes. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** … or is this old and not empty, milliseconds. Default 15 minutes. */
  readonly segmentMs?: number;
  /** Bytes recorded of each operation's result, and of its input; beyond it only count and digest. Default 64 KiB. */
  readonly resultCap?: number;
  /** Longest time between a commit and the fdatasync that covers it begins, milliseconds. Default 25, so that it ends within 50 on a healthy disk. */
  readonly syncIntervalMs?: number;
  /** How often an unhealthy journal tries again, milliseconds. Default 1000. */
  readonly retryIntervalMs?: number;
  /** Called once for each change from healthy to not healthy. */
  readonly onFailure?: (error: GwError) => void;
  /**
   * Called once for each segment that is sealed, and before the journal counts as closed: when it throws at the last one, the journal stays
   * open to recovery, which gives all of them again.
   */
  readonly onSealed?: (segment: SealedSegment) => void;
  readonly files?: SegmentFiles;
}

const DEFAULT_SEGMENT_BYTES = 64 << 20;
const DEFAULT_SEGMENT_MS = 15 * 60_000;
const DEFAULT_RESULT_CAP = 64 << 10;
const DEFAULT_SYNC_MS = 25;
const DEFAULT_RETRY_MS = 1000;

/** @throws GwError `recording.failed` when the directory or the first segment cannot be made; `recording.key` when its key cannot be wrapped; `config.invalid` for names that do not fit. */
export async function openJournal(options: JournalOptions): Promise<GroupJournal> {
  const bootId = options.bootId ?? newId('wrk', options.clock.now());
  if (!isBootId(bootId)) throw new GwError('config.invalid', 'A worker id takes letters, digits, dash and underscore, at most 64.');
  const directory = join(options.dir, bootId);
  try {
    await makeDirectory(options.dir);
    await mkdir(directory, { mode: 0o700 });
    await takeLock(directory);
    const files = options.files ?? systemFiles;
    const keys = options.encryption == null ? null : new KeyIssuer(directory, await keepNewKey(directory, bootId, options.encryption), files);
    const version = keys === null ? VERSION.plain : VERSION.encrypted;
    const log = new SegmentLog({ directory, bootId, gateway: options.gateway, version, keys, files }, options.clock.now());
    // In any case, since who made the directory of all journals may have died before this; the keys by name, since a frame without them could never be read.
    await syncDirectories(dirname(options.dir), [join(basename(options.dir), bootId, WRAPPED_FILE)]);
    return new GroupJournal({
      log,
      directory,
      bootId,
      clock: options.clock,
      logger: options.logger,
      segmentBytes: options.segmentBytes ?? DEFAULT_SEGMENT_BYTES,
      segmentMs: options.segmentMs ?? DEFAULT_SEGMENT_MS,
      resultCap: options.resultCap ?? DEFAULT_RESULT_CAP,
      syncIntervalMs: options.syncIntervalMs ?? DEFAULT_SYNC_MS,
      retryIntervalMs: options.retryIntervalMs ?? DEFAULT_RETRY_MS,
      onFailure: options.onFailure ?? (() => undefined),
      onSealed: options.onSealed ?? (() => undefined),
    });
  } catch (thrown) {
    if (thrown instanceof GwError) throw thrown;
    throw new GwError('recording.failed', 'The journal could not be opened.', {
      hint: 'Check that the journal directory exists, is writable and has room.',
      cause: thrown,
    });
  }
}

/** On disk before the first byte that needs it, and as a whole: the next start reads it. */
async function keepNewKey(directory: string, bootId: string, wrapper: KeyWrapper): Promise<Buffer> {
  const { key, kept } = await newJournalKey(bootId, wrapper);
  await writeWhole(directory, WRAPPED_FILE, `${JSON.stringify(kept)}\n`);
  return key;
}
