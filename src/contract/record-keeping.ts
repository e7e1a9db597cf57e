/** Ports to what is kept of records, and for how long: legal holds, and the content of sessions in the state that gateways share. */
import type { SessionSummary } from './session-store.js';

/** What a hold covers: one session, all sessions on a target, or all of a subject. */
export const HOLD_SCOPES = ['session', 'target', 'subject'] as const;
export type HoldScope = (typeof HOLD_SCOPES)[number];

/** A session, target or subject that must be kept, whatever retention and erasure say. */
export interface Hold {
  readonly id: string;
  readonly scope: HoldScope;
  /** Id of the session, name of the target, or the subject. */
  readonly value: string;
  /** Of a subject; null for the others. */
  readonly issuer: string | null;
  readonly reason: string;
  readonly addedBy: string;
  readonly addedAt: string;
  /** Null: it is in force. */
  readonly releasedBy: string | null;
  readonly releasedAt: string | null;
  readonly releaseReason: string | null;
}

export type AdoptedHold = Pick<Hold, 'id' | 'scope' | 'value' | 'issuer' | 'reason' | 'addedBy' | 'addedAt'>;

/** What a hold may be about. */
export type HeldRecord = Pick<SessionSummary, 'issuer' | 'subject' | 'target'> & {
  readonly session: string;
  /** A recording of the client that would end with it: a hold on another session under that covers it, too. */
  readonly clientRecording?: string;
};

export interface HoldStore {
  /** `record` writes it to the log first, while nothing is being ended. @throws GwError `store.unavailable`, and what `record` throws: then it is not placed */
  add(hold: Pick<Hold, 'id' | 'scope' | 'value' | 'issuer' | 'reason' | 'addedBy'>, record: () => Promise<void>): Promise<Hold>;
  /** Takes holds in force that the database lacks, as when it failed while one was placed, or is an older copy. Those that it has stay as they are. */
  adopt(holds: readonly AdoptedHold[]): Promise<void>;
  /** Null: there is none of this id. One that was released already stays as it is. */
  release(id: string, by: string, reason: string): Promise<Hold | null>;
  find(id: string): Promise<Hold | null>;
  /** The newest first. */
  list(all: boolean): Promise<Hold[]>;
  /** Holds in force that cover the record. */
  covering(record: HeldRecord): Promise<Hold[]>;
  /** Runs `act` while no hold can be added. @throws GwError `record.held` when one covers the record: `act` is not run then */
  unlessHeld<T>(record: HeldRecord, act: () => Promise<T>): Promise<T>;
}

/** `erased`: by somebody, for a reason. `expired`: its time was over. */
export type ContentEnd = 'erased' | 'expired';

export interface ContentStore {
  /**
   * Takes everything that a session's people wrote out of the index and the state: statements, reasons, what its client said of itself. What it was
   * stays: who, where, when, how much. Operations that are indexed later are left out too. Again changes nothing. What its client recorded goes as a
   * whole when it is erased; when it expires, with the last session that was opened under it.
   * @throws GwError `store.unavailable`
   */
  remove(session: string, end: ContentEnd): Promise<void>;
  /**
   * Has the database forget what was removed, in its files too: rewrites the tables, drops old statistics and its own log as far as it may.
   * @returns false when the server keeps its log, because its administrator did not let this account end it
   */
  scrub(): Promise<boolean>;
}
