/**
 * Approvals as everyone sees them: the request for one (a record that is stored, shown and decided on), and the ports between the path,
 * the approval domain and the store. What an approval is bound to, and why: docs/adr/0005-binding-of-approvals.md. Times are
 * milliseconds since the epoch; a record is immutable and each change of it is a new one with the next `version`.
 */
import type { ApprovalDemand } from './decision.js';
import type { GwError } from './gw-error.js';
import type { Identity, SubjectKind } from './identity.js';
import type { ClearColumn } from './masking-policy.js';
import type { Assurance, Facts } from './operation.js';

/**
 * `operation`: one statement, once. `connect`: one session. `access`: a time-boxed grant, approved ahead of time. `break_glass`: a
 * time-boxed grant that nobody approved, and that another person has to review.
 */
export type ApprovalKind = 'operation' | 'connect' | 'access' | 'break_glass';

export const APPROVAL_STATES = ['pending', 'approved', 'denied', 'expired', 'cancelled', 'used', 'revoked'] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** Somebody in a request: enough to tell whether two of them are one person. */
export interface Party {
  readonly issuer: string;
  readonly subject: string;
  readonly kind: SubjectKind;
  readonly name: string;
  readonly email: string | null;
}

export interface Vote {
  readonly by: Party;
  /** Groups of the voter when the vote was given. */
  readonly groups: readonly string[];
  readonly at: number;
  readonly reason: string | null;
}

/** One bound parameter for people and for the binding. `text`: the value as text; `hex`: bytes that the gateway does not decode. */
export interface BoundParameter {
  /** The type as the protocol names it, or null when the client did not say. */
  readonly type: string | null;
  readonly form: 'text' | 'hex' | 'null';
  readonly value: string;
}

/** What an operation that has run and is not committed did: the target's own count, and that in words. */
export interface ChangedRows {
  readonly rows: number;
  readonly words: string;
}

/** What the operation would touch, as far as the target could say without carrying it out. */
export interface Estimate {
  /** The target's own guess. */
  readonly rows: number | null;
  /** Counted in the target just now; null where that cannot be done without carrying something out. */
  readonly exactRows: number | null;
  readonly cost: number | null;
  /** The plan in one line, or why there is none. */
  readonly note: string | null;
}

/** `column` as `schema.relation.column`; `rules`: the masks that open it. */
export interface ShownColumn {
  readonly column: string;
  readonly class: string;
  /** It carries no tag: what detectors find of the class in its text. Left out: all of it. */
  readonly detected?: true;
  readonly rules: readonly string[];
}

/** What of a column would be shown, in words. */
export function shownOf({ class: name, detected }: { readonly class: string; readonly detected?: true }): string {
  return detected === true ? `what detectors find of class ${name}` : `class ${name}`;
}

/** What a reviewer sees of an operation. */
export interface ShownOperation {
  /** The exact bytes, base64; null where the text holds a secret: then `redacted` stands for it. */
  readonly exact: string | null;
  readonly redacted: string | null;
  readonly form: string;
  readonly parameters: readonly BoundParameter[] | null;
  readonly summary: string;
  readonly actions: readonly string[];
  /** `type name` of everything that it touches. */
  readonly resources: readonly string[];
  readonly unknown: readonly string[];
  /** Hidden columns that its result shows in clear once it is approved. Left out: none. */
  readonly clears?: readonly ShownColumn[];
  /** How a viewer shows the text: the recording kind of the protocol's descriptor. */
  readonly language: string;
  /** What a decision on it is worth. Left out in requests of before. */
  readonly assurance?: Assurance;
}

export interface Review {
  readonly by: Party;
  readonly at: number;
  readonly accepted: boolean;
  readonly reason: string | null;
}

export interface ApprovalRecord {
  readonly id: string;
  readonly version: number;
  readonly kind: ApprovalKind;
  readonly state: ApprovalState;
  readonly requester: Party;
  /** Whom the requester acts for. Counts as the requester in everything. */
  readonly onBehalfOf: { readonly issuer: string; readonly subject: string; readonly email: string | null } | null;
  readonly target: string;
  readonly protocol: string;
  /** Account at the target for which it is asked; left out: the one of the configuration, or, of access, all. */
  readonly account?: string;
  /** What part of the target (database) the session is connected to; null when there is none, or for all of it. */
  readonly scope: string | null;
  /** `sha256:…` over what exactly is asked for: `approval/binding.ts`. */
  readonly digest: string;
  readonly policy: string;
  readonly rule: string | null;
  readonly reasons: readonly string[];
  readonly demand: ApprovalDemand;
  readonly operation: ShownOperation | null;
  readonly estimate: Estimate | null;
  readonly reason: string | null;
  readonly ticket: string | null;
  /** The session that asked last, and the one that waits for the answer now. */
  readonly session: string | null;
  readonly waiter: string | null;
  readonly createdAt: number;
  /** Absolute: not approved and used by then, it never is. Of a grant: not approved by then. */
  readonly expiresAt: number;
  /** Of a grant: how long it lives once approved, and, then, until when. */
  readonly grantMs: number | null;
  readonly activeUntil: number | null;
  readonly votes: readonly Vote[];
  /** Who ended it (denied, cancelled, revoked) and why; null for what ended by itself. */
  readonly ended: { readonly by: Party | null; readonly at: number; readonly why: string } | null;
  readonly used: { readonly session: string; readonly sequence: number; readonly at: number } | null;
  readonly review: Review | null;
}

export interface ApprovalFilter {
  readonly ids?: readonly string[];
  readonly states?: readonly ApprovalState[];
  readonly kinds?: readonly ApprovalKind[];
  readonly requester?: { readonly issuer: string; readonly subject: string };
  readonly target?: string;
  readonly sessions?: readonly string[];
  /** At least one of these groups is asked. */
  readonly groups?: readonly string[];
  /** Break-glass grants that nobody has reviewed yet. */
  readonly unreviewed?: boolean;
  /** Grants that live after this time. */
  readonly activeAfter?: number;
  readonly digest?: string;
  /** Id of the last one of the page before; newest first. */
  readonly before?: string;
  readonly limit: number;
}

/** Port to the state that gateways share. */
export interface ApprovalStore {
  insert(record: ApprovalRecord): Promise<void>;
  find(id: string): Promise<ApprovalRecord | null>;
  /**
   * Puts `after` in the place of `before` when the row is still exactly that one (same version, same state). False: somebody was
   * faster. One row, one statement.
   */
  replace(before: ApprovalRecord, after: ApprovalRecord): Promise<boolean>;
  list(filter: ApprovalFilter): Promise<ApprovalRecord[]>;
  /** Requests whose time is over though their state does not say so yet. */
  overdue(now: number, limit: number): Promise<ApprovalRecord[]>;
  /** Whether this session, which waits for the request, still lives. */
  waiterLives(session: string): Promise<boolean>;
}

/** What is asked for: by a session at one of the two places where it can be held, or ahead of time. */
export interface ApprovalQuestion {
  readonly kind: ApprovalKind;
  readonly identity: Identity;
  readonly target: { readonly name: string; readonly protocol: string };
  /** Account at the target, where it is not the one of the configuration. */
  readonly account: string | null;
  readonly scope: string | null;
  /** Null: asked ahead of time, outside any session. */
  readonly session: string | null;
  readonly reason: string | null;
  readonly ticket: string | null;
  /** Longest time that the client waits; null: until the request expires. 0: not at all. */
  readonly waitMs: number | null;
  /** The client asked to go past approval where policy permits it, and to answer for it afterwards. */
  readonly breakGlass: boolean;
  /** Number of the operation in its session; 0: connecting. */
  readonly sequence: number;
  readonly demand: ApprovalDemand;
  readonly policy: string;
  readonly rule: string | null;
  readonly reasons: readonly string[];
  /** Null when connecting. The bytes are copies that nobody writes to. */
  readonly operation: {
    readonly facts: Facts;
    readonly exact: Uint8Array;
    readonly form: string;
    readonly parameters: readonly BoundParameter[] | null;
    readonly language: string;
    /** What decisions are worth where its effects do not say it: that of the protocol. */
    readonly assurance: Assurance;
    /** The text alone does not say what it does: an approval is good for this one time. */
    readonly contextual: boolean;
    /** Hidden columns that it would show in clear. Left out: none. */
    readonly clears?: readonly ClearColumn[];
    /** It has run and is not committed: people are asked whether it may be. Left out: it has not run. */
    readonly changed?: ChangedRows;
    /** Asked for when, and only when, a human is going to look. */
    readonly estimate: () => Promise<Estimate | null>;
  } | null;
}

/** The answer to a question. `used` and `grant` are the only ones that let anything go on. */
export type ApprovalAnswer =
  /** A single-use approval, spent for this. */
  | { readonly kind: 'used'; readonly record: ApprovalRecord }
  /** A time-boxed grant covers it. */
  | { readonly kind: 'grant'; readonly record: ApprovalRecord }
  /** Nobody decided in the time that the client waits; the request stays. */
  | { readonly kind: 'waiting'; readonly record: ApprovalRecord; readonly error: GwError }
  | { readonly kind: 'refused'; readonly record: ApprovalRecord; readonly error: GwError };

export interface ApprovalDoor {
  /**
   * Asks, and waits where that is needed. `signal` aborts the wait with an `AbandonReason` as its reason.
   * @throws GwError when the request could not be stored or recorded: then nothing may go on
   */
  ask(question: ApprovalQuestion, events: ApprovalEvents, signal: AbortSignal): Promise<ApprovalAnswer>;
  /** The records as the store has them now: does what a live session rests on still hold? */
  current(ids: readonly string[]): Promise<readonly ApprovalRecord[]>;
}

export interface ApprovalEvents {
  /** A request is stored and people are asked. Called once, before the wait. */
  held(record: ApprovalRecord): void;
  /** Something changed, and the wait goes on (a first vote of two). */
  progress(record: ApprovalRecord): void;
}

/**
 * Why a wait ends from the session's side. `gave_up` (cancel request), `gone` (the client left) and `stale` (what was asked is no longer
 * what would be carried out) cancel the request; `detached` (the gateway stops) leaves it to those who decide.
 */
export interface AbandonReason {
  readonly kind: 'gave_up' | 'gone' | 'stale' | 'detached';
  readonly why: string;
}
