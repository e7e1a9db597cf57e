/**
 * What the API is given by the composition root. Ports only: the API holds no state of its own, opens nothing, and knows neither where
 * sessions run nor where records lie.
 */
import type { ApprovalDesk } from '../approval/index.js';
import type { AuditLog } from '../audit/index.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type {
  AuditEntryList,
  AuditLogList,
  ExportFormat,
  LoginInfo,
  OperationRecord,
  Readiness,
  SessionDetail,
  SinkStatus,
  TargetInfo,
} from '../contract/api-types.js';
import type { AuditFilter } from '../contract/audit-entry.js';
import type { PolicySource } from '../contract/decision.js';
import type { Authenticator, Identity } from '../contract/identity.js';
import type { OperationIndex } from '../contract/operation-index.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import type { HoldStore } from '../contract/record-keeping.js';
import type { Bus, SessionStore, SessionSummary, SubjectStore } from '../contract/session-store.js';
import type { Target } from '../contract/target.js';
import type { ClientRecordings } from '../recording/index.js';
import type { CertificateDesk } from './certificate-desk.js';
import type { EvidenceDesk } from './evidence-desk.js';
import type { MaskingDesk } from './masking-desk.js';
import type { PolicyDesk } from './policy-desk.js';
import type { RetentionDesk } from './retention-desk.js';

/** The sessions of this process; those of others are reached over the bus. */
export interface LocalSessions {
  /** False: the session is not here. */
  kill(id: string, by: string, reason: string): boolean;
  /** @throws GwError `api.forbidden`: another identity; `session.revoked` | `recording.failed`: the session has ended. */
  renew(id: string, identity: Identity): boolean;
}

export interface RecordPage {
  readonly readOnly: boolean;
  readonly account?: string;
  readonly endMessage?: string;
  readonly operations: readonly OperationRecord[];
  readonly events: SessionDetail['events'];
  readonly intact: boolean;
  readonly problems: readonly string[];
  /** Sequence number to continue after; null when the record ends here. */
  readonly next: number | null;
}

export interface SessionRecords {
  /** Operations with a sequence number above `after`, at most `limit`. A record that is missing or damaged is said in `problems`. */
  read(session: SessionSummary, page: { readonly after: number; readonly limit: number }): Promise<RecordPage>;
  /**
   * The whole record; its last line says whether it is intact. Fails where it cannot be read on.
   * @throws GwError `usage.invalid` when the session's protocol has no such form
   */
  export(session: SessionSummary, format: ExportFormat): AsyncIterable<string>;
  /** The same as an asciicast that goes on until the session ends; something comes every few seconds. */
  watch(session: SessionSummary): AsyncIterable<string>;
  /**
   * Ends its content for ever. `record` writes that to the log; it is called before anything is done, and not again for what was done already.
   * @throws GwError `record.held` | `record.live` | `record.plain` | `record.elsewhere`
   */
  erase(session: SessionSummary, record: () => Promise<void>): Promise<{ readonly again: boolean; readonly traces: 'none' | 'server-log' }>;
}

export interface AuditReader {
  /** Newest first. @throws GwError `usage.invalid` for a place that is none; `audit.invalid` when the log cannot be read */
  search(filter: AuditFilter, limit: number, before: string | null): Promise<AuditEntryList>;
  /** The last `last` entries and then each as it comes, one JSON document a line; something comes every few seconds. Never ends. */
  follow(filter: AuditFilter, last: number): AsyncIterable<string>;
  list(): Promise<AuditLogList>;
  /** @param path one of the files of the logs; null: it is not there */
  file(path: string): Promise<Buffer | null>;
}

export interface RoleMembers {
  /** Groups of people, each as its issuer names it. */
  readonly groups: readonly { readonly issuer: string; readonly group: string }[];
  readonly subjects: readonly { readonly issuer: string; readonly subject: string }[];
}

/** What may change with a reload; asked for at every request. */
export interface ApiSettings {
  readonly login: LoginInfo | null;
  readonly access: { readonly admins: RoleMembers; readonly auditors: RoleMembers };
  readonly targets: readonly Target[];
  /** `host:port` where native clients of this protocol connect, or null. */
  nativeAddress(protocol: string): string | null;
  metricsAllowed(address: string): boolean;
  /** Public URL of the gateway: its host and origin are accepted in requests. */
  readonly publicUrl: string;
  readonly loginFailuresPerMinute: number;
}

export interface ApiServices {
  settings(): ApiSettings;
  readonly protocols: ReadonlyMap<
    string,
    Pick<ProtocolDescriptor, 'title' | 'client' | 'recording' | 'assurance' | 'actions' | 'factsOf'> & Pick<TargetInfo, 'serverKey'>
  >;
  readonly authenticator: Authenticator;
  readonly policy: PolicySource;
  readonly sessions: SessionStore;
  readonly subjects: SubjectStore;
  readonly approvals: ApprovalDesk;
  readonly holds: HoldStore;
  readonly retention: RetentionDesk;
  readonly bus: Bus;
  readonly local: LocalSessions;
  readonly records: SessionRecords;
  readonly operations: Pick<OperationIndex, 'search'>;
  readonly clientRecordings: ClientRecordings;
  readonly certificates: CertificateDesk;
  readonly policyDesk: PolicyDesk;
  readonly maskingDesk: MaskingDesk;
  readonly evidence: EvidenceDesk;
  readonly audit: AuditLog;
  readonly auditLog: AuditReader;
  sinks(): Promise<readonly SinkStatus[]>;
  readiness(): Promise<Readiness>;
  /** Prometheus text over all processes of this gateway. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Called once for each answered request. */
  observe(request: { readonly method: string; readonly route: string; readonly status: number; readonly seconds: number }): void;
  readonly draining: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}
