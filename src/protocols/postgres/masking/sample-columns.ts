/**
 * Looks at some values of every column that could hold sensitive data, on a connection of the gateway's own: what they look like is counted,
 * the values themselves go nowhere. Read-only, rolled back, with deadlines; a table that cannot be read is left out.
 */
import type { LooksLike, SampledColumn } from '../../../contract/masking-policy.js';
import type { UpstreamConnection } from '../../../contract/protocol.js';
import { SideSession } from '../catalog/side-session.js';
import type { PostgresStartup } from '../login.js';

const BYTES_LIMIT = 256 << 20;
const TABLES_LIMIT = 2_000;
const TABLE_MS = 5_000;
/** Longest part of a value that is looked at, characters. */
const VALUE_LIMIT = 2_000;

/** Text, and numbers and dates that classes are made of. */
const COLUMNS = `
  select nspname, relname, attname, format_type(atttypid, null)
    from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = attrelid join pg_catalog.pg_namespace n on n.oid = relnamespace
    join pg_catalog.pg_type t on t.oid = atttypid
   where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'm', 'f') and not relispartition
     and nspname !~ '^pg_' and nspname <> 'information_schema'
     and (typcategory in ('S', 'D', 'I') or typname in ('int8', 'numeric', 'json', 'jsonb', 'xml'))
   order by nspname, relname, attnum`;

export function sampleStartup(scope: string | null): PostgresStartup {
  return { settings: new Map([['application_name', 'gw masking scan']]), database: scope ?? '', welcomed: false };
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export async function sampleColumns(connection: UpstreamConnection, rows: number, looksLike: LooksLike): Promise<readonly SampledColumn[]> {
  const session = new SideSession(connection, BYTES_LIMIT);
  await session.rows("set search_path = ''");
  await session.rows('begin read only');
  const tables = new Map<string, { readonly relation: readonly string[]; readonly columns: { readonly name: string; readonly type: string }[] }>();
  for (const [schema, relation, column, type] of await session.rows(COLUMNS)) {
    const key = JSON.stringify([schema, relation]);
    const known = tables.get(key) ?? { relation: [schema ?? '', relation ?? ''], columns: [] };
    known.columns.push({ name: column ?? '', type: type ?? '' });
    tables.set(key, known);
  }
  const sampled: SampledColumn[] = [];
  for (const { relation, columns } of [...tables.values()].slice(0, TABLES_LIMIT)) {
    const list = columns.map(({ name }) => `left(${quote(name)}::pg_catalog.text, ${VALUE_LIMIT})`).join(', ');
    await session.rows(`savepoint one_table; set local statement_timeout = ${TABLE_MS}`);
    const { rows: values, error } = await session.query(`select ${list} from ${relation.map(quote).join('.')} limit ${rows}`);
    // No right to read it, or it takes too long: nothing is said of it.
    await session.rows(error === null ? 'release savepoint one_table' : 'rollback to savepoint one_table');
    if (error !== null) continue;
    for (const [index, { name, type }] of columns.entries()) {
      const column = values.flatMap((row) => row[index] ?? []);
      sampled.push({ relation, column: name, type, values: column.length, ...countFound(name, column, looksLike) });
    }
  }
  await session.rows('rollback');
  return sampled;
}

function countFound(column: string, values: readonly string[], looksLike: LooksLike): Pick<SampledColumn, 'found' | 'holding'> {
  const counts = new Map<string, { whole: number; within: number }>();
  let holding = 0;
  for (const value of values) {
    const found = looksLike(column, value);
    if (found.length > 0) holding++;
    for (const each of found) {
      const count = counts.get(each.class) ?? { whole: 0, within: 0 };
      if (each.whole) count.whole++;
      else count.within++;
      counts.set(each.class, count);
    }
  }
  return { holding, found: [...counts].map(([name, count]) => ({ class: name, ...count })) };
}
