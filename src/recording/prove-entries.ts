/**
 * Takes single entries out of a sealed segment with their paths to its Merkle root, and reads entries that were proved so. Both sides of a proof of
 * one operation: what it discloses is the entry, its time, and hashes.
 */
import { join } from 'node:path';
import { leafHash } from '../base/merkle-hash.js';
import { inclusionProof, subtreesOf } from '../base/merkle-proof.js';
import { GwError } from '../contract/gw-error.js';
import { disclosedPayload } from './encryption/disclosure.js';
import type { EntryOpener } from './encryption/entry-opener.js';
import { decodeEnd, decodeEntries, decodeObject, decodeOperation, decodeOutcome, decodePart, type Entry } from './entry-decoder.js';
import { ENTRY_BYTES, FLAG_ENCRYPTED, getU48, KIND, OUTCOME_STATUSES } from './format.js';
import { listSegments, segmentName } from './journal-directory.js';
import { leafBytes } from './segment-layout.js';
import { SegmentReader } from './segment-reader.js';

export interface ProvedEntry {
  readonly segment: number;
  readonly index: number;
  /** Entries of the segment. */
  readonly size: number;
  /** Of its frame, milliseconds since the epoch. */
  readonly time: number;
  /** The entry without its length field. */
  readonly entry: Buffer;
  /** What discloses an encrypted entry, and no other of its session; null: it is not encrypted, is not disclosed, or its content was erased. */
  readonly opening: Buffer | null;
  readonly proof: readonly Buffer[];
}

/**
 * The beginning and end of a session; with `operation` also that operation with its parts and its outcome.
 * @param session number of the session in the journal
 * @param opener discloses the text of the operation
 * @throws GwError `recording.failed` when a segment is damaged, `audit.unknown` when one that has some of it is not sealed
 */
export async function proveEntries(directory: string, session: number, operation: number | null, opener: EntryOpener): Promise<ProvedEntry[]> {
  const found: ProvedEntry[] = [];
  for (const segment of await listSegments(directory))
    found.push(...(await proveSegment(join(directory, segmentName(segment)), { segment, session, operation, opener })));
  return found;
}

interface Wanted {
  readonly segment: number;
  readonly session: number;
  readonly operation: number | null;
  readonly opener: EntryOpener;
}

async function proveSegment(path: string, { segment, session, operation, opener }: Wanted): Promise<ProvedEntry[]> {
  const reader = await SegmentReader.open(path);
  if (typeof reader === 'string') throw unprovable(segment, reader);
  const hashes: Buffer[] = [];
  const wanted: { index: number; time: number; entry: Buffer; opening: Buffer | null }[] = [];
  let sealed = false;
  try {
    for (let item = await reader.next(); item.kind !== 'end' && item.kind !== 'partial'; item = await reader.next()) {
      if (item.kind === 'broken') throw unprovable(segment, item.problem);
      if (item.kind === 'seal') {
        sealed = true;
        continue;
      }
      for (const entry of decodeEntries(item.body, item.entries)) {
        if (typeof entry === 'string') throw unprovable(segment, entry);
        if (entry.session === session && isWanted(entry, operation))
          wanted.push({ index: hashes.length, time: item.time, entry: Buffer.from(entry.raw), opening: isShown(entry) ? opener.opening(entry) : null });
        hashes.push(leafHash(leafBytes(item.time, entry.raw).subarray(1)));
      }
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
  if (wanted.length === 0) return [];
  if (!sealed) throw unsealed(segment);
  const subtree = subtreesOf(hashes);
  return Promise.all(wanted.map(async (each) => ({ segment, size: hashes.length, ...each, proof: await inclusionProof(each.index, hashes.length, subtree) })));
}

function isWanted({ kind, payload }: Entry, operation: number | null): boolean {
  if (kind === KIND.sessionStart || kind === KIND.sessionEnd) return true;
  if (operation === null) return false;
  return (isShown({ kind }) || kind === KIND.outcome) && payload.length >= 6 && getU48(payload, 0) === operation;
}

/** The text of the operation; who it was and how it ended the log says. */
const isShown = ({ kind }: Pick<Entry, 'kind'>): boolean => kind === KIND.operation || kind === KIND.part;

/** What the leaf hash of a proved entry is taken of, without the prefix. */
export function provedBytes(time: number, entry: Buffer): Buffer {
  return Buffer.from(leafBytes(time, entry).subarray(1));
}

/** A proved entry in words that can be shown; null for what is no entry of one of these kinds. Input is untrusted. */
export type EntryContent =
  | { readonly kind: 'session.start'; readonly session: number; readonly id: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: 'session.end'; readonly session: number; readonly data: Readonly<Record<string, unknown>> }
  /** `exact` is null when the content is hidden. */
  | { readonly kind: 'operation'; readonly session: number; readonly sequence: number; readonly exact: Buffer | null; readonly exactBytes: number }
  | { readonly kind: 'part'; readonly session: number; readonly sequence: number; readonly text: boolean; readonly bytes: Buffer | null }
  | { readonly kind: 'outcome'; readonly session: number; readonly sequence: number; readonly status: string; readonly rows: number };

export function readProvedEntry(raw: Buffer, opening: Buffer | null = null): EntryContent | null {
  if (raw.length < 12 || raw.length > ENTRY_BYTES || raw.readUInt8(1) > FLAG_ENCRYPTED) return null;
  const session = raw.readUInt32BE(2);
  const kind = raw.readUInt8(0);
  const encrypted = raw.readUInt8(1) === FLAG_ENCRYPTED;
  const payload = encrypted ? disclosedPayload(kind, raw.subarray(12), opening) : raw.subarray(12);
  if (payload === null) return null;
  const hidden = encrypted && opening === null;
  switch (kind) {
    case KIND.sessionStart: {
      const data = decodeObject(payload);
      return data === null ? null : { kind: 'session.start', session, id: String(data['session']), data };
    }
    case KIND.sessionEnd: {
      const data = decodeObject(decodeEnd(payload)?.json ?? Buffer.alloc(0));
      return data === null ? null : { kind: 'session.end', session, data };
    }
    case KIND.operation: {
      if (hidden)
        return payload.length < 35 ? null : { kind: 'operation', session, sequence: getU48(payload, 0), exact: null, exactBytes: getU48(payload, 19) };
      const operation = decodeOperation(payload);
      return operation === null ? null : { kind: 'operation', session, sequence: operation.sequence, exact: operation.exact, exactBytes: operation.exactBytes };
    }
    case KIND.part: {
      const part = decodePart(payload);
      return part === null ? null : { kind: 'part', session, sequence: part.sequence, text: part.part === 0, bytes: hidden ? null : part.bytes };
    }
    case KIND.outcome: {
      const status = OUTCOME_STATUSES[(payload[6] ?? 0) - 1];
      const outcome = decodeOutcome(payload);
      return outcome === null || status === undefined ? null : { kind: 'outcome', session, sequence: getU48(payload, 0), status, rows: outcome.outcome.rows };
    }
    default:
      return null;
  }
}

/** What cannot be proved yet: an open segment has no root that the log could hold. */
export function unsealed(segment: number): GwError {
  return new GwError('audit.unknown', `Segment ${segment} of the journal, which has a part of the session, is not sealed yet.`, {
    hint: 'A segment is sealed when it is full or 15 minutes old, when the gateway ends, and by `gw evidence export`. Try again then.',
  });
}

function unprovable(segment: number, problem: string): GwError {
  return new GwError('recording.failed', `Segment ${segment} of the journal proves nothing: ${problem}.`, {
    hint: 'Run `gw audit verify`: it says what is wrong with the journals.',
  });
}
