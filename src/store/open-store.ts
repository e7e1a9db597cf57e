/**
 * The state that gateways share, on PostgreSQL: the embedded server and a served one take the same SQL. Opens the pool, brings the schema
 * up, connects the bus. Every connection pins `search_path` to the catalog, and every query of ours is schema-qualified, so a relation
 * or function planted in `public` is never used (D22).
 */
import pg from 'pg';
import type { Logger } from '../base/logger.js';
import type { ApprovalStore } from '../contract/approval.js';
import type { ClientRecordingStore } from '../contract/client-recording.js';
import type { InheritedTagStore } from '../contract/inherited-tags.js';
import type { OperationIndex } from '../contract/operation-index.js';
import type { PolicyStore } from '../contract/policy-store.js';
import type { ContentStore, HoldStore } from '../contract/record-keeping.js';
import type { RetentionStore } from '../contract/retention.js';
import type { SessionStore, SubjectStore } from '../contract/session-store.js';
import { endInterrupted, liveJournals } from './interrupted-sessions.js';
import { migrate } from './migrate.js';
import { PgApprovalStore } from './pg-approval-store.js';
import { PgBus } from './pg-bus.js';
import { PgClientRecordingStore } from './pg-client-recording-store.js';
import { PgContentStore } from './pg-content-store.js';
import { PgHoldStore } from './pg-hold-store.js';
import { PgInheritedTagStore } from './pg-inherited-tag-store.js';
import { PgOperationIndex } from './pg-operation-index.js';
import { PgPolicyStore } from './pg-policy-store.js';
import { PgRetentionStore } from './pg-retention-store.js';
import { PgSessionStore } from './pg-session-store.js';
import { PgSubjectStore } from './pg-subject-store.js';
import { SessionWrites } from './session-writes.js';
import { storeError } from './store-error.js';

export interface StoreOptions {
  /** `postgres://…` with credentials; never logged. */
  readonly url: string;
  readonly logger: Logger;
  /** Connections besides the one of the bus. */
  readonly connections?: number;
  /** False: a process that only corrects state needs no bus. */
  readonly bus?: boolean;
  /** Sessions that may wait for the database before new ones are refused. */
  readonly queueLimit?: number;
}

export interface Store {
  readonly sessions: SessionStore;
  readonly subjects: SubjectStore;
  readonly approvals: ApprovalStore;
  readonly policies: PolicyStore;
  readonly inheritedTags: InheritedTagStore;
  readonly operations: OperationIndex;
  readonly holds: HoldStore;
  readonly contents: ContentStore;
  readonly clientRecordings: ClientRecordingStore;
  readonly retention: RetentionStore;
  readonly bus: PgBus;
  /** True while so much waits for the database that new sessions are refused. */
  readonly saturated: boolean;
  /** Session rows that wait. */
  readonly waiting: number;
  /** A round trip. @throws GwError `store.unavailable` */
  ping(): Promise<void>;
  /** Journals that live sessions name, of any gateway. @throws GwError `store.unavailable` */
  liveJournals(): Promise<string[]>;
  /** Ends the live sessions of these journals as interrupted. Gives how many. @throws GwError `store.unavailable` */
  endInterrupted(journals: readonly string[], now: number): Promise<number>;
  /** Stores what waits (for at most `deadlineMs`), then closes all connections. */
  close(deadlineMs?: number): Promise<void>;
}

const STATEMENT_MS = 10_000;

function clientConfig(options: StoreOptions): pg.ClientConfig {
  return { connectionString: options.url, options: '-c search_path=pg_catalog', application_name: 'gw' };
}

/** @throws GwError `store.unavailable` | `store.schema` */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { logger } = options;
  const pool = new pg.Pool({
    ...clientConfig(options),
    max: options.connections ?? 4,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 5_000,
    query_timeout: STATEMENT_MS,
    keepAlive: true,
  });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', (err) => logger.warn({ err }, 'a connection to the state database was lost'));
  const run = (sql: string, value: string): Promise<unknown> => pool.query(sql, [value]);
  const writes = new SessionWrites({ run, logger, limit: options.queueLimit ?? 20_000 });
  const bus = new PgBus({ connect: (config) => new pg.Client({ ...clientConfig(options), ...config }), run, logger });
  const close = async (deadlineMs = 5_000): Promise<void> => {
    await bus.close();
    await writes.close(deadlineMs);
    await pool.end();
  };
  try {
    await migrate(new pg.Client({ ...clientConfig(options), connectionTimeoutMillis: 5_000, keepAlive: true }), logger);
    if (options.bus !== false) await bus.start();
  } catch (thrown) {
    await close(0);
    throw thrown;
  }
  return {
    sessions: new PgSessionStore(pool, writes),
    subjects: new PgSubjectStore(pool),
    approvals: new PgApprovalStore(pool),
    policies: new PgPolicyStore(pool),
    inheritedTags: new PgInheritedTagStore(pool),
    operations: new PgOperationIndex(pool),
    holds: new PgHoldStore(pool),
    retention: new PgRetentionStore(pool),
    contents: new PgContentStore(() => new pg.Client({ ...clientConfig(options), connectionTimeoutMillis: 5_000, keepAlive: true }), logger),
    clientRecordings: new PgClientRecordingStore(pool),
    bus,
    get saturated() {
      return writes.saturated;
    },
    get waiting() {
      return writes.size;
    },
    ping: async () => {
      try {
        await pool.query('select 1');
      } catch (cause) {
        throw storeError(cause);
      }
    },
    liveJournals: () => liveJournals(pool),
    endInterrupted: (journals, now) => endInterrupted(pool, journals, now),
    close,
  };
}
