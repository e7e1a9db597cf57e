/**
 * Where the parts of an encrypted payload lie (docs/spec/journal.md): `clear ‖ extra ‖ u48 position ‖ ciphertext`. What a verifier needs
 * without keys stays in the clear: numbers, counts, sizes, the id of the session. Pure. A payload that is read is untrusted.
 */
import { outcomeClearBytes } from '../entry-decoder.js';
import { getU48, KIND, OPERATION_FIXED_BYTES } from '../format.js';

export const SALT_BYTES = 16;
export const COMMITMENT_BYTES = 32;
const TAG_BYTES = 16;
export const POSITION_BYTES = 6;

/** Entries of which one can be shown to a third party by itself, with nothing else of its session: they hold a salted commitment to their content. */
const COMMITTED: ReadonlySet<number> = new Set([KIND.sessionStart, KIND.operation, KIND.part]);

export function isCommitted(kind: number): boolean {
  return COMMITTED.has(kind);
}

/** Bytes between the clear part and the ciphertext: commitment or tag, then the position. */
export function extraBytes(kind: number): number {
  if (COMMITTED.has(kind)) return COMMITMENT_BYTES + POSITION_BYTES;
  return kind === KIND.sessionEnd ? TAG_BYTES + POSITION_BYTES : POSITION_BYTES;
}

/** Bytes that encryption adds to a payload of this kind, besides the id that a start has in the clear. */
export function addedBytes(kind: number): number {
  return extraBytes(kind) + (COMMITTED.has(kind) ? SALT_BYTES : 0);
}

/** Length of the clear part; null when the payload has none of this kind. */
function clearBytes(kind: number, payload: Buffer): number | null {
  switch (kind) {
    case KIND.sessionStart:
      return payload.length < 1 ? null : 1 + payload.readUInt8(0);
    case KIND.sessionEnd:
    case KIND.delivered:
    case KIND.received:
      return 6;
    case KIND.define:
      return 5;
    case KIND.operation:
      return OPERATION_FIXED_BYTES;
    case KIND.part:
      return 7;
    case KIND.digest:
      return 14;
    case KIND.outcome:
      return outcomeClearBytes(payload);
    case KIND.event:
      return payload.length < 2 ? null : 2 + payload.readUInt16BE(0);
    default:
      return null;
  }
}

export interface HiddenPayload {
  /** As in an entry that is not encrypted; of a start the id of the session behind its length. */
  readonly clear: Buffer;
  /** Commitment or tag; empty where the kind has neither. */
  readonly extra: Buffer;
  /** Of the ciphertext in the stream of its session, bytes. */
  readonly position: number;
  readonly ciphertext: Buffer;
}

export function parseHidden(kind: number, payload: Buffer): HiddenPayload | null {
  const clear = clearBytes(kind, payload);
  const from = clear === null ? 0 : clear + extraBytes(kind);
  if (clear === null || payload.length < from + (isCommitted(kind) ? SALT_BYTES : 0)) return null;
  return {
    clear: payload.subarray(0, clear),
    extra: payload.subarray(clear, from - POSITION_BYTES),
    position: getU48(payload, from - POSITION_BYTES),
    ciphertext: payload.subarray(from),
  };
}

/**
 * The payload as it would be without encryption. Without `plaintext` what is in the clear and no more; a start then has its id alone, an end
 * an empty document.
 */
export function shownPayload(kind: number, { clear }: HiddenPayload, plaintext: Buffer | null): Buffer {
  if (kind === KIND.sessionStart) return plaintext ?? Buffer.from(JSON.stringify({ session: clear.toString('utf8', 1) }), 'utf8');
  if (plaintext === null) return kind === KIND.sessionEnd || kind === KIND.event ? Buffer.concat([clear, Buffer.from('{}')]) : clear;
  return Buffer.concat([clear, plaintext]);
}
