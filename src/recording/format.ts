/**
 * The numbers of the journal's format (`docs/spec/journal.md`): magic, sizes, kinds of entries, limits. Writer, reader, sealing and recovery
 * take them from here alone. All integers are big-endian; a `u48` is an unsigned integer of six bytes. Numbers here are public surface:
 * never change or reuse one.
 */
import { GwError } from '../contract/gw-error.js';
import type { OutcomeStatus } from '../contract/recording.js';

/** First bytes of a segment: `GWJ1`. */
export const MAGIC = 0x47574a31;
/** Of a journal that is not encrypted, and of one that is. */
export const VERSION = { plain: 1, encrypted: 2 } as const;

export const CHAIN_BYTES = 32;
/** Frame head: u32 body length, u8 type, u8 zero, u48 time, u32 entries. */
export const FRAME_HEAD_BYTES = 16;
export const FRAME_COMMIT = 1;
export const FRAME_SEAL = 2;
/** Entry head: u32 length of what follows, u8 kind, u8 flags, u32 session, u48 counter. */
export const ENTRY_HEAD_BYTES = 16;
/** The entry's payload is encrypted; only in journals of version 2. */
export const FLAG_ENCRYPTED = 1;

export const KIND = {
  sessionStart: 1,
  sessionEnd: 2,
  define: 3,
  operation: 4,
  part: 5,
  delivered: 6,
  received: 7,
  cut: 8,
  digest: 9,
  outcome: 10,
  event: 11,
} as const;

/** What a `define` entry holds. */
export const DEFINE = { facts: 1, decision: 2, form: 3, masked: 4 } as const;

/** Directions of a byte stream in `cut` and `digest` entries. */
export const DIRECTION = { delivered: 0, received: 1 } as const;

/** How a `digest` entry was computed: not at all, over the digests of chunks, or over the stream as it is. */
export const DIGEST = { lost: 0, chunks: 1, plain: 2 } as const;

export const OPERATION_REDACTED = 1;
export const OPERATION_PARAMETERS = 2;
/** Payload bytes of an `operation` entry before the exact bytes. */
export const OPERATION_FIXED_BYTES = 35;
/** Payload bytes of an `outcome` entry before the message. */
export const OUTCOME_FIXED_BYTES = 26;

/** Whether an `outcome` has a message: none, the whole of it, or its first `MESSAGE_BYTES`. */
export const OUTCOME_SILENT = 0;
export const OUTCOME_MESSAGE = 1;
export const OUTCOME_CUT = 2;
/** Added to one of those: before the message stand a u8 and so many counts of what was masked. */
export const OUTCOME_MASKED = 4;
/** Of one such count: u32 definition, u48 values. */
export const MASKED_BYTES = 10;
/** Most counts in one outcome; whoever masks in more ways says so in an event `masked`. */
export const MASKED_WAYS = 64;

/** Status codes of outcomes are the places in this list, counted from 1. */
export const OUTCOME_STATUSES: readonly OutcomeStatus[] = ['ok', 'error', 'refused', 'cancelled', 'lost', 'unknown'];
export const OUTCOME_CODE: Readonly<Record<OutcomeStatus, number>> = { ok: 1, error: 2, refused: 3, cancelled: 4, lost: 5, unknown: 6 };

/** Most bytes of exact text, parameters or result in one entry; longer ones go on in `part` entries or in more of the same kind. */
export const PIECE_BYTES = 1 << 20;
/** Most bytes of one JSON document (start, end, facts, decision, event). */
const JSON_BYTES = 1 << 20;
/** Most bytes of an outcome's message; a longer one is cut at a character and marked. */
export const MESSAGE_BYTES = 1 << 16;
/** Most bytes of an entry after its length field; a reader refuses more. */
export const ENTRY_BYTES = 4 << 20;
/** A writer commits early when a batch has grown to this. */
export const BATCH_BYTES = 4 << 20;
/** Most bytes of a frame's body; a reader refuses more. */
export const FRAME_BODY_BYTES = 16 << 20;
/** Most definitions of a session that are in force at once, and most bytes of their JSON. */
export const DEFINITIONS = 256;
export const DEFINITION_BYTES = 4 << 20;
/** Bytes of one chunk in the digest of a long result. */
export const CHUNK_BYTES = 1 << 20;
/** Most bytes of the gateway's name. */
export const NAME_BYTES = 200;

const HIGH = 0x1_0000_0000;
const U48_MAX = 0xffff_ffff_ffff;

/** Writes a u48; `value` must be a whole number from 0 to 2^48 − 1. */
export function setU48(view: DataView, offset: number, value: number): void {
  view.setUint16(offset, value < HIGH ? 0 : Math.floor(value / HIGH));
  view.setUint32(offset + 2, value >>> 0);
}

export function getU48(bytes: Buffer, offset: number): number {
  return bytes.readUIntBE(offset, 6);
}

/** A count, size or duration as it fits a u48: rounded, negative and NaN as 0. */
export function toU48(value: number): number {
  if (value >= 0 && value <= U48_MAX) return Math.round(value);
  return value > U48_MAX ? U48_MAX : 0;
}

/** JSON for an entry. @throws GwError `session.limit` when it is longer than an entry may hold. */
export function encodeJson(value: unknown, what: string): Buffer {
  const bytes = Buffer.from(JSON.stringify(value), 'utf8');
  if (bytes.length > JSON_BYTES) {
    throw new GwError('session.limit', `${what} takes ${bytes.length} bytes in the journal; at most ${JSON_BYTES} fit.`, {
      hint: 'Split the request into smaller ones.',
    });
  }
  return bytes;
}
