/**
 * The entries of a journal exactly as they are stored, segment by segment, for whoever has to prove them to others (evidence packs): what a Merkle
 * leaf is made of, and the leaf itself. Input is untrusted; memory is bounded by one frame.
 */
import { hash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GwError } from '../contract/gw-error.js';
import type { EntryOpener } from './encryption/entry-opener.js';
import { isCommitted, parseHidden, SALT_BYTES, shownPayload } from './encryption/hidden-layout.js';
import { KeyStream } from './encryption/key-stream.js';
import { decodeEntries, decodeObject, type Entry } from './entry-decoder.js';
import { ENTRY_BYTES, ENTRY_HEAD_BYTES, KIND } from './format.js';
import { listSegments, segmentName } from './journal-directory.js';
import { leafBytes } from './segment-layout.js';
import { SegmentReader } from './segment-reader.js';

export interface StoredSegment {
  readonly segment: number;
  readonly path: string;
  /** Milliseconds since the epoch: no entry of it is older. */
  readonly createdAt: number;
  readonly bytes: number;
}

/** The segments of one journal, in order. @throws GwError `recording.failed` when the header of one cannot be read */
export async function storedSegments(dir: string, bootId: string): Promise<StoredSegment[]> {
  const segments: StoredSegment[] = [];
  for (const segment of await listSegments(join(dir, bootId))) {
    const path = join(dir, bootId, segmentName(segment));
    const reader = await SegmentReader.open(path);
    if (typeof reader === 'string') throw unreadable(path, reader);
    segments.push({ segment, path, createdAt: reader.header.createdAt, bytes: (await stat(path)).size });
    await reader[Symbol.asyncDispose]();
  }
  return segments;
}

/** An entry as it is stored, and what shows its content to somebody without keys. */
export interface StoredEntry {
  /** With its content, or with `hidden` saying why it cannot be had. */
  readonly entry: Entry;
  /** As it is stored: what a Merkle leaf is made of. */
  readonly raw: Buffer;
  /** The salted plaintext where the entry holds a commitment, the plaintext otherwise; null: not encrypted, or hidden. */
  readonly opening: Buffer | null;
}

export interface StoredFrame {
  /** Of all its entries, milliseconds since the epoch. */
  readonly time: number;
  readonly entries: readonly StoredEntry[];
}

/** The frames of a sealed segment. @throws GwError `recording.failed` where it cannot be read on, or is not sealed */
export async function* readStoredSegment(path: string, opener: EntryOpener): AsyncGenerator<StoredFrame, void> {
  const reader = await SegmentReader.open(path);
  if (typeof reader === 'string') throw unreadable(path, reader);
  try {
    for (let item = await reader.next(); item.kind !== 'seal'; item = await reader.next()) {
      if (item.kind !== 'frame') throw unreadable(path, item.kind === 'broken' ? item.problem : 'it is not sealed');
      const entries: StoredEntry[] = [];
      for (const entry of decodeEntries(item.body, item.entries)) {
        if (typeof entry === 'string') throw unreadable(path, entry);
        entries.push(opened(entry, opener));
      }
      yield { time: item.time, entries };
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

function opened(entry: Entry, opener: EntryOpener): StoredEntry {
  const { raw } = entry;
  if (!entry.encrypted) return { entry, raw, opening: null };
  const open = opener.open(entry);
  const parts = open.hidden === null ? parseHidden(entry.kind, entry.payload) : null;
  if (parts === null) return { entry: open, raw, opening: null };
  if (isCommitted(entry.kind)) return { entry: open, raw, opening: opener.opening(entry) };
  return { entry: open, raw, opening: open.payload.subarray(parts.clear.length) };
}

/**
 * An entry out of what is stored and its opening. Without an opening an encrypted one is hidden. With the key of its session the opening must be what
 * the key gives; without it a committed content is held to its commitment, and any other to its length.
 * @returns null when it is no entry of these versions, or the opening is not that of this entry. Input is untrusted
 */
export function readStoredEntry(raw: Buffer, opening: Buffer | null, key: Buffer | null): Entry | null {
  if (raw.length < ENTRY_HEAD_BYTES - 4 || raw.length > ENTRY_BYTES) return null;
  const body = Buffer.allocUnsafe(4 + raw.length);
  body.writeUInt32BE(raw.length);
  raw.copy(body, 4);
  const [entry] = decodeEntries(body, 1);
  if (entry === undefined || typeof entry === 'string') return null;
  if (!entry.encrypted) return opening === null ? entry : null;
  const parts = parseHidden(entry.kind, entry.payload);
  if (parts === null) return null;
  if (opening === null) return { ...entry, payload: shownPayload(entry.kind, parts, null), hidden: 'locked' };
  if (opening.length !== parts.ciphertext.length) return null;
  if (key !== null) {
    const plaintext = Buffer.from(parts.ciphertext);
    new KeyStream(key).apply(plaintext, 0, plaintext.length, parts.position);
    if (!plaintext.equals(opening)) return null;
  }
  const committed = isCommitted(entry.kind);
  if (committed && !hash('sha256', opening, 'buffer').equals(parts.extra)) return null;
  const payload = shownPayload(entry.kind, parts, committed ? opening.subarray(SALT_BYTES) : opening);
  return entry.kind === KIND.sessionStart && decodeObject(payload)?.['session'] !== parts.clear.toString('utf8', 1) ? null : { ...entry, payload };
}

/** The id of the session that a `session.start` entry begins; null when it cannot be read. */
export function sessionOfStart({ payload }: Entry): string | null {
  const id = decodeObject(payload)?.['session'];
  return typeof id === 'string' ? id : null;
}

/** What the hash of its Merkle leaf is taken of, 0x00 in front. Valid until the next call. */
export function storedLeaf(time: number, raw: Buffer): Buffer {
  return leafBytes(time, raw);
}

function unreadable(path: string, problem: string): GwError {
  return new GwError('recording.failed', `The journal segment ${path} cannot be read as a whole: ${problem}.`, {
    hint: 'Run `gw audit verify`: it says what is wrong with the journals.',
  });
}
