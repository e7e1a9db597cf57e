/**
 * The index of operations in PostgreSQL. Words are compared in lower case and without signs: `ledger.entries` is two words in this order, in the text and
 * in the question alike. Names are tags. One GIN index answers both; what many operations have is found from the newest one on.
 */
import type { Pool } from 'pg';
import { type FoundOperation, type IndexedOperation, type OperationIndex, type OperationQuery, tagOf } from '../contract/operation-index.js';
import { storable, storableDocument, storableOrNull } from './storable-text.js';
import { isDataError, storeError } from './store-error.js';

const ROW = `session text, sequence bigint, at timestamptz, issuer text, subject text, name text, target text, verdict text, status text, rule text,
  kinds text[], relations text[], masked text[], affected_rows bigint, text text`;
const NAMES = 'session, sequence, at, issuer, subject, name, target, verdict, status, rule, kinds, relations, masked, affected_rows, text';

const ADD = `insert into gw.operations (${NAMES}, words, tags)
select ${NAMES}, pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig, words), tags
from pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) as r(${ROW}, words text, tags text[])
where not exists (select from gw.sessions as s where s.id = r.session and s.content <> 'kept')
on conflict (session, sequence) do nothing`;

interface OperationRow {
  readonly session: string;
  /** bigint: the driver gives digits. */
  readonly sequence: string;
  readonly at: Date;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly target: string;
  readonly verdict: string;
  readonly status: string;
  readonly rule: string | null;
  readonly kinds: string[];
  readonly relations: string[];
  readonly masked: string[];
  readonly affected_rows: string | null;
  readonly text: string;
}

export class PgOperationIndex implements OperationIndex {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async add(operations: readonly IndexedOperation[]): Promise<number> {
    if (operations.length === 0) return 0;
    try {
      await this.#pool.query({ name: 'gw_operations_add', text: ADD, values: [storableDocument(operations.map(rowOf))] });
      return 0;
    } catch (cause) {
      if (!isDataError(cause)) throw storeError(cause);
      if (operations.length === 1) return 1;
      // One that cannot be stored must not keep the others out: halve until it stands alone.
      const half = Math.ceil(operations.length / 2);
      return (await this.add(operations.slice(0, half))) + (await this.add(operations.slice(half)));
    }
  }

  async search(query: OperationQuery): Promise<FoundOperation[]> {
    const values: unknown[] = [];
    const where: string[] = [];
    const value = (each: unknown): string => `$${values.push(each)}`;
    for (const phrase of query.phrases)
      where.push(`words @@ pg_catalog.phraseto_tsquery('pg_catalog.simple'::pg_catalog.regconfig, ${value(storable(wordsOf(phrase)))})`);
    if (query.tags.length > 0) where.push(`tags @> ${value(query.tags.map(storable))}::text[]`);
    if (query.owner !== null) where.push(`issuer = ${value(query.owner.issuer)} and subject = ${value(query.owner.subject)}`);
    if (query.since !== null) where.push(`at >= ${value(query.since)}`);
    if (query.until !== null) where.push(`at < ${value(query.until)}`);
    if (query.after !== null)
      where.push(`(at, session, sequence) < (${value(query.after.at)}::timestamptz, ${value(query.after.session)}, ${value(query.after.sequence)}::bigint)`);
    const condition = where.length === 0 ? '' : `where ${where.join(' and ')}`;
    const rows = await this.#query<OperationRow>(
      `select ${NAMES} from gw.operations ${condition} order by at desc, session desc, sequence desc limit ${value(query.limit)}`,
      values,
    );
    return rows.map(({ sequence, at, affected_rows, ...rest }) => ({
      ...rest,
      sequence: Number(sequence),
      at: at.toISOString(),
      rows: affected_rows === null ? null : Number(affected_rows),
    }));
  }

  async indexedJournals(): Promise<ReadonlySet<string>> {
    return new Set((await this.#query<{ journal: string }>('select journal from gw.indexed_journals', [])).map(({ journal }) => journal));
  }

  async markIndexed(journal: string): Promise<void> {
    await this.#query('insert into gw.indexed_journals (journal) values ($1) on conflict (journal) do nothing', [journal]);
  }

  async clear(): Promise<void> {
    await this.#query('truncate gw.operations, gw.indexed_journals', []);
  }

  async #query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (cause) {
      throw storeError(cause);
    }
  }
}

/** Characters of one operation that are found by their words. */
const WORDS = 16_384;

/** Signs separate words in SQL, and the server's parser would see host names and paths in them. */
const wordsOf = (text: string): string =>
  text
    .slice(0, WORDS)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

function rowOf(operation: IndexedOperation): object {
  const { rows, onBehalfOf, asked: _, text, rule, name, issuer, subject, ...rest } = operation;
  const kept = storable(text);
  return {
    ...rest,
    name: storable(name),
    issuer: storable(issuer),
    subject: storable(subject),
    rule: storableOrNull(rule),
    affected_rows: rows,
    text: kept,
    words: wordsOf(text),
    tags: [...tagsOf(operation, onBehalfOf)],
  };
}

function tagsOf({ relations, kinds, masked, target, name, subject, verdict, asked, status, rule }: IndexedOperation, onBehalfOf: string | null): Set<string> {
  const tags = new Set<string>([tagOf('target', target), tagOf('user', name), tagOf('user', subject), tagOf('verdict', verdict), tagOf('status', status)]);
  if (asked) tags.add(tagOf('verdict', 'require_approval'));
  if (onBehalfOf !== null) tags.add(tagOf('for', onBehalfOf));
  if (rule !== null) tags.add(tagOf('rule', rule));
  for (const kind of kinds) tags.add(tagOf('kind', kind));
  for (const each of masked) tags.add(tagOf('masked', each));
  for (const relation of relations) {
    tags.add(tagOf('relation', relation));
    // `relation:entries` finds it in every schema.
    tags.add(tagOf('relation', relation.split('.').at(-1) ?? relation));
  }
  return tags;
}
