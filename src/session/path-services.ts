/** What the composition root gives the path: domains by constructor, never by import. */
import type * as net from 'node:net';
import type * as tls from 'node:tls';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';
import type { ApprovalDoor } from '../contract/approval.js';
import type { ClientRecordingDoor } from '../contract/client-recording.js';
import type { PolicySource } from '../contract/decision.js';
import type { Authenticator, DeviceLogins, IdentityPasses } from '../contract/identity.js';
import type { InheritedTagStore } from '../contract/inherited-tags.js';
import type { MaskingDoor, MaskingView } from '../contract/masking-policy.js';
import type { Protocol } from '../contract/protocol.js';
import type { Journal } from '../contract/recording.js';
import type { Bus, SessionStore, SubjectStore } from '../contract/session-store.js';
import type { Target } from '../contract/target.js';

export interface PathLimits {
  /** Connections that have not logged in, in this process and from one address. */
  readonly preLoginConnections: number;
  readonly preLoginPerAddress: number;
  /** From accept to the end of the login. */
  readonly handshakeTimeoutMs: number;
  readonly maxSessions: number;
  readonly idleTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** Failed logins from one address within a minute before further ones are refused unheard. */
  readonly loginFailuresPerMinute: number;
  readonly statementBytes: number;
}

/** A login that was refused; or, without an address, how many there were that have no record of their own. */
export interface RefusedLogin {
  readonly address?: string;
  readonly via?: string;
  readonly code?: string;
  readonly message?: string;
  readonly count: number;
  /** Of these: refused unheard, after too many failures from their address. */
  readonly throttled?: number;
}

/** What of the audit log the path needs. Rejects when the record could not be written. */
export interface LoginAudit {
  record(kind: 'login.refused', data: RefusedLogin): Promise<void>;
}

/** The two keys of a protocol: see `ProtocolAuthorities`. */
export interface AuthorityKeys {
  readonly clients: Secret;
  readonly targets: Secret;
}

export interface PathServices {
  readonly gateway: string;
  readonly workerId: string;
  readonly protocols: ReadonlyMap<string, Protocol>;
  readonly authenticator: Authenticator;
  readonly passes: IdentityPasses;
  readonly deviceLogins: DeviceLogins;
  readonly policy: PolicySource;
  /** How a view of sensitive data is carried out. */
  masking(view: MaskingView): MaskingDoor;
  readonly targets: { get(name: string): Target | undefined };
  dial(target: Target, options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly onread?: net.OnReadOpts }): Promise<net.Socket>;
  readonly journal: Journal;
  readonly audit: LoginAudit;
  /** Names the journal in `SessionSummary.journal`. */
  readonly journalId: string;
  readonly sessions: SessionStore;
  readonly subjects: SubjectStore;
  /** Null: nobody can be asked, and what must be asked for is refused. */
  readonly approvals: ApprovalDoor | null;
  /** Null: no column inherits a tag, and tagged data may not be put into new ones. */
  readonly inheritedTags: InheritedTagStore | null;
  /** Recordings that clients make on their side. */
  readonly clientRecordings: ClientRecordingDoor;
  readonly bus: Bus;
  tlsContext(): tls.SecureContext;
  /** For protocols with token discovery; null when no issuer serves logins. */
  readonly discovery: { readonly openidConfiguration: string; readonly scope: string } | null;
  /** By kind of protocol: what `Protocol.serverIdentity` made for those that have one. */
  readonly serverIdentities: ReadonlyMap<string, Secret>;
  /** By kind of protocol: what `Protocol.authorities` made. */
  readonly authorities: ReadonlyMap<string, AuthorityKeys>;
  readonly limits: PathLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}
