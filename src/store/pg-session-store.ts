/**
 * Sessions in PostgreSQL: the port `SessionStore`, and what the primary process needs to correct sessions whose process died. Writes go
 * through `SessionWrites`; reads are keyset-paged by id, newest first.
 */
import type { Pool } from 'pg';
import type { SubjectKind } from '../contract/identity.js';
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import type { SessionFilter, SessionStore, SessionSummary } from '../contract/session-store.js';
import type { Counters } from './session-rows.js';
import type { SessionWrites } from './session-writes.js';
import { storable } from './storable-text.js';
import { storeError } from './store-error.js';

interface SessionRow {
  readonly id: string;
  readonly state: 'live' | 'ended';
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly end_reason: string | null;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly kind: string;
  readonly on_behalf_of: string | null;
  readonly target: string;
  readonly protocol: string;
  readonly via: string;
  readonly client_address: string;
  readonly client: string | null;
  readonly reason: string | null;
  /** bigint: the driver gives digits. */
  readonly operations: string;
  readonly refused: string;
  readonly rows: string;
  readonly bytes_up: string;
  readonly bytes_down: string;
  readonly journal: string;
  readonly content: string;
  readonly client_recording: string | null;
}

const COLUMNS =
  'id, state, started_at, ended_at, end_reason, issuer, subject, name, kind, on_behalf_of, target, protocol, via, client_address, client, reason, operations, refused, rows, bytes_up, bytes_down, journal, content, client_recording';

/** Largest page, whatever the caller asks for. */
const PAGE = 1_000;

export class PgSessionStore implements SessionStore {
  readonly #pool: Pool;
  readonly #writes: SessionWrites;

  constructor(pool: Pool, writes: SessionWrites) {
    this.#pool = pool;
    this.#writes = writes;
  }

  started(start: SessionStart, journal: string): void {
    this.#writes.start(start, journal);
  }

  progress(id: string, counters: Counters): void {
    this.#writes.progress(id, counters);
  }

  ended(id: string, end: SessionEnd): void {
    this.#writes.end(id, end);
  }

  flush(): Promise<void> {
    return this.#writes.flush();
  }

  async find(id: string): Promise<SessionSummary | null> {
    const rows = await this.#rows('gw_session_find', `select ${COLUMNS} from gw.sessions where id = $1`, [id]);
    return rows[0] ?? null;
  }

  list(filter: SessionFilter): Promise<SessionSummary[]> {
    const values: unknown[] = [];
    const where: string[] = [];
    const match = (column: string, operator: '=' | '<' | '>=', value: string | undefined, shape = (sql: string): string => sql): void => {
      if (value === undefined) return;
      values.push(value);
      where.push(`${shape(column)} ${operator} ${shape(`$${values.length}`)}`);
    };
    const inAnyCase = (sql: string): string => `pg_catalog.lower(${sql})`;
    match('state', '=', filter.state);
    match('issuer', '=', filter.issuer);
    match('subject', '=', filter.subject);
    match('name', '=', filter.name, inAnyCase);
    match('target', '=', filter.target);
    match('kind', '=', filter.kind);
    match('on_behalf_of', '=', filter.onBehalfOf, inAnyCase);
    match('started_at', '>=', filter.since);
    match('started_at', '<', filter.until);
    match('id', '<', filter.before);
    if (filter.has !== undefined && filter.has.length > 0) {
      values.push(filter.has.map(storable));
      where.push(`id in (select o.session from gw.operations as o where o.tags @> $${values.length}::text[])`);
    }
    if (filter.approval !== undefined) {
      let which = 'true';
      if (filter.approval !== 'any') {
        values.push(filter.approval);
        which = `(a.id = $${values.length} or a.state = $${values.length})`;
      }
      where.push(`id in (select unnest(array[a.session, a.record #>> '{used,session}']) from gw.approvals as a where ${which})`);
    }
    values.push(Math.max(1, Math.min(PAGE, filter.limit)));
    const condition = where.length === 0 ? '' : `where ${where.join(' and ')}`;
    return this.#rows(null, `select ${COLUMNS} from gw.sessions ${condition} order by id desc limit $${values.length}`, values);
  }

  async #rows(name: string | null, text: string, values: unknown[]): Promise<SessionSummary[]> {
    try {
      const result = await this.#pool.query<SessionRow>(name === null ? { text, values } : { name, text, values });
      return result.rows.map(summaryOf);
    } catch (cause) {
      throw storeError(cause);
    }
  }
}

function summaryOf(row: SessionRow): SessionSummary {
  return {
    id: row.id,
    state: row.state,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    endReason: row.end_reason,
    issuer: row.issuer,
    subject: row.subject,
    name: row.name,
    kind: row.kind as SubjectKind,
    onBehalfOf: row.on_behalf_of,
    target: row.target,
    protocol: row.protocol,
    via: row.via,
    clientAddress: row.client_address,
    client: row.client,
    reason: row.reason,
    operations: Number(row.operations),
    refused: Number(row.refused),
    rows: Number(row.rows),
    bytesUp: Number(row.bytes_up),
    bytesDown: Number(row.bytes_down),
    journal: row.journal,
    content: row.content as SessionSummary['content'],
    ...(row.client_recording === null ? {} : { clientRecording: row.client_recording }),
  };
}
