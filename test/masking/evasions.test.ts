/**
 * Ways around masking that were found by attacking it, each a session of several statements against a real server. What a statement answers
 * does not matter (most are refused); no canary may come down in any of them, nor lie in a place that is not hidden.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query, type Reply, rowsOf } from '../support/raw-client.js';
import { canariesIn } from './canary.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const POLICY = CANARY_POLICY.replace(
  'data:\n',
  `data:
  bank.family.ssn: { class: ssn }
  bank.family.born: { class: dob }
  bank.base.ssn: { class: ssn }
  bank.old_heir.secret: { class: ssn }
  bank.late.ssn: { class: ssn }
`,
);

const MORE = `
  create table public.pub (w text);
  insert into public.pub values ('shown');
  insert into bank.scratch values (0, 'here'), (1, 'there');
  create table public.pub2 (w text);
  create view public.seen as select word as w from bank.plain;
  create view public.over_seen as select w as ww from public.seen;
  create sequence bank.numbers;
  create table bank.family (id int, ssn text, born date) partition by range (id);
  create table bank.family_1 partition of bank.family for values from (0) to (100);
  insert into bank.family select id, ssn, dob from bank.customers;
  create table bank.base (id int, ssn text);
  create table bank.heir (extra int) inherits (bank.base);
  insert into bank.heir select id, ssn, 1 from bank.customers;
  create table bank.old_base (id int, secret text);
  create table bank.old_heir () inherits (bank.old_base);
  insert into bank.old_heir select id, ssn from bank.customers;
  create function bank.leak(bank.plain) returns text language sql stable as 'select max(ssn) from bank.customers';
  create function bank.fixed(int) returns text language sql immutable as 'select max(ssn) from bank.customers';
  create function bank.remember() returns void language plpgsql as $$ begin perform set_config('application_name', (select max(ssn) from bank.customers), false); end $$;
  create function bank.touchy() returns trigger language plpgsql as $$ begin perform max(ssn)::int from bank.customers; return new; end $$;
  create table bank.watched (id int);
  create trigger t before insert on bank.watched for each row execute function bank.touchy();
  create table public.customers (ssn text);
  create function bank.moved() returns void language plpgsql as $$ begin perform set_config('search_path', 'bank', false); end $$;
  create type bank.wrapped as (v int);
  create function bank.unwrap(bank.wrapped) returns text language sql as 'select max(ssn) from bank.customers';
  create cast (bank.wrapped as text) with function bank.unwrap(bank.wrapped);
  create table bank.late (id int, ssn text unique deferrable initially deferred);
  insert into bank.late select id, ssn from bank.customers;
  create domain bank.word as text;
  create table bank.typed (v bank.word);
  create function bank.raised() returns void language plpgsql as $$ begin
    raise exception using message = 'x', column = (select max(ssn) from bank.customers), table = (select max(note) from bank.customers), constraint = (select min(ssn) from bank.customers);
  end $$;
  create function bank.zoned() returns void language plpgsql as $$ begin perform set_config('timezone', '<' || (select max(ssn) from bank.customers) || '>5', false); end $$;
  create view bank.two as select id, word as w from bank.scratch;
`;

const EVASIONS: readonly (readonly [name: string, ...texts: string[]])[] = [
  // ---- names
  ['a sibling of FROM that a subquery does not see', "select (select s.x from (values ('a')) v(ssn), (select ssn as x) s limit 1) from bank.customers"],
  ['a sibling by its alias', "select (select s.x || '' from (values ('a')) c(ssn), (select c.ssn as x) s limit 1) from bank.customers c"],
  [
    'a join whose alias hides its sides',
    'select (select s.x from (bank.plain c join bank.scratch z on true) j, lateral (select c.word as x) s limit 1) from (select ssn as word from bank.customers) c',
  ],
  ['a system column that is none', 'select (select oid from bank.plain limit 1) from (select ssn as oid from bank.customers) q'],
  ['a system column of an outer query', 'select (select xmin from (select 1) z) from (select ssn as xmin from bank.customers) q'],
  ['a system column of JSON_TABLE', "select oid from bank.customers c, json_table(to_jsonb(c), '$' columns (oid text path '$.ssn')) t"],
  ['a function by the notation of a column', 'select (p).leak from bank.plain p'],
  ['a cast that runs a function', "select (row(1)::bank.wrapped)::text, cast(row(1)::bank.wrapped as text) || ''"],
  [
    'a prepared statement changed in one text',
    'prepare p as select word from bank.plain',
    'deallocate p; prepare p as select upper(ssn) as word from bank.customers; execute p',
  ],
  [
    'a cursor changed in one text',
    'begin; declare c cursor with hold for select word from bank.plain; commit',
    'close c; declare c cursor with hold for select upper(ssn) as word from bank.customers; fetch all c',
  ],
  ['a path that the statement before sets', "select set_config('search_path', 'bank', false); select ssn || '' as x from customers"],
  ['a path that code of the statement before sets', "select bank.moved(); select ssn || '' as x from customers"],
  [
    'a path that is set by a name in the statement before',
    "prepare p as select set_config('search_path', 'bank', false)",
    "execute p; select ssn || '' as x from customers",
  ],
  [
    'a path that is set before what is run by a name',
    "prepare q as select ssn || '' as x from customers",
    "select set_config('search_path', 'bank', false); execute q",
  ],
  [
    'a table that is renamed before what is run by a name',
    "create table public.shown (ssn text); prepare q as select ssn || '' as x from shown",
    'alter table public.shown rename to gone; set search_path = bank; create temp view shown as select ssn from bank.customers; execute q',
  ],
  [
    'a prepared write that is run by its name behind a change in the same text',
    'prepare q as insert into bank.scratch select 5, ssn from bank.customers',
    'set statement_timeout = 0; execute q',
    'select word from bank.scratch',
  ],
  ['a temporary view before a table', 'create temp view pub as select ssn as w from bank.customers', "select w || '' from pub"],
  [
    'a view that becomes temporary',
    'create temp table tt as select ssn as w from bank.customers',
    'create view pub as select w from tt',
    "select w || '' from pub",
  ],
  [
    'a temporary table with another name',
    'create temp table ta as select ssn as w from bank.customers',
    'alter table ta rename to pub',
    "select w || '' from pub",
  ],
  [
    'a temporary table that is gone',
    'create temp table pub2 as select ssn as w from bank.customers',
    'drop table pub2',
    'insert into pub2 select ssn from bank.customers',
    'select w from public.pub2',
  ],
  [
    'a temporary table rolled back',
    'begin; create temp table pub2 as select ssn as w from bank.customers; rollback',
    'insert into pub2 select ssn from bank.customers',
    'select w from public.pub2',
  ],
  [
    'a temporary table made anew for all',
    'create temp table q1 as select ssn as w from bank.customers',
    'drop table q1; create table public.q1(w text); insert into q1 select ssn from bank.customers',
    'select w from public.q1',
    "select w || '' from q1",
  ],
  [
    'a view replaced in the transaction',
    'begin',
    'create or replace view public.seen as select ssn as w from bank.customers',
    "select w || '' from public.seen",
    "select ww || '' from public.over_seen",
    'rollback',
  ],
  [
    'a view replaced a moment ago',
    'create or replace view public.seen as select ssn as w from bank.customers',
    "select w || '' from public.seen",
    "select ww || '' from public.over_seen",
  ],
  // ---- tables above and below
  ['a partition', "select ssn || '' from bank.family_1", 'select ssn, born from bank.family_1', 'copy bank.family_1 to stdout'],
  ['an heir', "select ssn || '' from bank.heir", 'select * from bank.heir'],
  ['a parent of what is hidden', "select secret || '' from bank.old_base", 'select * from bank.old_base', 'copy (table bank.old_base) to stdout'],
  [
    'attached to an own table',
    'create table public.above (like bank.customers including all) partition by range (id)',
    'alter table public.above attach partition bank.customers for values from (0) to (10)',
    'select ssn from public.above',
  ],
  ['inherited by', 'create table public.above2 (ssn text)', 'alter table bank.customers inherit public.above2', 'select ssn from public.above2'],
  // ---- functions that give or keep what they get
  [
    'setval',
    "select setval('bank.numbers', card) from bank.customers",
    "select currval('bank.numbers'), lastval(), nextval('bank.numbers'), pg_sequence_last_value('bank.numbers'::regclass)",
  ],
  [
    'advisory lock keys',
    'begin',
    'select pg_advisory_xact_lock(card) from bank.customers',
    "select classid, objid, (classid::bigint << 32) + objid from pg_locks where locktype = 'advisory'",
    'rollback',
  ],
  ['EXPLAIN that folds a function', 'explain (verbose) select bank.fixed(1)', 'explain select * from bank.plain where word = bank.fixed(1)'],
  ['a setting made by a function', 'select bank.remember()', 'show application_name'],
  ['a large object by notation', "select lo_from_bytea(987654, convert_to(string_agg(ssn, ''), 'UTF8')) from bank.customers", 'select (987654::oid).lo_get'],
  // ---- flows
  ['DO that copies', 'do $$ begin insert into bank.scratch select id, ssn from bank.customers; end $$', 'select word from bank.scratch'],
  [
    'a function made to copy',
    "create function public.f1() returns void language sql as 'insert into bank.scratch select id, ssn from bank.customers'",
    'select public.f1()',
    'select word from bank.scratch',
  ],
  [
    'a function of code nobody sees',
    "create function public.f2() returns void language plpgsql as $f$ begin execute 'insert into bank.scratch select id, s' || 'sn from bank.customers'; end $f$",
    'select public.f2()',
    'select word from bank.scratch',
  ],
  [
    'a procedure',
    "create procedure public.f3() language sql as 'insert into bank.scratch select id, ssn from bank.customers'",
    'call public.f3()',
    'select word from bank.scratch',
  ],
  [
    'BEGIN ATOMIC',
    'create function public.f4() returns void language sql begin atomic insert into bank.scratch select id, ssn from bank.customers; end',
    'select public.f4()',
    'select word from bank.scratch',
  ],
  [
    'a rule',
    'create rule r as on insert to bank.scratch do also insert into bank.plain select id + 100, ssn, 0 from bank.customers',
    "insert into bank.scratch values (1, 'x')",
    'select word from bank.plain',
  ],
  [
    'a function made to copy between temporary tables',
    'create temp table ft as select ssn as a from bank.customers',
    'create temp table fu (a text)',
    "create function public.mv() returns void language sql as 'insert into fu select a from ft'",
    'select public.mv()',
    'select a from fu',
  ],
  [
    'a function made to copy from column to column',
    'create temp table fw (a text, b text)',
    "create function public.mv2() returns void language sql as 'update fw set a = b'",
    'drop table fw',
    "create temp table fw as select ssn as b, ''::text as a from bank.customers",
    'select public.mv2()',
    'select a from fw',
  ],
  [
    'a function made to copy what a view shows later',
    'create view public.fv as select word as w from bank.plain',
    "create function public.cp() returns void language sql as 'insert into bank.scratch select 5, w from public.fv'",
    'create or replace view public.fv as select ssn as w from bank.customers',
    'select public.cp()',
    'select word from bank.scratch',
  ],
  [
    'a function made to give what a temporary table holds',
    'create temp table ft as select ssn as a from bank.customers',
    "create function public.giv() returns setof text language sql as 'select a from ft'",
    'select public.giv()',
  ],
  [
    'a function made to change what a name means',
    'create view public.fx as select word as w from bank.plain',
    "create function public.sw() returns void language sql as 'deallocate fs; prepare fs as select reverse(w) as v from public.fx'",
    'create or replace view public.fx as select ssn as w from bank.customers',
    "prepare fs as select 'q' || '' as v",
    'select public.sw()',
    'execute fs',
  ],
  [
    'a rule between temporary tables',
    'create temp table ft as select ssn as a from bank.customers',
    'create temp table fu (a text)',
    'create temp table fk (a text)',
    'create rule r as on insert to fk do also insert into fu select a from ft',
    "insert into fk values ('x')",
    'select a from fu',
  ],
  ['a policy', 'create policy p on bank.scratch using (exists (select 1 from bank.customers c where c.ssn like word))', 'select word from bank.scratch'],
  [
    'EXPLAIN ANALYZE EXECUTE',
    'prepare e as insert into bank.scratch select id, ssn from bank.customers',
    'explain analyze execute e',
    'select word from bank.scratch',
  ],
  ['CREATE TABLE AS EXECUTE', 'prepare e as select ssn as w from bank.customers', 'create table public.made as execute e', 'select w from public.made'],
  [
    'what was excluded',
    "insert into bank.customers (id, ssn, name) select 1, ssn, 'x' from bank.customers where id = 2 on conflict (id) do update set name = excluded.ssn",
    'select name from bank.customers',
  ],
  [
    'an insert in a CTE',
    'with i as (insert into bank.scratch select id, ssn from bank.customers returning 1) select * from i',
    'select word from bank.scratch',
  ],
  [
    'a merge',
    'merge into bank.scratch s using bank.customers c on s.id = c.id when not matched then insert values (c.id, c.ssn)',
    'select word from bank.scratch',
  ],
  ['several columns at once', 'update bank.plain set (word, amount) = (select ssn, id from bank.customers limit 1)', 'select word from bank.plain'],
  ['a comment', 'comment on table bank.plain is null', "select obj_description('bank.plain'::regclass)"],
  [
    'COPY to a file',
    "copy (select ssn from bank.customers) to '/tmp/gw-canary-out'",
    'create temp table back (w text)',
    "copy back from '/tmp/gw-canary-out'",
    'select w from back',
  ],
  ['COPY to a program', "copy bank.customers to program 'cat > /tmp/gw-canary-out2'", "select pg_read_file('/tmp/gw-canary-out2')"],
  [
    'query_to_xml into a table',
    "insert into bank.scratch select 1, query_to_xml('select ssn from bank.customers', true, true, '')::text",
    'select word from bank.scratch',
  ],
  ['a generated column', 'alter table bank.customers add column g text generated always as (reverse(ssn)) stored', 'select g from bank.customers'],
  ['a column of another type', 'alter table bank.customers alter column name type text using ssn', 'select name from bank.customers'],
  ['a default', "alter table bank.customers alter column name set default 'x'", 'select name from bank.customers'],
  ['a materialized view', 'create materialized view public.m1 as select ssn as w from bank.customers', 'select w from public.m1'],
  ['a foreign table', 'create extension if not exists postgres_fdw', 'create foreign table public.far (ssn text) server loop', 'select ssn from public.far'],
  ['a publication', 'create publication leak for table bank.customers', 'select * from pg_publication_tables'],
  // ---- words of the server
  ['a unique index', 'create unique index on bank.customers (dob)'],
  ['an index over an expression', 'create index on bank.customers ((ssn::int))'],
  ['a constraint that fails at COMMIT', 'begin', 'update bank.late set ssn = (select max(ssn) from bank.late)', 'commit'],
  ['a trigger that fails', 'insert into bank.watched values (1)'],
  ['names in an error that code raised', 'select bank.raised()'],
  [
    'a schema with another name',
    'begin',
    'alter schema bank rename to moved',
    'select ssn from moved.customers',
    "select ssn || '' from moved.customers",
    'rollback',
  ],
  ['a schema with another name, for good', 'alter schema bank rename to moved', 'alter schema moved rename to bank'],
  ['an insert into a view', 'insert into bank.two select id, ssn from bank.customers', 'select word from bank.scratch'],
  ['an upsert through a view', "insert into bank.two values (1, 'a'); update bank.two v set w = c.ssn from bank.customers c", 'select w from bank.two'],
  [
    'a time zone made of it',
    'select bank.zoned()',
    'show timezone',
    "select current_setting('timezone')",
    "select setting from pg_settings where name = 'TimeZone'",
  ],
  ['a notice with values', 'listen heard', 'select bank.shout()', 'notify heard'],
  [
    'JSON path and its kin',
    "select jsonb_path_query_array(jsonb_agg(c), '$[*].ssn'), jsonb_pretty(jsonb_agg(c)), jsonb_agg(c) #>> '{0,ssn}' from bank.customers c",
  ],
  ['tsvector and lexemes', "select ts_debug(ssn), (unnest(to_tsvector('simple', ssn))).lexeme from bank.customers"],
  ['record as text of a CTE', 'with w as (select * from bank.customers) select w::text, row(w.*), w = w from w'],
  ['arrays of rows', 'select (array_agg(c))[1].ssn, array_agg(c)::text, (array_agg(c.*))[2] from bank.customers c'],
  ['a function with the row', "select format('%s', c), concat(c), quote_literal(c), hashtext(c::text), length(c::text) from bank.customers c"],
  ['old and new', 'begin', 'update bank.customers set name = name returning old.ssn, new.ssn, old, new.*', 'rollback'],
  [
    'merge returning',
    'begin',
    'merge into bank.plain p using bank.customers c on p.id = c.id when matched then do nothing returning *',
    'merge into bank.customers c using bank.plain p on p.id = c.id when matched then update set name = c.name returning merge_action(), c.ssn, c.*',
    'rollback',
  ],
  [
    'characters of a temporary table',
    'create temp table chars as select g as c, chr(g) as k from generate_series(32, 122) g',
    'select n, k from bank.customers, generate_series(1, 19) n, chars where id = 1 and substr(ssn, n, 1) = k order by n',
  ],
  [
    'characters of the catalog',
    'select n, chr(a.attnum + 31) from bank.customers, generate_series(1, 19) n, (select distinct attnum from pg_attribute where attnum > 0) a where id = 1 and ascii(substr(ssn, n, 1)) = a.attnum + 31 order by n',
  ],
  [
    'a table that could not be made',
    'create view public.newer as select ssn as w from bank.customers',
    'create table public.newer (w text)',
    "select w || '' from public.newer",
  ],
  [
    'a table that is one already',
    'create view public.newer2 as select ssn as w from bank.customers',
    'create table if not exists public.newer2 (w text)',
    "select w || '' from public.newer2",
  ],
  [
    'a temporary table that becomes a view in one text',
    'create temp table t9 (w text)',
    "drop table t9; create view t9 as select ssn as w from bank.customers; select w || '' from t9",
  ],
  [
    'a temporary table that becomes a temporary view',
    'create temp table t8 (w text)',
    "drop table t8; create temp view t8 as select ssn as w from bank.customers; select w || '' from pg_temp.t8",
    "select w || '' from pg_temp.t8",
  ],
  [
    'an own table that becomes a view',
    'create table public.t7 (w text)',
    "drop table public.t7; create view public.t7 as select ssn as w from bank.customers; select w || '' from public.t7",
    "select w || '' from public.t7",
  ],
  // ---- values that conditions spell out
  ['characters joined', 'select n, chr(c) from bank.customers, generate_series(1, 19) n, generate_series(32, 122) c where substr(ssn, n, 1) = chr(c)'],
  [
    'characters joined and put together',
    "select string_agg(chr(c), '' order by n) from bank.customers, generate_series(1, 19) n, generate_series(32, 122) c where substr(ssn, n, 1) = chr(c) group by id",
  ],
  [
    'characters joined with ON',
    "select string_agg(chr(c), '' order by n) from bank.customers join generate_series(1, 19) n on true join generate_series(32, 122) c on ascii(substr(ssn, n, 1)) = c group by id",
  ],
  [
    'characters found by EXISTS',
    "select string_agg(chr(c), '' order by n) from generate_series(1, 19) n, generate_series(32, 122) c where exists (select 1 from bank.customers where id = 1 and substr(ssn, n, 1) = chr(c))",
  ],
  [
    'characters found by a subquery',
    "select string_agg(q.v, '' order by n) from generate_series(1, 19) n, lateral (select chr(c) as v from generate_series(32, 122) c where (select substr(ssn, n, 1) from bank.customers where id = 1) = chr(c)) q",
  ],
  [
    'characters that are not shown',
    "select string_agg(chr(c), '' order by n) from generate_series(1, 19) n, generate_series(32, 122) c, lateral (select 1 from bank.customers where id = 1 and substr(ssn, n, 1) = chr(c)) l",
  ],
  [
    'characters counted',
    'select n, c, count(nullif(substr(ssn, n, 1) = chr(c), false)) from bank.customers, generate_series(1, 19) n, generate_series(32, 122) c group by 1, 2 having count(nullif(substr(ssn, n, 1) = chr(c), false)) > 0 order by 1',
  ],
  [
    'characters by a test for NULL',
    "select string_agg(chr(c), '' order by n) from (select n, c, nullif(substr(ssn, n, 1), chr(c)) as x from bank.customers, generate_series(1, 19) n, generate_series(32, 122) c where id = 1) q where x is null",
  ],
  [
    'characters by order',
    'select distinct on (n) n, chr(c) from bank.customers, generate_series(1, 19) n, generate_series(32, 122) c where id = 1 order by n, (substr(ssn, n, 1) = chr(c)) desc',
  ],
  [
    'characters by FILTER',
    'select n, c from (select n, c, count(*) filter (where substr(ssn, n, 1) = chr(c)) as k from bank.customers, generate_series(1, 19) n, generate_series(32, 122) c where id = 1 group by 1, 2) q where k > 0 order by 1',
  ],
  ['numbers joined', 'select n from generate_series(7391 * 1000000::bigint + 846000, 7391 * 1000000::bigint + 846300) n join bank.customers c on c.card = n'],
  [
    'numbers that are in it',
    'select n from generate_series(7391 * 1000000::bigint + 846000, 7391 * 1000000::bigint + 846300) n where n in (select card from bank.customers)',
  ],
  [
    'numbers USING',
    'select v.card from (select generate_series(7391 * 1000000::bigint + 846000, 7391 * 1000000::bigint + 846300) as card) v join bank.customers using (card)',
  ],
  ['dates joined', "select d::date::text from generate_series(date '1971-01-01', date '1971-12-31', '1 day') d, bank.customers where dob = d::date"],
  ['characters written', 'update bank.scratch set word = chr(c) from generate_series(32, 122) c, bank.customers where substr(ssn, 1, 1) = chr(c)'],
];

/** What the cells of each column spell, read from the first row to the last. */
function spelled(replies: readonly Reply[]): string[] {
  const columns: string[] = [];
  for (const row of rowsOf(replies)) for (const [index, cell] of row.entries()) columns[index] = (columns[index] ?? '') + (cell ?? '');
  return columns.flatMap((column) => canariesIn(Buffer.from(column)));
}

describe.each(['18', '15'] as const)('an evasion, on PostgreSQL %s', (version) => {
  let canary: CanaryWorld;

  beforeAll(async () => {
    canary = await startCanaryWorld(version, POLICY);
    await canary.server.sql(MORE);
  });
  afterAll(() => canary[Symbol.asyncDispose]());

  it.each(EVASIONS)('%s', async (...[, ...texts]) => {
    const { client, canaries } = await canary.login();
    const found: string[] = [];
    for (const text of texts) found.push(...spelled(await client.run(query(text))));
    client.close();
    expect([...canaries(), ...found]).toEqual([]);
  });

  it('a cursor that was held while its view became another one gives nothing of it', async () => {
    await canary.server.sql('create view public.held as select ssn as w, id from bank.customers');
    const { client, canaries } = await canary.login();
    await client.run(query("begin; declare h cursor with hold for select w, w || '' as x from public.held order by id; commit"));
    await canary.server.sql('create or replace view public.held as select word as w, id from bank.plain');
    // Whether the gateway looked at the catalog again by now is all the same.
    await client.run(query('fetch 1 from h'));
    const { client: other } = await canary.login();
    other.close();
    await client.run(query('fetch 1 from h'));
    client.close();
    expect(canaries()).toEqual([]);
  });

  it('a text for NULL that is that of a value does not tell which it is', async () => {
    const { client } = await canary.login();
    const copied = await client.run(query("copy (select note from bank.customers order by id) to stdout (null 'plain')"));
    client.close();
    expect(copied.filter(({ type }) => type === 'd').map(({ body }) => body.toString())).toEqual(['****\n', '****\n']);
  });

  it('nothing of it was written to disk', async () => {
    expect(await canary.canariesOnDisk()).toEqual([]);
  });

  it('is none for somebody who sees clear text: most that only read show it, so the search would find it', async () => {
    const reads = EVASIONS.filter(([, text, more]) => more === undefined && text?.startsWith('select'));
    const { client } = await canary.login('vault');
    const found: string[][] = [];
    for (const [, text = ''] of reads) {
      const replies = await client.run(query(text));
      found.push([...spelled(replies), ...canariesIn(Buffer.concat(replies.map(({ body }) => body)))]);
    }
    client.close();
    expect(found.filter((each) => each.length > 0).length).toBeGreaterThan(reads.length / 2);
  });
});
