/** Recordings of the CLI in PostgreSQL, in pieces as they were uploaded. */
import type { Pool } from 'pg';
import {
  CLIENT_RECORDING_TOLERANCE_MS,
  type ClientRecording,
  type ClientRecordingEnd,
  type ClientRecordingState,
  type ClientRecordingStore,
  type RecordedUnder,
  type Uncompared,
} from '../contract/client-recording.js';
import { storable } from './storable-text.js';
import { storeError } from './store-error.js';

interface RecordingRow {
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly targets: string[];
  readonly created_at: Date;
  readonly state: ClientRecordingState;
  /** bigint: the driver gives digits. */
  readonly received: string;
  readonly digest: string | null;
  readonly duration_ms: string | null;
  readonly problems: string[];
  readonly compared: string[];
  readonly uncompared: readonly Uncompared[];
  /** Sessions that went on, or still do, after it ended. */
  readonly outlasting: string[];
  /** Sessions under it that were not there when it was judged. */
  readonly unjudged: string[];
}

/** A gateway that died did not carry its sessions on: when they ended is not known. */
const OUTLASTING = `array(select s.id from gw.sessions s where s.client_recording = r.id and s.end_reason is distinct from 'interrupted'
  and coalesce(s.ended_at, pg_catalog.now()) > r.created_at + (r.duration_ms + ${CLIENT_RECORDING_TOLERANCE_MS}) * interval '1 millisecond' order by s.id)`;
const UNJUDGED = `array(select s.id from gw.sessions s where s.client_recording = r.id and s.id <> all (r.judged) order by s.id)`;
const SELECT = `select id, issuer, subject, name, targets, created_at, state, received, digest, duration_ms, problems, compared, uncompared, ${OUTLASTING} as outlasting,
  ${UNJUDGED} as unjudged
  from gw.client_recordings r`;
const LOOSE = 'not exists (select from gw.sessions s where s.client_recording = r.id)';
const PAGE = 1_000;

/** One statement: of two that upload the same place only one finds `received` as it was. */
const APPEND = `with grown as (
  update gw.client_recordings set received = received + pg_catalog.octet_length($3::bytea)
  where id = $1 and state = 'open' and not closed and received = $2::bigint returning id, received
), kept as (
  insert into gw.client_recording_pieces (recording, start, bytes) select id, $2::bigint, $3::bytea from grown
)
select received from grown union all
select received from gw.client_recordings where id = $1 and not exists (select from grown)`;

export class PgClientRecordingStore implements ClientRecordingStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async create({ id, issuer, subject, name, targets, createdAt }: Parameters<ClientRecordingStore['create']>[0], key: Buffer): Promise<void> {
    await this.#query(
      'gw_client_recording_create',
      'insert into gw.client_recordings (id, issuer, subject, name, targets, created_at, key) values ($1, $2, $3, $4, $5, $6, $7)',
      [id, storable(issuer), storable(subject), storable(name), targets.map(storable), createdAt, key],
    );
  }

  async find(id: string): Promise<ClientRecording | null> {
    const rows = await this.#query<RecordingRow>('gw_client_recording_find', `${SELECT} where id = $1`, [storable(id)]);
    return rows[0] === undefined ? null : recordingOf(rows[0]);
  }

  async list({ issuer, subject, limit }: Parameters<ClientRecordingStore['list']>[0]): Promise<ClientRecording[]> {
    const rows = await this.#query<RecordingRow>(
      'gw_client_recording_list',
      `${SELECT} where ($1::text is null or issuer = $1) and ($2::text is null or subject = $2) order by id desc limit $3`,
      [issuer ?? null, subject ?? null, Math.min(limit, PAGE)],
    );
    return rows.map(recordingOf);
  }

  async append(id: string, offset: number, bytes: Buffer): Promise<number> {
    const rows = await this.#query<{ readonly received: string }>('gw_client_recording_append', APPEND, [id, offset, bytes]);
    return Number(rows[0]?.received ?? 0);
  }

  async close(id: string): Promise<void> {
    await this.#query('gw_client_recording_close', 'update gw.client_recordings set closed = true where id = $1', [id]);
  }

  async isClosed(id: string): Promise<boolean> {
    const rows = await this.#query<{ readonly closed: boolean }>('gw_client_recording_closed', 'select closed from gw.client_recordings where id = $1', [id]);
    return rows[0]?.closed ?? true;
  }

  async end(id: string, { state, digest, durationMs, problems, compared, uncompared }: ClientRecordingEnd, judged: readonly string[]): Promise<boolean> {
    const rows = await this.#query(
      'gw_client_recording_end',
      `update gw.client_recordings set state = $2, digest = $3, duration_ms = $4, problems = $5, compared = $6, uncompared = $7, closed = true, judged = $8
       where id = $1 and state = 'open' returning id`,
      [id, state, digest, durationMs, problems.map(storable), compared, JSON.stringify(uncompared), judged],
    );
    return rows.length > 0;
  }

  async key(id: string): Promise<Buffer | null> {
    const rows = await this.#query<{ readonly key: Buffer | null }>('gw_client_recording_key', 'select key from gw.client_recordings where id = $1', [id]);
    return rows[0]?.key ?? null;
  }

  async *content(id: string): AsyncGenerator<Buffer, void> {
    for (let start = 0; ; ) {
      const rows = await this.#query<{ readonly bytes: Buffer }>(
        'gw_client_recording_piece',
        'select bytes from gw.client_recording_pieces where recording = $1 and start = $2',
        [id, start],
      );
      const bytes = rows[0]?.bytes;
      if (bytes === undefined || bytes.length === 0) return;
      yield bytes;
      start += bytes.length;
    }
  }

  async countLoose({ issuer, subject }: Parameters<ClientRecordingStore['countLoose']>[0], since: string): Promise<number> {
    const rows = await this.#query<{ readonly count: string }>(
      'gw_client_recording_count_loose',
      `select pg_catalog.count(*) as count from gw.client_recordings r where issuer = $1 and subject = $2 and state = 'open' and created_at > $3 and ${LOOSE}`,
      [storable(issuer), storable(subject), since],
    );
    return Number(rows[0]?.count ?? 0);
  }

  async looseBytes({ id, issuer, subject }: Parameters<ClientRecordingStore['looseBytes']>[0]): Promise<number> {
    const rows = await this.#query<{ readonly bytes: string }>(
      'gw_client_recording_loose_bytes',
      `select case when exists (select from gw.sessions where client_recording = $1) then 0
         else (select coalesce(pg_catalog.sum(received), 0) from gw.client_recordings r where issuer = $2 and subject = $3 and ${LOOSE}) end as bytes`,
      [id, storable(issuer), storable(subject)],
    );
    return Number(rows[0]?.bytes ?? 0);
  }

  sessions(id: string): Promise<RecordedUnder[]> {
    return this.#query<RecordedUnder>(
      'gw_client_recording_sessions',
      'select id, protocol, journal, content from gw.sessions where client_recording = $1 order by id',
      [id],
    );
  }

  async #query<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>({ name, text, values })).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}

function recordingOf(row: RecordingRow): ClientRecording {
  const { id, issuer, subject, name, targets, state, digest, problems, compared, uncompared, outlasting, unjudged } = row;
  return {
    id,
    issuer,
    subject,
    name,
    targets,
    createdAt: row.created_at.toISOString(),
    state,
    received: Number(row.received),
    digest,
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
    problems: [
      ...problems,
      ...unjudged.map((session) => `it does not name the session ${session}, which was opened under it while it was judged`),
      ...outlasting.map((session) => `the session ${session} went on after it ended`),
    ],
    compared,
    uncompared,
  };
}
