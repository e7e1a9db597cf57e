/** Inherited tags in PostgreSQL. Names come from a target and are untrusted. */
import type { Pool } from 'pg';
import type { InheritedTag, InheritedTagStore, NewInheritedTag, SeenTags, TagPlace } from '../contract/inherited-tags.js';
import { storable, storableDocument } from './storable-text.js';
import { storeError } from './store-error.js';

interface TagRow {
  readonly id: string;
  readonly part: string;
  readonly relation: string;
  readonly object: string | null;
  readonly column_number: number;
  readonly column_name: string | null;
  readonly origin: string;
  readonly exact: boolean;
  readonly reason: NewInheritedTag['reason'];
  readonly session: string;
  readonly subject: string;
  readonly since: Date;
}

const ADD = `insert into gw.inherited_tags (target, part, session, subject, relation, object, column_number, column_name, origin, exact, reason)
  select $1, $2, $3, $4, t.relation, t.object, t.number, t.name, t.origin, t.exact, t.reason
  from pg_catalog.json_to_recordset($5) as t(relation text, object text, number integer, name text, origin text, exact boolean, reason text)
  on conflict (target, part, pg_catalog.md5(relation), (coalesce(object, '')), column_number, pg_catalog.md5(origin), exact)
  do update set seen = pg_catalog.now(), since = pg_catalog.now(), matched = null, session = excluded.session, subject = excluded.subject`;
const LIST = `select id, part, relation, object, column_number, column_name, origin, exact, reason, session, subject, since from gw.inherited_tags
  where target = $1 and ($2::text is null or part = $2) order by id`;
// A relation of the expected name: it has the tag by its identity from now on. The expectation stays, because the statement may still wait.
const BIND = `insert into gw.inherited_tags (target, part, session, subject, relation, object, column_number, column_name, origin, exact, reason, since)
  select g.target, g.part, g.session, g.subject, t.relation, t.object, g.column_number, t.name, g.origin, g.exact, g.reason, g.since
  from gw.inherited_tags g join pg_catalog.json_to_recordset($1) as t(id bigint, object text, relation text, name text) on g.id = t.id where g.object is null
  on conflict do nothing`;
const SEE = `update gw.inherited_tags g set
    relation = case when g.object is null then g.relation else t.relation end,
    column_name = case when g.object is null then g.column_name else t.name end,
    seen = pg_catalog.now(),
    matched = case when g.object is null then coalesce(g.matched, pg_catalog.now()) end
  from pg_catalog.json_to_recordset($1) as t(id bigint, object text, relation text, name text) where g.id = t.id
  and not exists (select from gw.inherited_tags o where o.id <> g.id and g.object is not null and (o.target, o.part, o.relation, o.object, o.column_number, o.origin, o.exact)
    = (g.target, g.part, t.relation, g.object, g.column_number, g.origin, g.exact))`;
const FORGET = "delete from gw.inherited_tags where id = any($1::bigint[]) and object is not null and seen < pg_catalog.now() - interval '1 minute'";
const EXPIRE = `delete from gw.inherited_tags where object is null
  and (matched < pg_catalog.now() - interval '1 day' or (matched is null and seen < pg_catalog.now() - interval '30 days')
    or (matched < pg_catalog.now() - interval '1 minute'
      and exists (select from gw.sessions s where s.id = session and s.ended_at < pg_catalog.now() - interval '1 minute')))`;

export class PgInheritedTagStore implements InheritedTagStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async add(
    { target, part }: TagPlace,
    { session, subject }: { readonly session: string; readonly subject: string },
    tags: readonly NewInheritedTag[],
  ): Promise<void> {
    const rows = tags.map(({ relation, object, column, name, from, exact, reason }) => ({
      relation: storableDocument(relation),
      object,
      number: column,
      name,
      origin: storableDocument(from),
      exact,
      reason,
    }));
    await this.#query(EXPIRE, []);
    await this.#query(ADD, [storable(target), storable(part), storable(session), storable(subject), storableDocument(rows)]);
  }

  async list(target: string, part: string | null): Promise<readonly InheritedTag[]> {
    const rows = await this.#query<TagRow>(LIST, [storable(target), part === null ? null : storable(part)]);
    return rows.map(({ id, part: home, relation, object, column_number, column_name, origin, exact, reason, session, subject, since }) => ({
      id,
      part: home,
      relation: JSON.parse(relation) as string[],
      object,
      column: column_number,
      name: column_name,
      from: JSON.parse(origin) as string[][],
      exact,
      reason,
      session,
      subject,
      since: since.toISOString(),
    }));
  }

  async settle({ seen, gone }: SeenTags): Promise<void> {
    if (seen.length > 0) {
      const rows = storableDocument(seen.map(({ id, object, relation, name }) => ({ id, object, relation: storableDocument(relation), name })));
      await this.#query(BIND, [rows]);
      await this.#query(SEE, [rows]);
    }
    if (gone.length > 0) await this.#query(FORGET, [gone]);
  }

  async #query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}
