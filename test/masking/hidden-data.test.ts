/** redteam 6d: ways to get at a hidden column, each against a real server. No canary may be in any byte that is delivered or written to disk. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, describe as describeMessage, execute, fields, parse, query, rowsOf, sync } from '../support/raw-client.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';

let canary: CanaryWorld;

beforeAll(async () => {
  canary = await startCanaryWorld();
});
afterAll(() => canary[Symbol.asyncDispose]());

const WAYS = `
select ssn from bank.customers
select * from bank.customers
table bank.customers
select ssn as y from bank.customers as c
select c from bank.customers c
select c.* from bank.customers c
select (c).ssn from bank.customers c
select (c.*)::text from bank.customers c
select s from (select ssn as s from bank.customers) q
with q as materialized (select ssn from bank.customers) select * from q
select l.s from bank.customers c, lateral (select c.ssn as s) l
select distinct ssn from bank.customers
select ssn, count(*) from bank.customers group by ssn
select ssn::text, ssn::varchar, ssn::varchar(200), ssn::bytea from bank.customers
select ssn || '', '' || ssn, concat(ssn, 'x'), format('%s', ssn) from bank.customers
select upper(ssn), lower(ssn), reverse(ssn), initcap(ssn) from bank.customers
select substr(ssn, 1, 9) || substr(ssn, 10) from bank.customers
select left(ssn, 8), right(ssn, 8), split_part(ssn, '-', 1) from bank.customers
select substr(ssn, n, 8) from bank.customers, generate_series(1, 12) n
select coalesce(ssn, 'x'), nullif(ssn, 'x'), greatest(ssn, 'A'), case when true then ssn end from bank.customers
select max(ssn), min(ssn), string_agg(ssn, ','), array_agg(ssn), json_agg(ssn) from bank.customers
select lag(ssn) over (order by id), first_value(ssn) over (order by id) from bank.customers
select (select ssn from bank.customers limit 1)
select array(select ssn from bank.customers)
select ssn from bank.customers union all select 'x'
select 'x' union select ssn from bank.customers
select v from bank.customers c, lateral (values (c.ssn), ('x')) q(v)
select unnest(array_agg(ssn)) from bank.customers
select quote_literal(ssn), quote_ident(ssn), quote_nullable(ssn) from bank.customers
select encode(ssn::bytea, 'hex'), encode(ssn::bytea, 'base64'), encode(convert_to(ssn, 'UTF8'), 'escape') from bank.customers
select ascii(substr(ssn, n, 1)) from bank.customers, generate_series(1, 19) n
select string_agg(ascii(substr(ssn, n, 1))::text, ',') from bank.customers, generate_series(1, 19) n group by id
select string_agg(chr(ascii(substr(ssn, n, 1))), '' order by n) from bank.customers, generate_series(1, 19) n group by id
select translate(ssn, '-', '_'), replace(ssn, '-', '_'), overlay(ssn placing 'x' from 5) from bank.customers
select regexp_replace(ssn, '-', ''), regexp_matches(ssn, '.*'), regexp_split_to_array(ssn, '-') from bank.customers
select x from bank.customers, regexp_split_to_table(ssn, '-') x
select row_to_json(c), to_json(c), to_jsonb(c), jsonb_build_object('a', ssn), json_build_array(ssn) from bank.customers c
select to_jsonb(c) ->> 'ssn', to_jsonb(c) -> 'card', jsonb_path_query(to_jsonb(c), '$.ssn') from bank.customers c
select key, value from bank.customers c, jsonb_each_text(to_jsonb(c))
select xmlelement(name x, ssn), xmlforest(ssn), xmlagg(xmlelement(name y, note)) from bank.customers group by ssn
select query_to_xml('select ssn from bank.customers', true, true, '')
select table_to_xml('bank.customers', true, true, '')
select (x).ssn from (select c as x from bank.customers c) q
select * from bank.all_of()
select ssn from bank.all_of()
select bank.all_of()
select (bank.all_of()).ssn
select bank.ssn_of(1)
select * from bank.ssn_of(1)
select bank.shout()
select bank.fail()
select social, tail from bank.renamed
select * from bank.twice
select * from bank.kept
select card, card + 0, card * 2 / 2, card::text, to_char(card, '9999999999'), to_hex(card) from bank.customers
select card % 100000000, -card, card | 0, card # 0, sum(card), avg(card) from bank.customers group by card
select dob, dob + 0, dob::text, to_char(dob, 'YYYY-MM-DD'), dob::timestamp, date_part('epoch', dob) from bank.customers
select extract(day from dob), age(dob), dob - date '1970-01-01', date_trunc('day', dob) from bank.customers
select row(ssn, card), array[ssn, note], (ssn, id) from bank.customers
select int8range(card, card + 1), array[card] from bank.customers
prepare p as select ssn from bank.customers; execute p
begin; declare c cursor for select ssn from bank.customers; fetch all from c; commit
begin; declare d scroll cursor with hold for select note, ssn from bank.customers; commit; fetch 1 from d; fetch backward 1 from d; close d
begin; declare f cursor with hold for select ssn::int from bank.customers; commit
begin; declare e binary cursor for select ssn, card, dob from bank.customers; fetch all from e; commit
update bank.customers set name = name returning ssn, card
insert into bank.customers (id, ssn, name) values (1, 'x', 'y') on conflict (id) do update set name = bank.customers.name returning bank.customers.*
delete from bank.customers where id = 99 returning *
with u as (update bank.customers set name = name returning ssn) select * from u
with m as (merge into bank.customers c using bank.plain p on c.id = p.id when matched then update set name = c.name returning c.ssn) select * from m
with i as (insert into bank.customers (id, ssn, name) values (1, 'x', 'y') on conflict (id) do update set name = bank.customers.name returning customers.*) select i, upper(ssn) from i
begin; with d as (delete from bank.customers returning *) select d, (d).ssn, ssn || '', card + 0 from d; rollback
begin; with m as (merge into bank.customers c using bank.plain p on c.id = p.id when matched then delete returning c.*) select * from m; rollback
begin; with u as (update bank.customers set note = ssn returning note, to_jsonb(customers) as j) select note, j ->> 'ssn' from u; rollback
update bank.customers set ssn = (select max(ssn) from bank.customers)
update bank.customers set id = card where card > 0
select id from bank.customers where ssn::int = 1
select id from bank.customers where (ssn || 'x')::date > now()
select id from bank.customers order by note::int
select count(*) from bank.customers group by ssn::uuid
update bank.plain set amount = 1 where exists (select 1 from bank.customers where ssn::numeric = 1)
delete from bank.plain using bank.customers c where c.card::int = 1
select * from jsonb_populate_recordset(null::bank.customers, (select jsonb_agg(c) from bank.customers c))
select x.ssn from bank.customers c, jsonb_to_record(to_jsonb(c)) as x (ssn text)
do $$ begin execute format('comment on table bank.plain is %L', (select ssn from bank.customers limit 1)); end $$; select obj_description('bank.plain'::regclass)
do $$ begin execute format('create role %I', (select ssn from bank.customers limit 1)); end $$; select rolname from pg_roles
copy bank.customers to stdout
copy bank.customers to stdout (format csv, header)
copy bank.customers to stdout (format binary)
copy bank.customers (ssn, note) to stdout (delimiter '|', null 'x')
copy (select ssn, upper(note) from bank.customers) to stdout
copy (select ssn from bank.customers) to stdout (format csv, force_quote *, quote '''')
select ssn into temp t1 from bank.customers; select * from t1
create temp table t2 as select ssn as x, id from bank.customers; select x || '' from t2
create temp table t3 (w text); insert into t3 select ssn from bank.customers; select * from t3
select ssn into public.t4 from bank.customers; select * from public.t4
create table public.t5 as select ssn as x from bank.customers; select x from public.t5
insert into bank.scratch select id, ssn from bank.customers; select word from bank.scratch
update bank.plain set word = (select ssn from bank.customers limit 1); select word from bank.plain
update bank.customers set name = ssn; select name from bank.customers
create view public.v1 as select ssn as z from bank.customers; select z from public.v1
alter table bank.customers rename column ssn to zz; select zz from bank.customers
alter table bank.customers rename to renamed_away; select ssn from bank.renamed_away
select pg_notify('z', ssn) from bank.customers
select set_config('application_name', ssn, false) from bank.customers limit 1
select ssn::int from bank.customers
select ssn::date from bank.customers
select note::xml from bank.customers
select ('{' || ssn)::jsonb from bank.customers
select 1 / (case when ssn like 'K%' then 0 else 1 end) from bank.customers
insert into bank.customers (id, ssn, name) select 9, ssn, 'z' from bank.customers
update bank.customers set name = null
explain (analyze, verbose) select ssn from bank.customers where ssn > 'A'
select most_common_vals, histogram_bounds from pg_stats where tablename = 'customers'
select * from pg_stats where schemaname = 'bank'
select stavalues1 from pg_statistic
select query from pg_stat_activity
select datname, query from pg_stat_get_activity(null)
select * from bank.customers natural join bank.plain
select * from bank.customers join bank.plain using (id)
select * from bank.plain p left join bank.customers c on c.id = p.id
select p.* , c.* from bank.plain p, bank.customers c
with recursive r(n, s) as (select 1, ssn from bank.customers union all select n + 1, s from r where n < 3) select * from r
select bank.customers from bank.customers
select customers from bank.customers
select q.* from bank.customers c, lateral (select c.*) q
select json_object('a' : ssn), json_array(ssn), json_scalar(ssn) from bank.customers
select json_value(to_jsonb(c), '$.ssn'), json_query(to_jsonb(c), '$') from bank.customers c
select t.* from bank.customers c, json_table(to_jsonb(c), '$' columns (a text path '$.ssn')) t
select x.* from bank.customers c, xmltable('/r/a' passing xmlparse(document '<r><a>' || c.ssn || '</a></r>') columns v text path '.') x
select string_to_array(ssn, '-'), array_to_string(array[ssn], ','), string_to_table(ssn, '-') from bank.customers
select t from bank.customers, ts_parse('default', ssn) t
select to_tsvector('simple', ssn), ts_headline('simple', ssn, 'a') from bank.customers
set search_path = bank; select ssn from customers; select c from customers c
select ssn collate "C" from bank.customers
select max(ssn) filter (where true), percentile_disc(0.5) within group (order by ssn) from bank.customers
values ((select ssn from bank.customers limit 1))
select * from rows from (bank.all_of(), generate_series(1, 2)) r
do $$ begin raise notice '%', (select ssn from bank.customers limit 1); end $$
do $$ begin raise exception '%', (select ssn from bank.customers limit 1); end $$
lock table bank.customers; select ssn from only bank.customers
select ssn from bank.customers tablesample system (100)
select num_nonnulls(ssn), pg_column_size(ssn), octet_length(ssn) from bank.customers
`
  .trim()
  .split('\n');

describe('a hidden column', () => {
  it.each(WAYS)('%s', async (text) => {
    const { client, canaries } = await canary.login();
    for (const statement of [text]) await client.run(query(statement));
    client.close();
    expect(canaries()).toEqual([]);
  });

  it.each(WAYS.filter((text) => !text.includes(';')))('prepared, in binary: %s', async (text) => {
    const { client, canaries } = await canary.login();
    const binary = Buffer.concat([Buffer.from('\0\0'), Buffer.from([0, 0, 0, 0, 0, 1, 0, 1])]);
    const bindBinary = Buffer.concat([Buffer.from('B'), Buffer.from([0, 0, 0, binary.length + 4]), binary]);
    await client.run(Buffer.concat([parse('', text), bindBinary, execute(''), sync()]));
    await client.run(Buffer.concat([parse('s', text), describeMessage('S', 's'), sync()]));
    await client.run(Buffer.concat([bind('', 's'), describeMessage('P', ''), execute('', 1), execute('', 0), sync()]));
    client.close();
    expect(canaries()).toEqual([]);
  });
});

describe('what is not hidden', () => {
  it.each<[string, (string | null)[][]]>([
    [
      'select id, name from bank.customers order by id',
      [
        ['1', 'Ada'],
        ['2', 'Bob'],
      ],
    ],
    [
      'select ssn, name from bank.customers order by id',
      [
        ['****', 'Ada'],
        ['****', 'Bob'],
      ],
    ],
    [
      'select card, dob, balance from bank.customers order by id',
      [
        [null, '1971-01-01', '10.50'],
        [null, '1971-01-01', '20.50'],
      ],
    ],
    [
      'select word, amount from bank.plain order by id',
      [
        ['hello', '10'],
        ['world', '20'],
      ],
    ],
    ['select count(ssn), count(*) from bank.customers', [['2', '2']]],
    // A billion numbers are tried in minutes: a hash of one says what it is (redteam D3).
    [
      'select md5(ssn), sha256(ssn::bytea)::text, hashtext(ssn), hashint8extended(card, 7), (select md5(string_agg(ssn, $$,$$)) from bank.customers) from bank.customers',
      Array.from({ length: 2 }, () => ['****', '****', null, null, '****']),
    ],
    ["select 1, 'x', now() is null", [['1', 'x', 'f']]],
    [
      'select c.name, p.word from bank.customers c join bank.plain p using (id) order by 1',
      [
        ['Ada', 'hello'],
        ['Bob', 'world'],
      ],
    ],
    ["select relname from pg_class where relname = 'customers'", [['customers']]],
    ['show server_encoding', [['UTF8']]],
  ])('%s', async (text, expected) => {
    const { client } = await canary.login();
    expect(rowsOf(await client.run(query(text)))).toEqual(expected);
    client.close();
  });

  it('says what is wrong with a statement that touches nothing hidden', async () => {
    const { client } = await canary.login();
    const [error] = (await client.run(query("select 'abc'::int"))).filter(({ type }) => type === 'E');
    expect(error === undefined ? null : fields(error)['M']).toBe('invalid input syntax for type integer: "abc"');
    client.close();
  });
});

it('nothing of it was written to disk', async () => {
  expect(await canary.canariesOnDisk()).toEqual([]);
});

describe('who may see it', () => {
  it('sees it as it is and always was', async () => {
    const { client } = await canary.login('vault');
    expect(rowsOf(await client.run(query('select ssn, card::text, dob::text, note from bank.customers order by id')))).toEqual([
      ['Kq7X-Wz3v-9bTn-R4mJ', '7391846205', '1971-03-19', 'plain'],
      ['Yd8P-Hg2c-6sLf-V5xQ', '8264097153', '1971-03-19', 'Zu1G-Nk8w-3tBj-C7yF'],
    ]);
    client.close();
  });

  it('is shown canaries by nearly all of these ways, so the search finds them', async () => {
    const shown: string[] = [];
    for (const text of WAYS) {
      const { client, canaries } = await canary.login('vault');
      await client.run(query(`begin; ${text.replace(/\b(begin|commit);? ?/g, '')}`));
      client.close();
      if (canaries().length > 0) shown.push(text);
    }
    expect(shown.length).toBeGreaterThan(WAYS.length * 0.75);
  });
});
