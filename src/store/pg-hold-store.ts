/** Legal holds in PostgreSQL. Adding one and ending a record exclude each other by one advisory lock. */
import type { Pool } from 'pg';
import { GwError } from '../contract/gw-error.js';
import type { AdoptedHold, HeldRecord, Hold, HoldScope, HoldStore } from '../contract/record-keeping.js';
import { storable } from './storable-text.js';
import { storeError } from './store-error.js';
import { whileNoHoldComes } from './while-no-hold-comes.js';

const COLUMNS = 'id, scope, value, issuer, reason, added_by, added_at, released_by, released_at, release_reason';
const COVERS = `released_at is null and ((scope = 'session' and value = $1) or (scope = 'target' and value = $2)
  or (scope = 'subject' and value = $3 and issuer = $4)
  or exists (select from gw.sessions s where s.client_recording = $5 and ((scope = 'session' and value = s.id) or (scope = 'target' and value = s.target)
    or (scope = 'subject' and value = s.subject and gw.holds.issuer = s.issuer))))`;

interface HoldRow {
  readonly id: string;
  readonly scope: string;
  readonly value: string;
  readonly issuer: string | null;
  readonly reason: string;
  readonly added_by: string;
  readonly added_at: Date;
  readonly released_by: string | null;
  readonly released_at: Date | null;
  readonly release_reason: string | null;
}

export class PgHoldStore implements HoldStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  add({ id, scope, value, issuer, reason, addedBy }: Parameters<HoldStore['add']>[0], record: () => Promise<void>): Promise<Hold> {
    return whileNoHoldComes(this.#pool, async (client) => {
      await record();
      const values = [id, scope, storable(value), issuer === null ? null : storable(issuer), storable(reason), storable(addedBy)];
      const { rows } = await client.query<HoldRow>(
        `insert into gw.holds (id, scope, value, issuer, reason, added_by) values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
        values,
      );
      return holdOf(rows[0] as HoldRow);
    });
  }

  async adopt(holds: readonly AdoptedHold[]): Promise<void> {
    const rows = await this.#rows('select id from gw.holds where id = any ($1)', [holds.map(({ id }) => id)]);
    const missing = holds.filter((hold) => !rows.some(({ id }) => id === hold.id));
    if (missing.length === 0) return;
    // Under the lock: one that is just being placed is there then.
    await whileNoHoldComes(this.#pool, async (client) => {
      for (const { id, scope, value, issuer, reason, addedBy, addedAt } of missing)
        await client.query(
          'insert into gw.holds (id, scope, value, issuer, reason, added_by, added_at) values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing',
          [id, scope, storable(value), issuer === null ? null : storable(issuer), storable(reason), storable(addedBy), addedAt],
        );
    });
  }

  async release(id: string, by: string, reason: string): Promise<Hold | null> {
    await this.#rows(
      'update gw.holds set released_by = $2, released_at = pg_catalog.now(), release_reason = $3 where id = $1 and released_at is null returning id',
      [id, storable(by), storable(reason)],
    );
    return this.find(id);
  }

  async find(id: string): Promise<Hold | null> {
    const [row] = await this.#rows(`select ${COLUMNS} from gw.holds where id = $1`, [id]);
    return row === undefined ? null : holdOf(row);
  }

  async list(all: boolean): Promise<Hold[]> {
    return (await this.#rows(`select ${COLUMNS} from gw.holds where $1 or released_at is null order by id desc limit 10000`, [all])).map(holdOf);
  }

  async covering(record: HeldRecord): Promise<Hold[]> {
    return (await this.#rows(`select ${COLUMNS} from gw.holds where ${COVERS} order by id`, parametersOf(record))).map(holdOf);
  }

  unlessHeld<T>(record: HeldRecord, act: () => Promise<T>): Promise<T> {
    return whileNoHoldComes(this.#pool, async (client) => {
      const { rows } = await client.query<HoldRow>(`select ${COLUMNS} from gw.holds where ${COVERS} order by id`, parametersOf(record));
      const [hold] = rows;
      if (hold !== undefined) throw new GwError('record.held', `The record is under the legal hold ${hold.id} (${hold.scope} ${hold.value}).`);
      return act();
    });
  }

  async #rows(text: string, values: unknown[]): Promise<HoldRow[]> {
    try {
      return (await this.#pool.query<HoldRow>(text, values)).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}

const parametersOf = ({ session, target, subject, issuer, clientRecording }: HeldRecord): unknown[] => [
  session,
  target,
  storable(subject),
  storable(issuer),
  clientRecording ?? null,
];

function holdOf(row: HoldRow): Hold {
  return {
    id: row.id,
    scope: row.scope as HoldScope,
    value: row.value,
    issuer: row.issuer,
    reason: row.reason,
    addedBy: row.added_by,
    addedAt: row.added_at.toISOString(),
    releasedBy: row.released_by,
    releasedAt: row.released_at?.toISOString() ?? null,
    releaseReason: row.release_reason,
  };
}
