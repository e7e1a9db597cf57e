/** What reading a session gives: the session's story in the order in which it became complete. Types only. */
import type { RecordedDecision } from '../contract/decision.js';
import type { Facts } from '../contract/operation.js';
import type { Outcome, SessionEnd, SessionStart } from '../contract/recording.js';
import type { JournalProblem } from './walk-journal.js';

/** A byte stream of an operation as far as it was recorded. */
export interface RecordedStream {
  readonly bytes: Buffer;
  /** The recorder's cap was reached: `bytes` is only the beginning. */
  readonly cut: boolean;
  /** Bytes of the whole stream; null when it was cut and its end is not known. */
  readonly total: number | null;
  /** Digest of the whole stream, hex, as the format defines it; null unless it was cut and could be computed. */
  readonly digest: string | null;
  /** `digest` is SHA-256 of the stream as it is, which any tool computes. */
  readonly plain?: true;
}

export interface RecordedOperation {
  readonly sequence: number;
  /** When the intent was written, milliseconds since the epoch. */
  readonly time: number;
  readonly form: string | null;
  readonly facts: Facts | null;
  readonly decision: RecordedDecision | null;
  /** The exact bytes, or, when `redacted`, the text that stands for them. */
  readonly exact: Buffer;
  readonly exactBytes: number;
  readonly parameters: Buffer | null;
  readonly redacted: boolean;
  readonly delivered: RecordedStream;
  readonly received: RecordedStream;
  /** Null: refused before it was sent, still running, or never told. */
  readonly outcome: Outcome | null;
  readonly endedAt: number | null;
  /** The reader left bytes out, because the operation is larger than it may hold in memory. */
  readonly shortened: boolean;
  /** Its result was given as it came, as `output`: it is what a terminal was sent. */
  readonly terminal?: true;
}

export type SessionItem =
  | { readonly kind: 'start'; readonly time: number; readonly start: SessionStart }
  | { readonly kind: 'operation'; readonly operation: RecordedOperation }
  /** An operation that is still to come has a terminal, of so many characters; what it is sent follows. */
  | { readonly kind: 'terminal'; readonly time: number; readonly sequence: number; readonly exact: Buffer; readonly columns: number; readonly rows: number }
  | { readonly kind: 'output'; readonly time: number; readonly sequence: number; readonly bytes: Buffer }
  | { readonly kind: 'resize'; readonly time: number; readonly sequence: number; readonly columns: number; readonly rows: number }
  /** Bytes that the target sent on its own, outside any operation. */
  | { readonly kind: 'unsolicited'; readonly time: number; readonly bytes: Buffer }
  | { readonly kind: 'event'; readonly time: number; readonly event: string; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: 'end'; readonly time: number; readonly end: SessionEnd }
  /** Always the last item. `live`: the session was still open when its journal was read. */
  | { readonly kind: 'integrity'; readonly intact: boolean; readonly live: boolean; readonly problems: readonly JournalProblem[] };
