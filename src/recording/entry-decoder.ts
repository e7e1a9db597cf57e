/**
 * Entries out of a frame's body and payloads out of entries. Pure. Input is untrusted: every length is checked against what is there, and
 * anything that does not fit gives null or a problem, never an exception.
 */
import type { Outcome } from '../contract/recording.js';
import {
  DIGEST,
  ENTRY_BYTES,
  ENTRY_HEAD_BYTES,
  FLAG_ENCRYPTED,
  getU48,
  KIND,
  MASKED_BYTES,
  OPERATION_FIXED_BYTES,
  OPERATION_PARAMETERS,
  OPERATION_REDACTED,
  OUTCOME_FIXED_BYTES,
  OUTCOME_MASKED,
  OUTCOME_STATUSES,
} from './format.js';

/**
 * Why the content of an encrypted entry cannot be had: no key was given, it was destroyed, there is none, it is not this session's, or what is
 * there is not what was written.
 */
export type HiddenReason = 'locked' | 'destroyed' | 'no-key' | 'wrong-key' | 'damaged';

export interface Entry {
  readonly kind: number;
  /** As it stands in the journal; `EntryOpener` makes one out of it that can be read. */
  readonly encrypted: boolean;
  /** Null: `payload` is the whole of it. */
  readonly hidden: HiddenReason | null;
  readonly session: number;
  readonly counter: number;
  readonly payload: Buffer;
  /** The entry after its length field: what a Merkle leaf is made of. */
  readonly raw: Buffer;
}

const KINDS = new Set<number>(Object.values(KIND));

/** Goes through the entries of a frame without an object for each. */
export class EntryCursor {
  readonly body: Buffer;
  /** Where the entry lies in the body that `next` found: after its length field, and to its end. */
  start = 0;
  end = 0;
  readonly #count: number;
  #read = 0;

  constructor(body: Buffer, count: number) {
    this.body = body;
    this.#count = count;
  }

  /** Null: there is an entry. Undefined: there are no more. A string says why the rest cannot be read. */
  next(): null | undefined | string {
    const { body, end: at } = this;
    if (this.#read === this.#count) return at === body.length ? undefined : 'a frame holds more than its entries';
    if (at + ENTRY_HEAD_BYTES > body.length) return 'a frame holds fewer entries than it says';
    const length = body.readUInt32BE(at);
    if (length < ENTRY_HEAD_BYTES - 4 || length > ENTRY_BYTES || at + 4 + length > body.length) return `an entry claims ${length} bytes`;
    this.start = at + 4;
    this.end = at + 4 + length;
    this.#read++;
    if (!KINDS.has(this.kind)) return `an entry has the unknown kind ${this.kind}`;
    const flags = body.readUInt8(at + 5);
    return flags > FLAG_ENCRYPTED ? `an entry has flags ${flags} that this version does not know` : null;
  }

  get kind(): number {
    return this.body.readUInt8(this.start);
  }

  get session(): number {
    return this.body.readUInt32BE(this.start + 2);
  }

  get counter(): number {
    return getU48(this.body, this.start + 6);
  }

  entry(): Entry {
    const { body, start, end } = this;
    return {
      kind: this.kind,
      encrypted: body.readUInt8(start + 1) === FLAG_ENCRYPTED,
      hidden: null,
      session: this.session,
      counter: this.counter,
      payload: body.subarray(start + ENTRY_HEAD_BYTES - 4, end),
      raw: body.subarray(start, end),
    };
  }
}

/** The entries of a frame; a string as the last value says why the rest cannot be read. */
export function* decodeEntries(body: Buffer, count: number): Generator<Entry | string, void, void> {
  const cursor = new EntryCursor(body, count);
  for (let found = cursor.next(); found !== undefined; found = cursor.next()) {
    yield found ?? cursor.entry();
    if (found !== null) return;
  }
}

export interface OperationPayload {
  readonly sequence: number;
  readonly facts: number;
  readonly decision: number;
  readonly form: number;
  readonly redacted: boolean;
  readonly hasParameters: boolean;
  readonly exactBytes: number;
  readonly parameterBytes: number;
  readonly exact: Buffer;
  readonly parameters: Buffer;
}

/** Of the exact text of an `operation` entry: in the clear. */
export function operationBytes(payload: Buffer): number {
  return getU48(payload, 19);
}

export function decodeOperation(payload: Buffer): OperationPayload | null {
  if (payload.length < OPERATION_FIXED_BYTES) return null;
  const marks = payload.readUInt8(18);
  const here = payload.readUInt32BE(31);
  const exactBytes = operationBytes(payload);
  const parameterBytes = getU48(payload, 25);
  const rest = payload.length - OPERATION_FIXED_BYTES - here;
  if (rest < 0 || here > exactBytes || rest > parameterBytes) return null;
  return {
    sequence: getU48(payload, 0),
    facts: payload.readUInt32BE(6),
    decision: payload.readUInt32BE(10),
    form: payload.readUInt32BE(14),
    redacted: (marks & OPERATION_REDACTED) !== 0,
    hasParameters: (marks & OPERATION_PARAMETERS) !== 0,
    exactBytes,
    parameterBytes,
    exact: payload.subarray(OPERATION_FIXED_BYTES, OPERATION_FIXED_BYTES + here),
    parameters: payload.subarray(OPERATION_FIXED_BYTES + here),
  };
}

/** `sequence` and bytes of a `delivered` or `received` entry. */
export function decodePiece(payload: Buffer): { readonly sequence: number; readonly bytes: Buffer } | null {
  return payload.length < 6 ? null : { sequence: getU48(payload, 0), bytes: payload.subarray(6) };
}

/** A `part` entry: more of the exact bytes (0) or of the parameters (1). */
export function decodePart(payload: Buffer): { readonly sequence: number; readonly part: number; readonly bytes: Buffer } | null {
  return payload.length < 7 ? null : { sequence: getU48(payload, 0), part: payload.readUInt8(6), bytes: payload.subarray(7) };
}

export function decodeCut(payload: Buffer): { readonly sequence: number; readonly direction: number; readonly recorded: number } | null {
  return payload.length !== 13 ? null : { sequence: getU48(payload, 0), direction: payload.readUInt8(6), recorded: getU48(payload, 7) };
}

export interface DigestPayload {
  readonly sequence: number;
  readonly direction: number;
  readonly total: number;
  /** Null when it was lost. */
  readonly digest: Buffer | null;
  /** SHA-256 of the stream as it is; otherwise over the digests of its chunks. */
  readonly plain: boolean;
}

export function decodeDigest(payload: Buffer): DigestPayload | null {
  if (payload.length !== 46) return null;
  const how = payload.readUInt8(7);
  const digest = how === DIGEST.chunks || how === DIGEST.plain ? payload.subarray(14) : null;
  return { sequence: getU48(payload, 0), direction: payload.readUInt8(6), total: getU48(payload, 8), digest, plain: how === DIGEST.plain };
}

/** Where the message of an `outcome` begins: behind the counts of what was masked. Null: the payload is too short. */
export function outcomeClearBytes(payload: Buffer): number | null {
  if (payload.length < OUTCOME_FIXED_BYTES) return null;
  if ((payload.readUInt8(25) & OUTCOME_MASKED) === 0) return OUTCOME_FIXED_BYTES;
  if (payload.length === OUTCOME_FIXED_BYTES) return null;
  const end = OUTCOME_FIXED_BYTES + 1 + MASKED_BYTES * payload.readUInt8(OUTCOME_FIXED_BYTES);
  return end > payload.length ? null : end;
}

export interface OutcomePayload {
  readonly sequence: number;
  readonly outcome: Outcome;
  readonly masked: readonly { readonly definition: number; readonly values: number }[];
}

export function decodeOutcome(payload: Buffer): OutcomePayload | null {
  const clear = outcomeClearBytes(payload);
  const status = clear === null ? undefined : OUTCOME_STATUSES[payload.readUInt8(6) - 1];
  if (clear === null || status === undefined) return null;
  const message = (payload.readUInt8(25) & ~OUTCOME_MASKED) === 0 ? null : payload.toString('utf8', clear);
  const masked = [];
  for (let at = OUTCOME_FIXED_BYTES + 1; at < clear; at += MASKED_BYTES) masked.push({ definition: payload.readUInt32BE(at), values: getU48(payload, at + 4) });
  const outcome = { status, rows: getU48(payload, 7), bytes: getU48(payload, 13), durationUs: getU48(payload, 19), message };
  return { sequence: getU48(payload, 0), outcome, masked };
}

export function decodeDefinition(payload: Buffer): { readonly number: number; readonly type: number; readonly json: Buffer } | null {
  return payload.length < 5 ? null : { number: payload.readUInt32BE(0), type: payload.readUInt8(4), json: payload.subarray(5) };
}

export function decodeEvent(payload: Buffer): { readonly kind: string; readonly data: Readonly<Record<string, unknown>> } | null {
  const length = payload.length < 2 ? payload.length : payload.readUInt16BE(0);
  const data = length + 2 > payload.length ? null : decodeObject(payload.subarray(2 + length));
  return data === null ? null : { kind: payload.toString('utf8', 2, 2 + length), data };
}

/** The declared number of entries and the JSON of a `session.end` entry. */
export function decodeEnd(payload: Buffer): { readonly entries: number; readonly json: Buffer } | null {
  return payload.length < 6 ? null : { entries: getU48(payload, 0), json: payload.subarray(6) };
}

/** A JSON object, or null. */
export function decodeObject(json: Buffer): Record<string, unknown> | null {
  const value = decodeJson(json);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

export function decodeJson(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return null;
  }
}
