/**
 * redteam 6d, D6 and D10: a hidden column that decides which rows are shown, in what order, how many, or whether there is an error. Who may
 * not use it so is refused, and nothing of the statement reaches the server.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, execute, fields, parse, query, type Reply, rowsOf, sync } from '../support/raw-client.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';
import { told } from './told-values.js';

let canary: CanaryWorld;
beforeAll(async () => {
  canary = await startCanaryWorld();
  canary.world.identities.set('bot', { kind: 'agent', groups: ['engineers'] });
});
afterAll(() => canary[Symbol.asyncDispose]());

const codes = (replies: readonly Reply[]): (string | undefined)[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['C']);

/** More than a comparison of the column with what is known. */
const ORACLES = `
select id from bank.customers where ssn like 'K%'
select id from bank.customers where ssn > 'L'
select id from bank.customers where ssn between 'A' and 'L'
select id from bank.customers where substr(ssn, 1, 1) = 'K'
select id from bank.customers where left(ssn, 1) in ('K', 'L')
select id from bank.customers where length(ssn) = 19
select id from bank.customers where ssn <> 'x'
select id from bank.customers where ssn || '' = 'x'
select id from bank.customers where (ssn)::bytea = 'x'
select id from bank.customers where card % 10 = 5
select id from bank.customers where card + 1 = 2
select id from bank.customers where dob < '1980-01-01'
select id from bank.customers where extract(year from dob) = 1971
select id from bank.customers where ssn ~ '^K'
select id from bank.customers where ssn similar to 'K%'
select id from bank.customers where starts_with(ssn, 'K')
select id from bank.customers where position('K' in ssn) = 1
select id from bank.customers where case when ssn > 'L' then true else false end
select id from bank.customers where coalesce(ssn > 'L', false)
select id from bank.customers where not (ssn > 'L')
select id from bank.customers where id = 1 or ssn > 'L'
select id from bank.customers where (ssn > 'L') is true
select id from bank.customers where (ssn, id) > ('L', 0)
select id from bank.customers where ssn = any(select chr(n) from generate_series(32, 122) n)
select id from bank.customers where exists (select 1 from bank.plain where word > ssn)
select id from bank.customers where (select max(word) from bank.plain) > ssn
select id from bank.customers where ssn > all (array['A', 'B'])
select id from bank.customers where nullif(left(ssn, 1), 'K') is null
select id from (select id, nullif(left(ssn, 1), 'K') as x from bank.customers) q where x is null
select id from bank.customers c where row_to_json(c)::text like '%Kq%'
select id from bank.customers c where c::text like '%Kq%'
select id from bank.customers order by ssn
select id from bank.customers order by ssn desc limit 1
select id, ssn from bank.customers order by 2
select id from bank.customers order by left(ssn, 1)
select distinct on (left(ssn, 1)) id from bank.customers
select left(ssn, 1), count(*) from bank.customers group by 1
select count(*) from bank.customers group by left(ssn, 1)
select ssn, count(*) from bank.customers group by rollup(1)
select ssn, card, count(*) from bank.customers group by grouping sets ((1), (2), ())
select ssn, id, count(*) from bank.customers group by (1, 2)
select 1 as ssn, count(*) from bank.customers group by ssn
select count(distinct ssn) from bank.customers
select count(distinct left(ssn, 1)) from bank.customers
select array_length(array_agg(distinct ssn), 1) from bank.customers
select count(*) from (select distinct left(ssn, 1) from bank.customers) q
select count(*) from (select ssn from bank.customers except all select 'Kq7X-Wz3v-9bTn-R4mJ') q
select count(*) from (select ssn from bank.customers intersect all select 'Kq7X-Wz3v-9bTn-R4mJ') q
select string_agg(name, '' order by ssn) from bank.customers
select count(*) from bank.customers group by id having max(ssn) > 'L'
select count(*) filter (where ssn > 'L') from bank.customers
select rank('L') within group (order by ssn) from bank.customers
select id, row_number() over (order by ssn) from bank.customers
select id, count(*) over (partition by left(ssn, 1)) from bank.customers
select 1 / (case when ssn > 'L' then 1 else 0 end) from bank.customers
select case when ssn > 'L' then 1 / 0 end from bank.customers
select id from bank.customers, bank.plain where ssn > word
select c.id from bank.customers c join bank.plain p on left(c.ssn, 1) = p.word
select c.id from bank.customers c left join generate_series(1, 9) n on c.card = n
select c.id from bank.customers c join (values (7391846205)) v (card) using (card)
select v.n from (values (1), (2)) v (n) where v.n in (select card from bank.customers)
select id from bank.customers limit (select length(ssn) from bank.customers limit 1)
select pg_sleep(case when ssn > 'L' then 1 else 0 end) from bank.customers
select count(*) from bank.customers where ssn > 'L'
select social from bank.renamed where tail like '%J'
select s2 from bank.twice where s2 > 'L'
select id from bank.kept where kept_ssn > 'L'
with w as (select * from bank.customers) select id from w where ssn > 'L'
with w as (select id from bank.customers where ssn > 'L') select count(*) from w
explain select id from bank.customers where ssn > 'L'
explain analyze select id from bank.customers where ssn > 'L'
copy (select id from bank.customers where ssn > 'L') to stdout
update bank.customers set name = 'seen' where ssn > 'L'
delete from bank.customers where ssn > 'L'
update bank.scratch set word = 'seen' from bank.customers c where c.ssn > 'L'
insert into bank.scratch select id, 'seen' from bank.customers where ssn > 'L'
merge into bank.scratch s using bank.customers c on c.ssn > 'L' when not matched then insert values (1, 'seen')
merge into bank.scratch s using bank.customers c on s.id = c.id when not matched and c.ssn > 'L' then insert values (1, 'seen')
create table public.chosen as select id from bank.customers where ssn > 'L'
create view public.choosing as select id from bank.customers where ssn > 'L'
create materialized view public.chose as select id from bank.customers where ssn > 'L'
create index on bank.customers ((1 / (case when ssn > 'L' then 1 else 0 end)))
create index on bank.customers (id) where ssn > 'L'
select id from bank.customers union select card::int from bank.customers
select ssn from bank.customers intersect select 'Kq'
declare c cursor for select id from bank.customers where ssn > 'L'
prepare p as select id from bank.customers where ssn > 'L'; execute p
prepare p as select id from bank.customers where ssn > 'L'; explain analyze execute p
begin; declare c cursor for select id from bank.customers where ssn > 'L'; move all c
select json_arrayagg(id) filter (where ssn > 'L') from bank.customers
select json_objectagg(id : name) filter (where ssn > 'L') from bank.customers
select json_arrayagg(id order by ssn) from bank.customers
select json_arrayagg(id) over (order by ssn) from bank.customers
select json_objectagg(id : name) over (partition by left(ssn, 1)) from bank.customers
select ssn > 'L' and 1 / (id - 1) > 0 from bank.customers
select ssn > 'L' or pg_try_advisory_lock(4711) from bank.customers
select not (ssn > 'L' and id > 0) from bank.customers
select coalesce(nullif(ssn > 'L', false), pg_try_advisory_lock(4711)) from bank.customers
select 'K' in (select left(ssn, 1 + 0 * length(pg_try_advisory_lock(4711)::text)) from bank.customers)
select 'K' <> all (select left(ssn, 1) from bank.customers)
`
  .trim()
  .split('\n');

const EQUALITIES = [
  "select name from bank.customers where ssn = 'a'",
  "select name from bank.customers where ssn in ('a', 'b')",
  "select name from bank.customers where 'a' = ssn",
  "select name from bank.customers where ssn = any(array['a', 'b'])",
  'select name from bank.customers where card = 1 and id = 1',
  "select name from bank.customers where dob = '2000-01-01' or id = 1",
  'select a.name from bank.customers a join bank.customers b on a.ssn = b.ssn',
  'select a.name from bank.customers a join bank.customers b using (ssn)',
  'select name from bank.customers where ssn in (select ssn from bank.customers)',
  "update bank.customers set name = name where ssn = 'a'",
];

const STATE = 'select md5(string_agg(c::text, $$,$$ order by id)), (select count(*) from bank.scratch), (select count(*) from pg_class) from bank.customers c';

async function state(): Promise<unknown> {
  const { client } = await canary.login('vault');
  const rows = rowsOf(await client.run(query(STATE)));
  client.close();
  return rows;
}

/** Declaring or preparing it is no use of it: that is refused when it runs. */
const refused = (text: string): boolean => !/^(declare|prepare)\b(?!.*;)/.test(text);

describe.each(['careful', 'blind', 'bot'])('%s', (person) => {
  it.each(ORACLES.filter(refused))('is refused, and nothing is done: %s', async (text) => {
    const before = await state();
    const { client, canaries } = await canary.login(person);
    const replies: Reply[] = [];
    for (const part of text.split('; ')) replies.push(...(await client.run(query(part))));
    client.close();
    expect(codes(replies)).toEqual(['42501']);
    expect(rowsOf(replies)).toEqual([]);
    expect(canaries()).toEqual([]);
    expect(await state()).toEqual(before);
  });

  it('is refused when it is bound', async () => {
    const { client } = await canary.login(person);
    const replies = await client.run(Buffer.concat([parse('', 'select id from bank.customers where ssn > $1'), bind('', '', 'L'), execute(''), sync()]));
    client.close();
    expect(codes(replies)).toEqual(['42501']);
  });

  it.each(EQUALITIES)(person === 'blind' ? 'is refused: %s' : 'may ask whether it is what is known: %s', async (text) => {
    const { client, canaries } = await canary.login(person);
    await client.run(query('begin'));
    expect(codes(await client.run(query(text)))).toEqual(person === 'blind' ? ['42501'] : []);
    client.close();
    expect(canaries()).toEqual([]);
  });
});

/** What a table of the session takes or refuses, and what is kept of its rows, tells of what flowed in; the last text is the one that would. */
const OWN_TABLES: readonly (readonly string[])[] = [
  ["create temp table t (a text check (a like 'K%'))", 'insert into t select ssn from bank.customers where id = 1'],
  ['create temp table t (a text unique)', "insert into t values ('K')", 'insert into t select left(ssn, 1) from bank.customers on conflict do nothing'],
  ['create temp table t (a text unique)', "insert into t values ('K')", 'update t set a = (select left(ssn, 1) from bank.customers where id = 1)'],
  ['create temp table t (a varchar(3))', 'insert into pg_temp.t select ssn from bank.customers'],
  [
    'create temp table t (a int) partition by list (a)',
    'create temp table t1 partition of t for values in (75)',
    'create temp table t2 partition of t default',
    'insert into t select ascii(ssn) from bank.customers',
  ],
  ['create temp table t as select ssn as a from bank.customers', 'alter table t alter a type varchar(3)'],
  ['create temp table t as select ssn as a from bank.customers', 'alter table t alter a set not null'],
  ['create temp table t as select ssn as a from bank.customers', 'alter table t add g int generated always as (1 / (ascii(a) - 75)) stored'],
  ['create temp table t as select ssn as a from bank.customers', "create unique index on t ((a like 'K%'))"],
  ['create temp table t as select ssn as a, id from bank.customers', "create index on pg_temp.t (id) where a like 'K%'"],
  ['create temp table t as select ssn as a, id from bank.customers', 'alter table t rename to u'],
  ['create temp table t as select ssn as a from bank.customers', 'analyze t'],
  ['create temp table t as select ssn as a from bank.customers', 'analyze'],
  ['create temp table t as select ssn as a from bank.customers', 'vacuum (analyze) t'],
  // How much room it takes would say how long a value is.
  ["create temp table t as select left(repeat('x', 200), ascii(ssn)) as a from bank.customers"],
  ["create temp table t as select nullif(left(ssn, 1), 'K') as a from bank.customers"],
  ['create temp table t as select ascii(ssn) as x from bank.customers'],
  ["select left(repeat('x', 200), ascii(ssn)) as a into temp t from bank.customers"],
  ["create temp table t as with w as (select repeat('x', id) || ssn as a from bank.customers) select a from w"],
  ['prepare p as select upper(ssn) as a from bank.customers', 'create temp table t as execute p'],
];

describe.each(['careful', 'blind', 'bot'])('a table of the session of %s', (person) => {
  it.each(OWN_TABLES.map((texts) => [texts.at(-1) ?? '', texts] as const))('is refused what would tell: %s', async (last, texts) => {
    const { client, canaries } = await canary.login(person);
    for (const text of texts.slice(0, -1)) expect(codes(await client.run(query(text))), text).toEqual([]);
    const replies = await client.run(query(last));
    client.close();
    expect(codes(replies)).toEqual(['42501']);
    expect(canaries()).toEqual([]);
  });

  it('may hold what is hidden, and everything else is done with one that does not', async () => {
    const { client } = await canary.login(person);
    for (const text of [
      'create temp table w (id int unique, a varchar(20))',
      'insert into w select id, word from bank.plain',
      'create index on w (a)',
      'analyze',
      'alter table w rename to v',
      'alter table v add unique (a)',
      'create temp table h as select id, ssn from bank.customers',
      'select * from h',
      'analyze v',
    ])
      expect(codes(await client.run(query(text))), text).toEqual([]);
    client.close();
  });
});

describe('ann, for whom conditions are open', () => {
  it.each(ORACLES)('is told no value by any number or word of the answer: %s', async (text) => {
    const { client, canaries } = await canary.login();
    const replies: Reply[] = await client.run(query('begin'));
    for (const part of text.split('; ')) replies.push(...(await client.run(query(part))));
    await client.run(query('rollback'));
    client.close();
    expect([...told(replies), ...canaries()]).toEqual([]);
  });

  it.each(ORACLES.slice(0, 24))('is answered, and shown nothing of it: %s', async (text) => {
    const { client, canaries } = await canary.login();
    expect(codes(await client.run(query(text)))).toEqual([]);
    client.close();
    expect(canaries()).toEqual([]);
  });
});
