/**
 * Subjects in PostgreSQL: who was seen, and who is locked. A subject is the pair (issuer, subject). A failing read throws: whether a
 * subject is locked is never guessed.
 */
import type { Pool } from 'pg';
import type { SubjectKind } from '../contract/identity.js';
import type { SubjectRecord, SubjectStore } from '../contract/session-store.js';
import { storable } from './storable-text.js';
import { storeError } from './store-error.js';
import { SEEN_SUBJECTS, subjectRow } from './subject-rows.js';

interface SubjectRow {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly kind: string;
  readonly email: string | null;
  readonly groups: string[];
  readonly last_seen_at: Date;
  readonly locked: boolean;
  readonly locked_by: string | null;
  readonly locked_reason: string | null;
}

/** Most subjects that `list` gives: the ones seen last. */
const LIST_LIMIT = 10_000;

export class PgSubjectStore implements SubjectStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async seen(identity: Parameters<SubjectStore['seen']>[0]): Promise<void> {
    await this.#query('gw_subject_seen', SEEN_SUBJECTS, [JSON.stringify([subjectRow(identity)])]);
  }

  async isLocked(issuer: string, subject: string): Promise<boolean> {
    const rows = await this.#query<{ locked: boolean }>('gw_subject_locked', 'select locked from gw.subjects where issuer = $1 and subject = $2', [
      storable(issuer),
      storable(subject),
    ]);
    return rows[0]?.locked ?? false;
  }

  async setLocked(issuer: string, subject: string, locked: boolean, by: string, reason: string): Promise<boolean> {
    const rows = await this.#query<{ locked: boolean }>(
      'gw_subject_set_locked',
      `update gw.subjects set locked = $3, locked_by = case when $3 then $4 end, locked_reason = case when $3 then $5 end,
         locked_at = case when $3 then pg_catalog.now() end
       where issuer = $1 and subject = $2 returning locked`,
      [storable(issuer), storable(subject), locked, storable(by), storable(reason)],
    );
    return rows.length === 1;
  }

  async emailOf(issuer: string, subject: string): Promise<string | null> {
    const rows = await this.#query<{ email: string | null }>('gw_subject_email', 'select email from gw.subjects where issuer = $1 and subject = $2', [
      storable(issuer),
      storable(subject),
    ]);
    return rows[0]?.email ?? null;
  }

  async list(): Promise<SubjectRecord[]> {
    const rows = await this.#query<SubjectRow>(
      'gw_subject_list',
      `select issuer, subject, name, kind, email, groups, last_seen_at, locked, locked_by, locked_reason
       from gw.subjects order by last_seen_at desc, issuer, subject limit ${LIST_LIMIT}`,
      [],
    );
    return rows.map((row) => ({
      issuer: row.issuer,
      subject: row.subject,
      name: row.name,
      kind: row.kind as SubjectKind,
      email: row.email,
      groups: row.groups,
      lastSeenAt: row.last_seen_at.toISOString(),
      locked: row.locked,
      lockedBy: row.locked_by,
      lockedReason: row.locked_reason,
    }));
  }

  async #query<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>({ name, text, values })).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}
