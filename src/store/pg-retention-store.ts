/** Ends rows of the index and decided requests for approval when their time is over, unless a legal hold covers them. In batches, so that nobody waits for it. */
import type { Pool } from 'pg';
import { periodOf, type RetentionRules, type RetentionStore } from '../contract/retention.js';
import { storeError } from './store-error.js';
import { whileNoHoldComes } from './while-no-hold-comes.js';

const BATCH = 2_000;

const HELD = `exists (select from gw.holds as h where h.released_at is null and ((h.scope = 'session' and h.value = r.session)
  or (h.scope = 'target' and h.value = r.target) or (h.scope = 'subject' and h.value = r.subject and h.issuer = r.issuer)))`;

/** What is never due: requests that are open, and break-glass access that nobody reviewed. */
const TABLES = {
  index: { table: 'gw.operations', time: 'at', closed: 'true' },
  approvals: { table: 'gw.approvals', time: 'ends_at', closed: "r.state not in ('pending', 'approved') and (r.kind <> 'break_glass' or r.reviewed)" },
} as const;

/** Each may be a gigabyte, and a statement has its time. */
const LOOSE_BATCH = 10;

/** Periods are milliseconds: $2 and $3 of targets that have their own, $4 of the others. */
const EXPIRE_LOOSE = `delete from gw.client_recordings where id in (
  select r.id from gw.client_recordings as r
  where r.created_at < $1::timestamptz - (
      select pg_catalog.max(coalesce(p.keep, $4::bigint)) from pg_catalog.unnest(r.targets) as t (name)
      left join rows from (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::bigint[])) as p (name, keep) on p.name = t.name
    ) * interval '1 millisecond'
    and not exists (select from gw.sessions as s where s.client_recording = r.id)
    and not exists (select from gw.holds as h where h.released_at is null and ((h.scope = 'target' and h.value = any (r.targets))
      or (h.scope = 'subject' and h.value = r.subject and h.issuer = r.issuer)))
  limit ${LOOSE_BATCH})`;

export class PgRetentionStore implements RetentionStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async expire(type: 'index' | 'approvals', rules: RetentionRules, now: number, dryRun: boolean): Promise<number> {
    const named = rules.targets.map(({ target }) => target);
    let total = await this.#expire(type, { before: now - rules[type], target: null, named, dryRun });
    for (const target of named) total += await this.#expire(type, { before: now - periodOf(rules, type, target), target, named, dryRun });
    return total;
  }

  async expireLooseRecordings({ recordings, targets }: RetentionRules, now: number): Promise<number> {
    const values = [new Date(now).toISOString(), targets.map(({ target }) => target), targets.map((each) => each.recordings), recordings];
    let total = 0;
    for (let more = true; more; ) {
      const gone = await whileNoHoldComes(this.#pool, async (client) => (await client.query(EXPIRE_LOOSE, values)).rowCount ?? 0);
      total += gone;
      more = gone === LOOSE_BATCH;
    }
    return total;
  }

  async openRequests(): Promise<string[]> {
    try {
      const { rows } = await this.#pool.query<{ id: string }>(`select r.id from ${TABLES.approvals.table} as r where not (${TABLES.approvals.closed})`);
      return rows.map(({ id }) => id);
    } catch (cause) {
      throw storeError(cause);
    }
  }

  async #expire(
    type: 'index' | 'approvals',
    { before, target, named, dryRun }: { readonly before: number; readonly target: string | null; readonly named: readonly string[]; readonly dryRun: boolean },
  ): Promise<number> {
    const { table, time, closed } = TABLES[type];
    const where = `r.${time} < $1 and ${target === null ? 'not (r.target = any ($2))' : 'r.target = any ($2)'} and ${closed} and not ${HELD}`;
    const values = [new Date(before).toISOString(), target === null ? named : [target]];
    try {
      if (dryRun) {
        const { rows } = await this.#pool.query<{ count: string }>(`select pg_catalog.count(*) as count from ${table} as r where ${where}`, values);
        return Number(rows[0]?.count ?? 0);
      }
      const text = `delete from ${table} where ctid = any (array(select r.ctid from ${table} as r where ${where} limit ${BATCH}))`;
      for (let total = 0; ; ) {
        const gone = await whileNoHoldComes(this.#pool, async (client) => (await client.query(text, values)).rowCount ?? 0);
        total += gone;
        if (gone < BATCH) return total;
      }
    } catch (cause) {
      throw storeError(cause);
    }
  }
}
