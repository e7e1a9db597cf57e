/**
 * Requests for approval in PostgreSQL. Each change is one statement on one row, on the condition that the row is still the one that was
 * read (`… where version = … and state = … returning`): of two that decide at once one wins, and the other sees what it is then.
 * A failing read throws: whether something is approved is never guessed.
 */
import type { Pool } from 'pg';
import type { ApprovalFilter, ApprovalRecord, ApprovalStore } from '../contract/approval.js';
import { storableDocument } from './storable-text.js';
import { storeError } from './store-error.js';

interface Row {
  readonly record: ApprovalRecord;
}

const time = (milliseconds: number): Date => new Date(milliseconds);
const endOf = (record: ApprovalRecord): Date => time(record.activeUntil ?? record.expiresAt);

export class PgApprovalStore implements ApprovalStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async insert(record: ApprovalRecord): Promise<void> {
    await this.#query(
      `insert into gw.approvals (id, version, kind, state, issuer, subject, target, session, waiter, digest, asked_groups, created_at, ends_at, reviewed, record)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
      [
        record.id,
        record.version,
        record.kind,
        record.state,
        record.requester.issuer,
        record.requester.subject,
        record.target,
        record.session,
        record.waiter,
        record.digest,
        record.demand.groups,
        time(record.createdAt),
        endOf(record),
        record.review !== null,
        storableDocument(record),
      ],
    );
  }

  async find(id: string): Promise<ApprovalRecord | null> {
    return (await this.#query('select record from gw.approvals where id = $1', [id]))[0]?.record ?? null;
  }

  async replace(before: ApprovalRecord, after: ApprovalRecord): Promise<boolean> {
    const rows = await this.#query(
      `update gw.approvals set version = $4, state = $5, waiter = $6, ends_at = $7, reviewed = $8, record = $9, session = $10
       where id = $1 and version = $2 and state = $3 returning record`,
      [
        before.id,
        before.version,
        before.state,
        after.version,
        after.state,
        after.waiter,
        endOf(after),
        after.review !== null,
        storableDocument(after),
        after.session,
      ],
    );
    return rows.length === 1;
  }

  async list(filter: ApprovalFilter): Promise<ApprovalRecord[]> {
    const values: unknown[] = [];
    const value = (given: unknown): string => `$${values.push(given)}`;
    const conditions = conditionsOf(filter, value);
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    const rows = await this.#query(`select record from gw.approvals ${where} order by id desc limit ${value(filter.limit)}`, values);
    return rows.map(({ record }) => record);
  }

  async overdue(now: number, limit: number): Promise<ApprovalRecord[]> {
    const rows = await this.#query(`select record from gw.approvals where state in ('pending', 'approved') and ends_at <= $1 order by ends_at limit $2`, [
      time(now),
      limit,
    ]);
    return rows.map(({ record }) => record);
  }

  async waiterLives(session: string): Promise<boolean> {
    // A session that is not stored yet has only just begun; one that is stored and ended waits for nothing.
    return (await this.#query<{ state: string }>('select state from gw.sessions where id = $1', [session]))[0]?.state !== 'ended';
  }

  async #query<Result extends object = Row>(text: string, values: readonly unknown[]): Promise<Result[]> {
    try {
      return (await this.#pool.query<Result>(text, [...values])).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}

function conditionsOf(filter: ApprovalFilter, value: (given: unknown) => string): string[] {
  const found: string[] = [];
  const any = (column: string, list: readonly string[] | undefined): void => {
    if (list !== undefined) found.push(`${column} = any(${value(list)}::text[])`);
  };
  any('id', filter.ids);
  any('state', filter.states);
  any('kind', filter.kinds);
  any('session', filter.sessions);
  if (filter.requester !== undefined) found.push(`issuer = ${value(filter.requester.issuer)} and subject = ${value(filter.requester.subject)}`);
  if (filter.target !== undefined) found.push(`target = ${value(filter.target)}`);
  if (filter.groups !== undefined) found.push(`asked_groups && ${value(filter.groups)}::text[]`);
  if (filter.unreviewed === true) found.push(`kind = 'break_glass' and not reviewed`);
  if (filter.activeAfter !== undefined) found.push(`ends_at > ${value(time(filter.activeAfter))}`);
  if (filter.digest !== undefined) found.push(`digest = ${value(filter.digest)}`);
  if (filter.before !== undefined) found.push(`id < ${value(filter.before)}`);
  return found;
}
