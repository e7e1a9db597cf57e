/** The HTTP API's bodies, shared by `api/` (which serves them) and `client/` (which reads them). All times RFC 3339 UTC. */

import type { ApprovalKind, ApprovalState, Estimate, Party, ShownOperation } from './approval.js';
import type { AuditEntry } from './audit-entry.js';
import type { Authentication } from './authentication.js';
import type { ClientRecording } from './client-recording.js';
import type { DecisionEffect } from './decision.js';
import type { MaskCount, TokenCount } from './masking-policy.js';
import type { FoundOperation } from './operation-index.js';
import type { ClientDescriptor } from './protocol.js';
import type { Hold } from './record-keeping.js';
import type { SessionSummary, SubjectRecord } from './session-store.js';

/** GET /api/v1/login — no authentication: all that a client must know to log in. */
export interface LoginInfo {
  readonly gateway: string;
  readonly version: string;
  /** The issuer that people use, and the public client registered there for the CLI. */
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly audience: string;
}

/** GET /api/v1/whoami */
export interface WhoAmI extends Authentication {
  readonly issuer: string;
  readonly subject: string;
  readonly kind: string;
  readonly name: string;
  readonly email: string | null;
  readonly groups: readonly string[];
  readonly onBehalfOf: string | null;
  readonly expiresAt: string;
  readonly roles: readonly string[];
}

/** One entry of GET /api/v1/targets */
export interface TargetInfo {
  readonly name: string;
  readonly protocol: string;
  readonly title: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly reachable: boolean;
  /** Groups that are asked before a session opens; null: nobody is. */
  readonly approval: readonly string[] | null;
  /** Why not (or by which rule): rule and reason of the connect decision. */
  readonly rule: string | null;
  readonly reasons: readonly string[];
  /** What the author of that rule advises. Left out: nothing. */
  readonly hint?: string;
  readonly client: ClientDescriptor;
  /** The key by which the gateway proves to the client who it is, as the protocol writes it; null: TLS does that. */
  readonly serverKey: string | null;
  /** Database or other default name inside the target, for the client's template. */
  readonly database: string | null;
  /** Address of the native port, `host:port`, when there is one. */
  readonly native: string | null;
  /** `client`: sessions are opened only for a client that records its side. Left out where it need not. */
  readonly record?: 'client';
  /** Accounts besides the target's own as which a session can be opened or asked for. Left out: none. */
  readonly accounts?: readonly string[];
  /** The target's own account is refused: it takes one of `accounts`. Left out where it is not, and where the target is not reachable. */
  readonly ownAccount?: false;
}

/** POST /api/v1/sessions/:id/erase */
export interface EraseReply {
  readonly session: string;
  readonly state: 'erased' | 'erased-before';
  /** `server-log`: a state database that is not the gateway's own keeps its log of it a while longer. */
  readonly traces: 'none' | 'server-log';
}

/** GET /api/v1/holds */
export interface HoldList {
  readonly holds: readonly Hold[];
}

/** One operation of a session, as GET /api/v1/sessions/:id gives it. */
export interface OperationRecord {
  readonly sequence: number;
  readonly at: string;
  readonly form: string;
  /** Exact text as recorded (UTF-8; what is not valid is replaced), cut at 64 KiB here. */
  readonly text: string;
  readonly summary: string;
  readonly actions: readonly string[];
  readonly verdict: DecisionEffect;
  readonly rule: string | null;
  readonly reasons: readonly string[];
  readonly policy: string;
  readonly status: string;
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly durationUs: number | null;
  readonly message: string | null;
  /** What masking did to its result: values changed, or (`clear`) shown though they carry a class. */
  readonly masked: readonly MaskCount[];
  /** Tokens in it that stood for their values where it ran. Left out: none did. */
  readonly resolved?: readonly TokenCount[];
}

export interface SessionDetail {
  readonly session: SessionSummary;
  /** The target refused writes on the session's connection. */
  readonly readOnly: boolean;
  /** As which account of the target, where policy said it; left out: as that of the configuration. */
  readonly account?: string;
  /** By whom or why it was ended, in words; left out: nothing was said, or it goes on. */
  readonly endMessage?: string;
  readonly operations: readonly OperationRecord[];
  readonly events: readonly { readonly at: string; readonly kind: string; readonly data: Readonly<Record<string, unknown>> }[];
  /** False when something of the record is missing or does not verify; `problems` says what. */
  readonly intact: boolean;
  readonly problems: readonly string[];
  /** What the client recorded on its side, or was to record and never uploaded; left out where it was not to record. */
  readonly clientRecording?: ClientRecording;
  /** Operations come in pages (`?after=SEQUENCE&limit=N`): give it as `after` for the next one; null when the record ends here. */
  readonly next: number | null;
}

/** GET /api/v1/operations?q&limit&before&mine — newest first. */
export interface OperationList {
  readonly operations: readonly FoundOperation[];
  /** Give it as `before` for the next page; null when this was the last. */
  readonly next: string | null;
  /** What whoever asked should know of the question. */
  readonly notes?: readonly string[];
}

/** GET /api/v1/audit/entries?kind&subject&target&session&text&since&until&limit&before — newest first. For auditors. */
export interface AuditEntryList {
  readonly entries: readonly AuditEntry[];
  /** Give it as `before` for the next page, also when this one holds less than was asked for; null when this was the last. */
  readonly next: string | null;
  /** Parts of the log that are not there: pruned, or lost. `gw audit verify` tells which. */
  readonly missing: readonly string[];
}

/** GET /api/v1/audit/logs — for auditors. Their files lie below it, as C2SP tlog-tiles has them: `NUMBER/checkpoint`, `NUMBER/tile/…`, and `rotation.N`. */
export interface AuditLogList {
  readonly logs: readonly { readonly number: number; readonly log: string; readonly size: number }[];
  /** Statements about keys that replaced others, numbered from 1. */
  readonly rotations: number;
}

/** GET /api/v1/audit/sinks — for admins and auditors. */
export interface SinkList {
  readonly sinks: readonly SinkStatus[];
}

export interface SinkStatus {
  readonly name: string;
  readonly kind: 'file' | 'syslog' | 'webhook';
  readonly format: 'json' | 'ocsf';
  /** `failing`: the last attempts were not taken. `behind`: an entry waits for longer than the alarm of the sink. */
  readonly state: 'ok' | 'failing' | 'behind';
  /** Signed entries that it does not have yet, those that it would leave out included. */
  readonly waiting: number;
  /** Time of the oldest of them; null: there is none. */
  readonly oldest: string | null;
  readonly failing: { readonly since: string; readonly attempts: number; readonly message: string } | null;
}

/** POST /api/v1/certificates {protocol, publicKey, targets?} — for a client without gw, as long as the login lasts. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly serial: string;
  readonly targets: readonly string[];
  readonly expiresAt: string;
}

/** GET /api/v1/certificates/authorities */
export interface AuthorityList {
  /** `targets`: the public key by which targets know the gateway. */
  readonly authorities: readonly { readonly protocol: string; readonly targets: string }[];
}

/** GET /api/v1/targets */
export interface TargetList {
  readonly targets: readonly TargetInfo[];
}

/** GET /api/v1/sessions?state&target&name&kind&onBehalfOf&since&until&relation&verdict&action&masked&approval&issuer&subject&limit&before — newest first. Without a role only one's own. */
export interface SessionList {
  readonly sessions: readonly SessionSummary[];
  /** Give it as `before` for the next page; null when this was the last. */
  readonly next: string | null;
  /** What whoever asked should know of the question. */
  readonly notes?: readonly string[];
}

export interface KillReply {
  readonly session: string;
  /** `ended`: it had ended before. */
  readonly state: 'ending' | 'ended';
}

/** POST /api/v1/sessions/:id/renew — no body; the bearer token is the fresh one, of the same issuer and subject. */
export interface RenewReply {
  readonly session: string;
  readonly expiresAt: string;
}

/** GET /api/v1/users */
export interface UserList {
  readonly users: readonly SubjectRecord[];
}

export interface LockReply {
  readonly issuer: string;
  readonly subject: string;
  readonly locked: boolean;
}

/** A request for approval as the API shows it to this caller. */
export interface ApprovalInfo {
  readonly id: string;
  readonly kind: ApprovalKind;
  readonly state: ApprovalState;
  readonly requester: Party;
  readonly onBehalfOf: string | null;
  readonly target: string;
  readonly protocol: string;
  /** Account at the target, where one is asked for. */
  readonly account?: string;
  readonly scope: string | null;
  /** What an approval names, so that it is good for what was shown and nothing else. */
  readonly digest: string;
  readonly policy: string;
  readonly rule: string | null;
  readonly reasons: readonly string[];
  readonly groups: readonly string[];
  readonly tier: string | null;
  readonly confirmTarget: boolean;
  /** Who is still missing: so many distinct people of one of these groups. */
  readonly missing: readonly { readonly rule: string; readonly groups: readonly string[]; readonly people: number }[];
  /** Null: nothing was stated (access to the target), or this caller may not see it (`hidden`). In lists the text is cut. */
  readonly operation: (Omit<ShownOperation, 'exact'> & { readonly text: string; readonly cut: boolean }) | null;
  readonly hidden: boolean;
  readonly estimate: Estimate | null;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly session: string | null;
  /** Somebody sits and waits for the answer. */
  readonly waiting: boolean;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** Of a grant: its length, and until when it lives. */
  readonly grantSeconds: number | null;
  readonly activeUntil: string | null;
  readonly votes: readonly { readonly by: string; readonly at: string; readonly reason: string | null }[];
  readonly ended: { readonly by: string | null; readonly at: string; readonly why: string } | null;
  readonly used: { readonly session: string; readonly sequence: number; readonly at: string } | null;
  readonly review: { readonly by: string; readonly at: string; readonly accepted: boolean; readonly reason: string | null } | null;
  readonly mine: boolean;
  /** This caller may decide on it now. */
  readonly decidable: boolean;
}

/** GET /api/v1/requests?for&state&target&session&before&limit, and GET /api/v1/grants — newest first. */
export interface ApprovalList {
  readonly requests: readonly ApprovalInfo[];
  readonly next: string | null;
  /** Give it back as `since` with `wait`: the answer comes when the list differs, or after that many seconds. */
  readonly state: string;
}

/** POST /api/v1/requests */
export interface NewApproval {
  readonly target: string;
  /** Account at the target; left out: none is named. */
  readonly account?: string | undefined;
  /** Seconds that the access shall last; without it the statement is approved for one time. */
  readonly for?: number | undefined;
  readonly statement?: string | undefined;
  readonly reason: string;
  readonly ticket?: string | undefined;
}

/** GET /readyz: 200 when all checks hold but `sinks`, which says only that entries of the audit log wait for a sink; else 503. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly message: string | null }>>;
}

export type { ClientRecording, SessionSummary, SubjectRecord };

/** POST /api/v1/recordings {targets}: `key` (base64) encrypts the recording; the client keeps it in memory only. */
export interface ClientRecordingBegun {
  readonly id: string;
  readonly key: string;
}

/** POST /api/v1/recordings/:id/pieces {offset, bytes: base64} */
export interface ClientRecordingReceived {
  readonly received: number;
}

/** GET /api/v1/recordings — newest first. */
export interface ClientRecordingList {
  readonly recordings: readonly ClientRecording[];
}

/** First message of a `gw-tunnel/1` connection, client to gateway: u32 length, then this as JSON (at most 64 KiB). */
export interface TunnelHello {
  readonly target: string;
  /** Account at the target; left out or null: none is named. */
  readonly account?: string | null;
  readonly token: string;
  /** The local port's per-session secret (43 base64url digits): the native client must present it. */
  readonly secret: string;
  readonly reason: string | null;
  readonly client: string;
  readonly ticket?: string | null;
  /** Longest wait for approval, milliseconds; 0: none, null: until the request expires. */
  readonly wait?: number | null;
  readonly breakGlass?: boolean;
  /** Id that `POST /api/v1/recordings` gave, where the client records its side. */
  readonly recording?: string | null;
}

/** The answer: u32 length, then JSON. After `ok: true` the connection carries the target protocol's own bytes. */
export type TunnelReply =
  | { readonly ok: true; readonly session: string }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint: string };

export const EXPORT_FORMATS = ['ndjson', 'sql', 'asciicast'] as const;
/** GET /api/v1/sessions/:id/export?format — a stream; in `ndjson` one JSON document in each line, the last one of kind `integrity`. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** In the last line of the other formats, as a comment. */
export const INTACT_WORDS = 'record: complete and verified';
export const NOT_INTACT_WORDS = 'record: NOT INTACT';
