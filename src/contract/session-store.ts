/** Ports to the state that gateways share. Implemented in `store/` over PostgreSQL; the SQL is the same embedded and served. */

import type { CarriedIdentity } from './carried-identity.js';
import type { SubjectKind } from './identity.js';
import type { SessionEnd, SessionStart } from './recording.js';

export interface SessionSummary {
  readonly id: string;
  readonly state: 'live' | 'ended';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly endReason: string | null;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly kind: SubjectKind;
  readonly onBehalfOf: string | null;
  readonly target: string;
  readonly protocol: string;
  readonly via: string;
  readonly clientAddress: string;
  readonly client: string | null;
  readonly reason: string | null;
  readonly operations: number;
  readonly refused: number;
  readonly rows: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Which gateway process holds the journal. */
  readonly journal: string;
  /** Whether what it recorded can still be read. */
  readonly content: 'kept' | 'erased' | 'expired';
  /** Recording that the client said it makes of it; left out where it makes none. */
  readonly clientRecording?: string;
}

export interface SessionFilter {
  readonly state?: 'live' | 'ended';
  readonly issuer?: string;
  readonly subject?: string;
  /** Matches the short name. */
  readonly name?: string;
  readonly target?: string;
  readonly kind?: SubjectKind;
  /** Subject of the principal that an agent or a CI job acts for. */
  readonly onBehalfOf?: string;
  /** Begun at or after, and before; RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  /** Tags (`tagOf`) of one operation that the session has. */
  readonly has?: readonly string[];
  /** A request for approval by its id, a state that one of the session's requests is in, or `any`: it has one. */
  readonly approval?: string;
  readonly limit: number;
  /** Id of the last session of the page before; newest first. */
  readonly before?: string;
}

export interface SessionStore {
  /** @throws GwError `session.limit` when too much waits for a database that is away: no new session is opened then. */
  started(start: SessionStart, journal: string): void;
  /** Counters of live sessions, at most every few seconds. */
  progress(id: string, counters: Pick<SessionSummary, 'operations' | 'refused' | 'rows' | 'bytesUp' | 'bytesDown'>): void;
  ended(id: string, end: SessionEnd): void;
  find(id: string): Promise<SessionSummary | null>;
  list(filter: SessionFilter): Promise<SessionSummary[]>;
  /** Everything queued by `started`, `progress` and `ended` is stored when this resolves. */
  flush(): Promise<void>;
}

export interface SubjectRecord {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly kind: SubjectKind;
  readonly email: string | null;
  readonly groups: readonly string[];
  readonly lastSeenAt: string;
  readonly locked: boolean;
  readonly lockedBy: string | null;
  readonly lockedReason: string | null;
}

export interface SubjectStore {
  seen(identity: {
    readonly issuer: string;
    readonly subject: string;
    readonly name: string;
    readonly kind: SubjectKind;
    readonly email: string | null;
    readonly groups: readonly string[];
  }): Promise<void>;
  isLocked(issuer: string, subject: string): Promise<boolean>;
  /** False when the subject is not known here; otherwise it has the state asked for. */
  setLocked(issuer: string, subject: string, locked: boolean, by: string, reason: string): Promise<boolean>;
  /** The address under which the subject was last seen; null: it has none, or is not known here. */
  emailOf(issuer: string, subject: string): Promise<string | null>;
  list(): Promise<SubjectRecord[]>;
}

/** Events between the processes of one deployment. Delivery is at most once, so receivers also look at the store now and then. */
export type BusEvent =
  | { readonly kind: 'session.kill'; readonly session: string; readonly by: string; readonly reason: string }
  /** The owner presented a fresh token (verified by the publisher): from now on the session has the rights of this identity. */
  | { readonly kind: 'session.renew'; readonly session: string; readonly identity: CarriedIdentity }
  | { readonly kind: 'subject.locked'; readonly issuer: string; readonly subject: string; readonly by: string; readonly reason: string }
  /** SHA-256 (hex) of a cancel key: the key itself never travels. */
  | { readonly kind: 'session.cancel'; readonly keyDigest: string }
  /** Whoever has the session of that key did what was asked. */
  | { readonly kind: 'session.cancelled'; readonly keyDigest: string }
  /** Whoever writes a journal seals what it has, so that evidence of it can go out. */
  | { readonly kind: 'journal.seal'; readonly request: string }
  /** A request for approval is in another state, or has another vote; what it is now stands in the store. */
  | { readonly kind: 'approval.changed'; readonly request: string; readonly state: string };

export interface Bus {
  publish(event: BusEvent): Promise<void>;
  subscribe(listener: (event: BusEvent) => void): void;
}
