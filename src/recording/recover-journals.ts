/**
 * Repairs what processes that died left behind: cuts torn tails off (and keeps them), writes for every session that was open which of its
 * operations were sent without a known outcome and that it was interrupted, and seals. Nothing that verifies is ever changed, and a second
 * run finishes what a first one could not. Run by the composition root before it opens a journal of its own.
 */
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { GwError } from '../contract/gw-error.js';
import type { SessionEnd } from '../contract/recording.js';
import type { EntryOpener } from './encryption/entry-opener.js';
import { type JournalKeys, plainJournals } from './encryption/journal-keyring.js';
import { openEntries } from './encryption/open-entries.js';
import { keysPath } from './encryption/session-keys.js';
import { type EndedSession, EndedSessions } from './ended-sessions.js';
import { EntryBatch } from './entry-batch.js';
import { decodeObject, type HiddenReason } from './entry-decoder.js';
import { BATCH_BYTES, CHAIN_BYTES, encodeJson, KIND, OUTCOME_CODE, OUTCOME_FIXED_BYTES, OUTCOME_SILENT, setU48, VERSION } from './format.js';
import { isUnused, listSegments, listWorkers, segmentName } from './journal-directory.js';
import { readStart } from './recorded-shapes.js';
import { sealSegment } from './seal-segment.js';
import { type SealedSegment, sealedSegments } from './sealed-segment.js';
import { encodeHeader, headerChain, type SegmentFooter } from './segment-layout.js';
import { SegmentReader } from './segment-reader.js';
import { type OpenSession, SessionLedger } from './session-ledger.js';
import { claimRecovery, dropLock, isWorkerAlive } from './worker-lock.js';

export interface RecoveryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opens encrypted journals: what was being done when a process died is in them. */
  readonly keys?: JournalKeys;
  /** Whether the worker with this boot id is known to run, by what the caller knows; a living process that holds the directory's lock counts too. */
  readonly alive?: (bootId: string) => boolean;
  /**
   * Called for each journal that was repaired, before it counts as recovered: with the sessions ended now, with those that had ended last,
   * because their process may have died before it could store that, and with all its segments, for the same reason. When it rejects, or this process dies in it, the next recovery
   * calls it again for the same journal.
   */
  readonly settle?: (sessions: readonly RecoveredSession[], segments: readonly SealedSegment[]) => Promise<void>;
}

export interface RecoveredSession extends EndedSession {
  readonly bootId: string;
}

export interface Recovery {
  /** Sessions that this run ended as interrupted. */
  readonly sessions: readonly RecoveredSession[];
  /** Journals that could not be repaired and were left as they are, with the reason. */
  readonly failed: readonly { readonly bootId: string; readonly problem: string }[];
}

/** Journals with nothing to do are skipped at the cost of reading one directory and one footer each. */
export async function recoverJournals(dir: string, options: RecoveryOptions): Promise<Recovery> {
  const sessions: RecoveredSession[] = [];
  const failed: { bootId: string; problem: string }[] = [];
  for (const bootId of await listWorkers(dir)) {
    const directory = join(dir, bootId);
    if (options.alive?.(bootId) === true || (await isWorkerAlive(directory)) || (await workIn(directory)) === 'none') continue;
    const release = await claimRecovery(directory);
    if (release === null) continue;
    try {
      const work = await workIn(directory);
      if (work === 'remove') await rm(directory, { recursive: true });
      if (work !== 'repair') continue; // or finished by another process between the look and the claim
      const { interrupted, ended } = await recoverWorker(directory, bootId, options);
      await options.settle?.([...ended, ...interrupted], await sealedSegments(directory, bootId));
      sessions.push(...interrupted);
      await dropLock(directory);
    } catch (thrown) {
      options.logger.error({ err: thrown, directory }, 'a journal could not be recovered; it is left as it is');
      failed.push({ bootId, problem: thrown instanceof GwError ? thrown.message : 'the file system refused' });
    } finally {
      await release();
    }
  }
  return { sessions, failed };
}

/** A journal that was closed or recovered has no lock any more. */
const OPEN_MARK = 'lock';

/** A directory in which nothing was recorded is removed: its process died while it opened its journal. */
async function workIn(directory: string): Promise<'none' | 'repair' | 'remove'> {
  if (await isUnused(directory)) return 'remove';
  return (await readdir(directory)).includes(OPEN_MARK) ? 'repair' : 'none';
}

/** A segment as the scan found it. */
interface Scanned {
  readonly number: number;
  readonly path: string;
  /** End of the last good frame, and the chain value there. */
  readonly offset: number;
  readonly chain: Buffer;
  readonly version: number;
  readonly gateway: string;
  readonly sealed: boolean;
  readonly final: boolean;
  /** There is something after the last good frame. */
  readonly torn: boolean;
}

interface Scan {
  readonly segments: readonly Scanned[];
  readonly ledger: SessionLedger;
  /** The newest segment, when not even its header was complete. */
  readonly headless: string | null;
  readonly lastTime: number;
  readonly endedLast: EndedSessions;
}

interface Recovered {
  readonly interrupted: readonly RecoveredSession[];
  readonly ended: readonly RecoveredSession[];
}

async function recoverWorker(directory: string, bootId: string, options: RecoveryOptions): Promise<Recovered> {
  const { segments, ledger, headless, lastTime, endedLast } = await scan(
    directory,
    await (options.keys ?? plainJournals).opener(dirname(directory), bootId),
    options.logger,
  );
  const ended = [...endedLast.list()].map((each) => ({ ...each, bootId }));
  const last = segments.at(-1);
  if (last?.final === true) return { interrupted: [], ended };
  const now = options.clock.now();
  let torn = headless === null ? 0 : await setAside(headless, now);
  for (const segment of segments) {
    if (segment.torn) torn += await cutTail(segment.path, segment.offset, now);
    if (!segment.sealed && segment !== last) await sealSegment(segment.path, { final: false, time: now });
  }
  const tail = last === undefined || last.sealed ? await nextSegment(directory, bootId, last, now) : last;
  const writer = new TailWriter(tail, now);
  const interrupted: RecoveredSession[] = [];
  // What is known of the sessions ends with the last frame; when exactly they ended nobody can say.
  for (const session of ledger.open.values()) {
    const end = ledger.interrupted(session, lastTime);
    await appendEnd(writer, session, end);
    const start = session.start === null ? null : readStart(session.start);
    const id = start?.session ?? (session.start === null ? null : decodeObject(session.start)?.['session']);
    if (typeof id === 'string') interrupted.push({ id, bootId, start, end });
  }
  const keyless = [...ledger.open.values()].filter((session) => session.keyless).length;
  appendEvent(writer.batch, ledger.ownCounter + 1, { sessions: ledger.open.size, tornBytes: torn, ...(keyless === 0 ? {} : { keyless }) });
  await writer.flush();
  await sealSegment(tail.path, { final: true, time: now });
  await syncDirectory(directory);
  if (keyless > 0)
    options.logger.warn({ directory, sessions: keyless }, 'the keys of sessions that were open are gone: they were ended by what is in the clear');
  options.logger.info({ directory, sessions: interrupted.length, tornBytes: torn }, 'a journal was recovered');
  return { interrupted, ended };
}

/** Reads everything and changes nothing. @throws GwError `recording.failed` when more than the end is damaged. */
async function scan(directory: string, opener: EntryOpener, logger: Logger): Promise<Scan> {
  const ledger = new SessionLedger();
  const endedLast = new EndedSessions();
  const segments: Scanned[] = [];
  const hidden = new Map<number, HiddenReason>();
  const numbers = await listSegments(directory);
  let lastTime = 0;
  for (const number of numbers) {
    const path = join(directory, segmentName(number));
    const before = segments.at(-1);
    if (number !== (before?.number ?? 0) + 1) throw unrecoverable(number, 'a segment before it is missing');
    const reader = await SegmentReader.open(path);
    if (typeof reader === 'string') {
      // Only the newest one can be torn in its header: its creation was interrupted.
      if (number !== numbers.at(-1)) throw unrecoverable(number, reader);
      await requireOpened(directory, ledger, hidden);
      return { segments, ledger, headless: path, lastTime, endedLast };
    }
    try {
      // Also shows that what is torn in the segment before is no more than an unfinished seal.
      if (!reader.header.previous.equals(before?.chain ?? Buffer.alloc(CHAIN_BYTES))) throw unrecoverable(number, 'it does not continue the segment before');
      lastTime = Math.max(lastTime, reader.header.createdAt);
      let footer: SegmentFooter | null = null;
      let item = await reader.next();
      for (; item.kind === 'frame' || item.kind === 'seal'; item = await reader.next()) {
        if (item.kind === 'seal') {
          footer = item.footer;
          continue;
        }
        lastTime = Math.max(lastTime, item.time);
        for (const entry of openEntries(item, opener)) {
          if (typeof entry !== 'string' && entry.hidden !== null) hidden.set(entry.session, entry.hidden);
          if (typeof entry !== 'string') endedLast.take(entry, ledger);
          const wrong = typeof entry === 'string' ? entry : ledger.take(entry)?.message;
          if (wrong !== undefined) logger.warn({ path, problem: wrong }, 'a journal holds an entry that does not fit');
        }
      }
      const { gateway, version } = reader.header;
      segments.push({
        number,
        path,
        offset: reader.offset,
        chain: reader.chain,
        version,
        gateway,
        sealed: footer !== null,
        final: footer?.final ?? false,
        torn: item.kind !== 'end' || item.ahead,
      });
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  }
  await requireOpened(directory, ledger, hidden);
  return { segments, ledger, headless: null, lastTime, endedLast };
}

/**
 * What of a session that was open was sent without an outcome is in its hidden entries: to end it without them would be to lose that. A key that was destroyed, or
 * lost where the others are (a power cut may take it and leave what it encrypts), cannot be put back: the rest of the journal must not wait for it.
 */
async function requireOpened(directory: string, ledger: SessionLedger, hidden: ReadonlyMap<number, HiddenReason>): Promise<void> {
  for (const { number, keyless } of ledger.open.values()) {
    const reason = hidden.get(number);
    if (keyless && (reason === 'destroyed' || (await readdir(directory)).includes(basename(keysPath(directory))))) continue;
    if (reason !== undefined)
      throw new GwError('recording.key', `Session ${number} of the journal was open, and its entries cannot be read without its key (${reason}).`, {
        hint: 'Put the keys back, and start again.',
      });
  }
}

type Tail = Pick<Scanned, 'path' | 'offset' | 'chain'>;

/** Appends frames to a segment whose end is known. */
class TailWriter {
  readonly batch = new EntryBatch();
  readonly #path: string;
  readonly #now: number;
  #offset: number;

  constructor(tail: Tail, now: number) {
    this.#path = tail.path;
    this.#offset = tail.offset;
    this.#now = now;
    this.batch.setChain(tail.chain);
  }

  async flush(): Promise<void> {
    const end = this.batch.seal(this.#now);
    await writeAll(this.#path, 'r+', this.batch.bytes.subarray(CHAIN_BYTES, end), this.#offset);
    this.#offset += end - CHAIN_BYTES;
    this.batch.clear();
  }
}

async function appendEnd(writer: TailWriter, session: OpenSession, end: SessionEnd): Promise<void> {
  const { batch } = writer;
  for (const sequence of session.open) {
    if (batch.waiting > BATCH_BYTES) await writer.flush();
    const at = batch.entry(KIND.outcome, session.number, ++session.counter, OUTCOME_FIXED_BYTES);
    batch.bytes.fill(0, at, at + OUTCOME_FIXED_BYTES);
    setU48(batch.view, at, sequence);
    batch.view.setUint8(at + 6, OUTCOME_CODE.unknown);
    batch.view.setUint8(at + 25, OUTCOME_SILENT);
  }
  const json = encodeJson(end, 'The end of the session');
  const at = batch.entry(KIND.sessionEnd, session.number, ++session.counter, 6 + json.length);
  setU48(batch.view, at, session.counter);
  batch.put(json, at + 6);
}

function appendEvent(batch: EntryBatch, counter: number, data: Readonly<Record<string, number>>): void {
  const name = Buffer.from('journal.recovered', 'utf8');
  const json = encodeJson(data, 'The event');
  const at = batch.entry(KIND.event, 0, counter, 2 + name.length + json.length);
  batch.view.setUint16(at, name.length);
  batch.put(name, at + 2);
  batch.put(json, at + 2 + name.length);
}

async function nextSegment(directory: string, bootId: string, last: Scanned | undefined, createdAt: number): Promise<Tail> {
  const number = (last?.number ?? 0) + 1;
  // A worker that died before its first segment was complete left no name of its gateway.
  const version = last?.version ?? VERSION.plain;
  const header = encodeHeader({
    version,
    segment: number,
    createdAt,
    previous: last?.chain ?? Buffer.alloc(CHAIN_BYTES),
    bootId,
    gateway: last?.gateway ?? '',
  });
  const path = join(directory, segmentName(number));
  await writeAll(path, 'wx', header, 0);
  return { path, offset: header.length, chain: Buffer.from(headerChain(header)) };
}

async function writeAll(path: string, flags: string, bytes: Uint8Array, position: number): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    for (let from = 0; from < bytes.length; ) from += (await file.write(bytes, from, bytes.length - from, position + from)).bytesWritten;
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Copies what lies beyond `offset`, without the zeros at its end, to a `.torn` file and cuts it off. @returns how many bytes were kept. */
async function cutTail(path: string, offset: number, now: number): Promise<number> {
  const file = await open(path, 'r+');
  try {
    const end = await endOfBytes(file, offset);
    if (end > offset) {
      await keepTail(file, offset, end, `${path}.${offset}.${now}.torn`);
      await syncDirectory(dirname(path));
    }
    await file.truncate(offset);
    await file.datasync();
    return end - offset;
  } finally {
    await file.close();
  }
}

async function keepTail(file: FileHandle, offset: number, end: number, to: string): Promise<void> {
  const kept = await open(to, 'wx', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (let position = offset; position < end; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - position), position);
      if (bytesRead === 0) break;
      await kept.writeFile(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
    await kept.datasync();
  } catch (thrown) {
    await rm(to, { force: true });
    throw thrown;
  } finally {
    await kept.close();
  }
}

/** Behind the last byte from `offset` on that is not zero: what was written ahead holds nothing. */
async function endOfBytes(file: FileHandle, offset: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(1 << 20);
  let end = offset;
  for (let position = offset; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return end;
    for (let at = bytesRead; at > 0; at--) {
      if (buffer[at - 1] === 0) continue;
      end = position + at;
      break;
    }
    position += bytesRead;
  }
}

async function setAside(path: string, now: number): Promise<number> {
  const file = await open(path, 'r');
  const { size } = await file.stat().finally(() => file.close());
  await rename(path, `${path}.0.${now}.torn`);
  return size;
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}

function unrecoverable(segment: number, problem: string): GwError {
  return new GwError('recording.failed', `Segment ${segment} of a journal that was not closed cannot be trusted: ${problem}.`, {
    hint: 'Keep the directory as it is and run the verification of the journal.',
  });
}
