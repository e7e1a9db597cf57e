/**
 * Port of the recording domain as the path sees it. Calls append to an in-memory batch and never block; `Journal.commit` puts the batch
 * into the kernel with one write, and nothing that the batch describes may leave the gateway before it returned (design section 7).
 */
import type { Authentication } from './authentication.js';
import type { Decision, RecordedDecision } from './decision.js';
import type { MaskedAs } from './masking-policy.js';
import type { Assurance, Facts } from './operation.js';

/** How an operation ended. `unknown` is written by recovery only: it was sent, and nobody can say what became of it. */
export type OutcomeStatus = 'ok' | 'error' | 'refused' | 'cancelled' | 'lost' | 'unknown';

export interface Outcome {
  readonly status: OutcomeStatus;
  readonly rows: number;
  /** Bytes of results as delivered to the client. */
  readonly bytes: number;
  /** From check to the end of the result, microseconds. */
  readonly durationUs: number;
  /** What the target reported: command tags, or its error code and message as delivered. Null when there is nothing to say. */
  readonly message: string | null;
}

/** Written as the session's first entry, before the target is dialled. */
export interface SessionStart {
  readonly session: string;
  readonly startedAt: number;
  readonly gateway: string;
  readonly identity: {
    readonly issuer: string;
    readonly subject: string;
    readonly kind: string;
    readonly name: string;
    readonly email: string | null;
    readonly groups: readonly string[];
    readonly onBehalfOf: { readonly issuer: string | null; readonly subject: string; readonly verified: boolean } | null;
  } & Authentication;
  readonly target: string;
  readonly protocol: string;
  /** `native` | `tunnel`. */
  readonly via: string;
  readonly clientAddress: string;
  readonly reason: string | null;
  /** What the client said of itself (application name, gw version); untrusted, for people only. */
  readonly client: string | null;
  /** The target refuses writes on this session's connection. Left out where it does not. */
  readonly readOnly?: true;
  /** Id of the recording that the client makes on its side. Left out where it makes none. */
  readonly recording?: string;
  /** As which account of the target, where policy says it. Left out: as that of the configuration. */
  readonly account?: string;
  /** What decisions of the session are worth where an operation does not say it (`assuranceOf`). Left out in records of before. */
  readonly assurance?: Assurance;
  readonly decision: RecordedDecision;
}

export interface SessionEnd {
  readonly endedAt: number;
  /** `client` | `target` | `killed` | `revoked` | `expired` | `protocol` | `recording` | `drain` | `idle` | `internal` | `interrupted` */
  readonly reason: string;
  readonly message: string | null;
  readonly operations: number;
  readonly refused: number;
  readonly rows: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** SHA-256 of what an operation's streams held so far. Not to be asked once its outcome is recorded. */
export interface StreamDigests {
  delivered(): Buffer;
  received(): Buffer;
}

export interface SessionRecorder {
  /**
   * The intent, before the operation goes up (or, refused, instead of it). `exact` and `parameters` are copied before return.
   * Facts and decisions are written once for each session and referred to by number. `whole`: its result is kept beyond the cap of a result.
   */
  operation(sequence: number, form: string, facts: Facts, decision: Decision, exact: Uint8Array, parameters: Uint8Array | null, whole?: boolean): void;
  /** Bytes of a result as delivered (masked). Recorded up to the cap of a result; after it count and digest go on. */
  delivered(sequence: number, chunk: Uint8Array): void;
  /** Bytes of an operation's input stream (COPY in), same cap. */
  received(sequence: number, chunk: Uint8Array): void;
  /** `masked`: how many values were shown how. Each way is written once for each session, found by object identity. */
  outcome(sequence: number, outcome: Outcome, masked?: ReadonlyMap<MaskedAs, number> | null): void;
  /** Asked before the first byte of an operation's streams: they are hashed as they are, for whoever asks and for the record at once. */
  digests(sequence: number): StreamDigests;
  /** Anything else worth keeping: notices of the gateway, kill, renewal. `kind` is a stable word, `data` is JSON. */
  event(kind: string, data: Readonly<Record<string, unknown>>): void;
  /** Writes the last entry, once; the journal has forgotten the session when this returns. */
  end(end: SessionEnd): void;
}

export interface Journal {
  begin(start: SessionStart): SessionRecorder;
  /** An event of the gateway itself, outside any session (audit port; the Merkle log takes these over). */
  event(kind: string, data: Readonly<Record<string, unknown>>): void;
  /**
   * One write of everything appended since the last commit.
   * @throws GwError `recording.failed` — and from then on every call does, until the journal can be written again.
   */
  commit(): void;
  /** Resolves when everything committed so far is on disk (fdatasync; one for all who wait). Rejects as `commit` throws. */
  synced(): Promise<void>;
  /** False from the first failed write or sync on: readiness goes red. */
  readonly healthy: boolean;
  close(): Promise<void>;
}
