/**
 * Hidden values that say how many rows there are: arguments of functions that give sets, LIMIT, OFFSET, frames of windows, recursion. Whoever may not use them in conditions is refused;
 * for whom conditions are open the rows come, and no count, existence or plan says how many.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fields, query, type Reply, rowsOf } from '../support/raw-client.js';
import { type CanaryWorld, PIN, startCanaryWorld } from './canary-world.js';
import { told } from './told-values.js';

let canary: CanaryWorld;
beforeAll(async () => {
  canary = await startCanaryWorld();
  canary.world.identities.set('bot', { kind: 'agent', groups: ['engineers'] });
  await canary.server.sql(`
    create table bank.big as select g as id from generate_series(1, 200) g;
    create view bank.many as select 1 as one from generate_series(1, (select pin from bank.pins where id = 1));
    create view bank.more as select one from bank.many where one is not null;
  `);
});
afterAll(() => canary[Symbol.asyncDispose]());

const codes = (replies: readonly Reply[]): (string | undefined)[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['C']);

async function run(person: string, text: string): Promise<{ replies: Reply[]; canaries: string[] }> {
  const { client, canaries } = await canary.login(person);
  const replies: Reply[] = [];
  for (const part of text.split('; ')) replies.push(...(await client.run(query(part))));
  client.close();
  return { replies, canaries: canaries() };
}

/** They say the value by a count, an existence, a place or a plan. */
const SETS = `
select string_agg(chr((select count(*) from generate_series(1, ascii(substr(c.ssn, n, 1))))::int), '' order by n) from bank.customers c, generate_series(1, 19) n where c.id = 1
select string_agg(chr((select count(*) from (select generate_series(1, ascii(substr(c.ssn, n, 1)))) q)::int), '' order by n) from bank.customers c, generate_series(1, 19) n where c.id = 1
select c.id, count(*) from bank.pins c, generate_series(1, c.pin) g group by c.id
select c.id, count(*) from bank.pins c left join generate_series(1, 9999) g on true where g in (select generate_series(1, c.pin)) group by c.id
select count(*) from (select generate_series(1, pin) from bank.pins where id = 1) q
select count(*) from (select from generate_series(1, (select pin from bank.pins where id = 1))) q
select count(*) from generate_series(1, (select pin from bank.pins where id = 1))
select count(*) from unnest(array_fill(1, array[(select pin from bank.pins where id = 1)]))
select count(*) from unnest(array_fill(1, array[(select pin from bank.pins where id = 1)]), array[1, 2]) with ordinality
select max(ordinality) from generate_series(1, (select pin from bank.pins where id = 1)) with ordinality
select max(n) from (select row_number() over () as n from generate_series(1, (select pin from bank.pins where id = 1))) q
select max(n) from rows from (generate_series(1, (select pin from bank.pins where id = 1)), generate_series(1, 2)) with ordinality as r (a, b, n)
select c.id, count(*) from bank.pins c, json_table(to_jsonb(array_fill(1, array[c.pin])), '$[*]' columns (a int path '$')) t group by c.id
select c.id, count(*) from bank.pins c, xmltable('/r/a' passing xmlparse(document '<r>' || repeat('<a/>', c.pin) || '</r>') columns v text path '.') x group by c.id
select c.id, count(*) from bank.pins c, jsonb_array_elements(to_jsonb(array_fill(1, array[c.pin]))) t group by c.id
select c.id, count(*) from bank.pins c, regexp_split_to_table(repeat('a-', c.pin - 1), '-') x group by c.id
select c.id, count(*) from bank.pins c, lateral (select from string_to_table(repeat('a-', c.pin - 1), '-')) x group by c.id
with r as (select 1 from generate_series(1, (select pin from bank.pins where id = 1))) select count(*) from r
with r as (select from generate_series(1, (select pin from bank.pins where id = 1))) select count(*) from r
with r as materialized (select 1 from generate_series(1, (select pin from bank.pins where id = 1))), s as (select count(*) as n from r) select n from s
select cardinality(array(select 1 from generate_series(1, (select pin from bank.pins where id = 1))))
select count(*) from (select 1 from generate_series(1, (select pin from bank.pins where id = 1)) union all select 1 where false) q
select count(*) - 1 from ((select g from generate_series(1, (select pin from bank.pins where id = 1)) g) union select 0) q
select c.id, n from bank.customers c, generate_series(1, 99) n where c.id = 1 and exists (select 1 from generate_series(1, ascii(c.ssn) - n + 1)) order by n desc limit 1
select g, exists (select 1 from generate_series(1, ascii(c.ssn) - g)) as e from bank.customers c, generate_series(75, 75) g where id = 1
explain (analyze, costs off, timing off, summary off) select 1 from generate_series(1, (select pin from bank.pins where id = 1))
explain (analyze, costs off, timing off, summary off) select count(*) from bank.pins c, lateral generate_series(1, c.pin) where c.id = 1
explain (analyze, costs off, timing off, summary off, format json) with r as (select from generate_series(1, (select pin from bank.pins where id = 1))) select count(*) from r
prepare p as select count(*) from generate_series(1, (select pin from bank.pins where id = 1)); execute p
prepare p as select 1 from generate_series(1, (select pin from bank.pins where id = 1)); explain (analyze, costs off, timing off, summary off) execute p
begin; declare c cursor for select count(*) from generate_series(1, (select pin from bank.pins where id = 1)); fetch all c
copy (select count(*) from generate_series(1, (select pin from bank.pins where id = 1))) to stdout
select count(*) from (select (array_fill(1, array[pin])).unnest from bank.pins where id = 1) q
select count(*) from generate_series(1, ascii(bank.ssn_of(1)))
`
  .trim()
  .split('\n');

/** They cut rows off by the value, or go on until it is reached. */
const CUT = `
select string_agg(chr((select count(*) from (select 1 from generate_series(1, 200) limit ascii(substr(c.ssn, n, 1))) q)::int), '' order by n) from bank.customers c, generate_series(1, 19) n where c.id = 1
select string_agg(chr((select count(*) from (select id from bank.big limit ascii(substr(c.ssn, n, 1))) q)::int), '' order by n) from bank.customers c, generate_series(1, 19) n where c.id = 1
select string_agg(chr(200 - (select count(*) from (select id from bank.big offset ascii(substr(c.ssn, n, 1))) q)::int), '' order by n) from bank.customers c, generate_series(1, 19) n where c.id = 1
select count(*) from (select g from generate_series(1, 9999) g fetch first (select pin from bank.pins where id = 1) rows only) q
select count(*) from ((select g from generate_series(1, 9999) g) union all (select 0 where false) limit (select pin from bank.pins where id = 1)) q
select g - 1 from generate_series(1, 9999) g offset (select pin from bank.pins where id = 1) limit 1
select 4800 + g from generate_series(0, 999) g offset (select pin - 4800 from bank.pins where id = 1) limit 1
with q as (select g from generate_series(1, 9999) g limit (select pin from bank.pins where id = 1)) select max(g) from q
select cardinality(array(select id from bank.big limit (select ascii(ssn) from bank.customers where id = 1)))
select count(id), max(id) + 0 from (select id from bank.big order by id limit (select ascii(ssn) from bank.customers where id = 1)) q
select max(n) from (select count(*) over (order by g rows between (select pin - 1 from bank.pins where id = 1) preceding and current row) as n from generate_series(1, 9999) g) q
select max(n) from (select count(*) over w as n from generate_series(1, 9999) g window w as (order by g rows between current row and (select pin - 1 from bank.pins where id = 1) following)) q
select max(n) from (select sum(1) over (order by g range between (select pin - 1 from bank.pins where id = 1) preceding and current row) as n from generate_series(1, 9999) g) q
with recursive r (n) as (select 1 union all select n + 1 from r, bank.pins p where p.id = 1 and n < p.pin) select max(n), count(*) from r
with recursive r (n) as (select 1 union all select n + 1 from r, bank.pins p where p.id = 1 and n < p.pin) select count(*) from r
with recursive r as (select 1 as n union all select n + 1 from r where n < (select pin from bank.pins where id = 1)), s as (select n from r) select count(*) from s
with recursive r (n) as (select 1 union select n + 1 from r where exists (select from bank.pins where id = 1 and pin > n)) search depth first by n set o select count(*) from r
explain (analyze, costs off, timing off, summary off) select 1 from generate_series(1, 9999) limit (select pin from bank.pins where id = 1)
`
  .trim()
  .split('\n');

/** Counting and places among rows that are made by the value, or for it. */
const PLACES = `
select id, max(b) from (select c.id, ntile(c.pin) over (partition by c.id) b from bank.pins c, generate_series(1, 9999)) q group by id
select max(b) from (select ntile((select pin from bank.pins where id = 1)) over () as b from generate_series(1, 9999)) q
select (select rank(c.pin) within group (order by g) from generate_series(1, 9999) g) from bank.pins c
select (select dense_rank(c.pin) within group (order by g) from generate_series(1, 9999) g) from bank.pins c
select round(9999 * (select cume_dist(c.pin) within group (order by g) from generate_series(1, 9998) g)) - 1, round(9999 * (select percent_rank(c.pin) within group (order by g) from generate_series(1, 9999) g)) from bank.pins c where id = 1
select (select percentile_disc(c.pin / 10000.0) within group (order by g) from generate_series(1, 10000) g) from bank.pins c
select (select percentile_disc(array[c.pin / 10000.0]) within group (order by g) from generate_series(1, 10000) g) from bank.pins c
select (select nth_value(g, c.pin) over (order by g rows between unbounded preceding and unbounded following) from generate_series(1, 9999) g limit 1) from bank.pins c
select (select lead(g, c.pin - 1) over (order by g) from generate_series(1, 9999) g limit 1) from bank.pins c
select max(v) from (select c.id, lag(g, 9999 - c.pin) over (partition by c.id order by g) as v from bank.pins c, generate_series(1, 9999) g where c.id = 1) q
select c.id, width_bucket(c.pin, 1, 10001, 10000) from bank.pins c
`
  .trim()
  .split('\n');

/** They draw rows of a table where the value is the one that is tried. */
const DRAWN = `
select k, count(*) from generate_series(70, 80) k cross join lateral (select id from bank.big tablesample bernoulli (case when (select ascii(ssn) from bank.customers where id = 1) = k then 100 else 0 end)) p group by k
select string_agg(case when (select count(*) from bank.big tablesample bernoulli (case when substr(c.ssn, n, 1) = chr(k) then 100 else 0 end)) > 0 then chr(k) else '' end, '' order by n, k) from bank.customers c, generate_series(1, 19) n, generate_series(32, 122) k where c.id = 1
select k from generate_series(70, 80) k where exists (select from bank.big tablesample system (case when (select ascii(ssn) from bank.customers where id = 1) = k then 100 else 0 end))
`
  .trim()
  .split('\n');

/** Values that are made in the query are put among hidden ones, and what is the same is taken once. */
const TAKEN_ONCE = `
select k from generate_series(70, 80) k where (select count(*) from (select distinct v from (values ((select ascii(ssn) from bank.customers where id = 1)), (k)) q (v)) d) = 1
select k from generate_series(70, 80) k where (select count(*) from (select ascii(ssn) from bank.customers where id = 1 union select k) d) = 1
select k from generate_series(70, 80) k where (select count(distinct v) from (select ascii(ssn) as v from bank.customers where id = 1 union all select k) d) = 1
select k from generate_series(70, 80) k where exists (select ascii(ssn) from bank.customers where id = 1 intersect select k)
select k from generate_series(4830, 4840) k where exists (select pin from bank.pins intersect select k)
select k from generate_series(4830, 4840) k where not exists (select k except select pin from bank.pins)
select k from generate_series(4830, 4840) k where (select count(*) from (select pin from bank.pins where id = 1 union select k) q) = 1
select k from generate_series(4830, 4840) k where (select count(distinct v) from (select pin from bank.pins where id = 1 union all select k) q (v)) = 1
select k from generate_series(4830, 4840) k where exists (select from (select pin from bank.pins where id = 1 union all select k) q (v) group by v having count(*) > 1)
select k from generate_series(4830, 4840) k where (select count(*) from (select distinct v from (values ((select pin from bank.pins where id = 1)), (k)) q (v)) d) = 1
select k from generate_series(4830, 4840) k where (select max(n) from (select count(*) over (partition by v) as n from (select pin from bank.pins where id = 1 union all select k) q (v)) d) = 2
select max(case when n = 1 then k end) from (select k, count(*) over (partition by pin = k) as n from bank.pins, generate_series(4836, 4838) k where id = 1) q
select (array_agg(k order by pin = k desc))[1] from bank.pins, generate_series(4830, 4840) k where id = 1
select v, n from (select v, count(*) as n from (select pin as v from bank.pins where id = 1 union all select k from generate_series(4837, 4838) k) q group by v) d where n > 1
`
  .trim()
  .split('\n');

/** A view whose number of rows says it: what decided that was for who made it. */
const VIEWED = ['select count(*) from bank.many', 'select count(*) from (select one from bank.many limit 5000) q', 'select count(*) from bank.more'];

/** How many rows come says it; nothing in them does. */
const ROWS = `
select 1 from generate_series(1, (select pin from bank.pins where id = 1))
select generate_series(1, pin) from bank.pins where id = 1
select x from bank.customers c, regexp_split_to_table(c.ssn, '-') x
begin; declare c cursor for select 1 from generate_series(1, (select pin from bank.pins where id = 1)); move all c
`
  .trim()
  .split('\n');

describe.each(['blind', 'careful', 'bot'])('%s, who may not decide by hidden data', (person) => {
  it.each([...SETS, ...CUT, ...DRAWN, ...TAKEN_ONCE, ...ROWS])('is refused: %s', async (text) => {
    const { replies, canaries } = await run(person, text);
    expect(codes(replies)).toContain('42501');
    expect([...told(replies), ...canaries]).toEqual([]);
    expect(replies.filter(({ type, body }) => type === 'C' && /(?:SELECT|MOVE|FETCH) [2-9]/.test(body.toString()))).toEqual([]);
  });
});

describe.each(['blind', 'careful', 'bot', 'ann'])('%s, through a view of somebody else', (person) => {
  it.each(VIEWED)('is not told how many there are: %s', async (text) => {
    const { replies } = await run(person, text);
    expect(codes(replies)).toEqual([]);
    expect(rowsOf(replies)).toEqual([[null]]);
  });
});

describe.each(['blind', 'careful', 'bot', 'ann'])('%s, by places among rows', (person) => {
  it.each(PLACES)('is told nothing: %s', async (text) => {
    const { replies, canaries } = await run(person, text);
    expect([...told(replies), ...canaries]).toEqual([]);
  });

  it('is told nothing by what is drawn after a seed', async () => {
    const seeded = 'begin; select setseed(pin / 10000.0) from bank.pins where id = 1; select random()';
    const drawn = (replies: readonly Reply[]): string | null | undefined => rowsOf(replies).at(-1)?.[0];
    const { replies } = await run(person, seeded);
    expect(codes(replies)).toContain('42501');
    const [shown, same] = [
      drawn((await run('vault', seeded)).replies),
      drawn((await run('vault', `select setseed(${String(PIN)} / 10000.0); select random()`)).replies),
    ];
    expect(shown).toBe(same);
    expect(drawn(replies)).not.toBe(shown);
    expect(codes((await run(person, 'select setseed(0.5); select random() is null')).replies)).toEqual([]);
  });
});

describe('ann, for whom conditions are open', () => {
  it.each([...SETS, ...CUT, ...DRAWN, ...TAKEN_ONCE])('is told by nothing how many there are: %s', async (text) => {
    const { replies, canaries } = await run('ann', text);
    expect(codes(replies)).toEqual([]);
    expect([...told(replies), ...canaries]).toEqual([]);
  });

  it.each(ROWS)('gets as many rows, and nothing in them: %s', async (text) => {
    const { replies, canaries } = await run('ann', text);
    expect(codes(replies)).toEqual([]);
    expect([...told(replies), ...canaries]).toEqual([]);
    expect([...new Set(rowsOf(replies).flat())].filter((cell) => cell !== null && cell !== '****' && cell !== '0')).toEqual([]);
  });
});

it('tells somebody who sees clear text, so the search would find it', async () => {
  const silent: string[] = [];
  for (const text of [...SETS, ...DRAWN, ...TAKEN_ONCE, ...PLACES, ...CUT, ...VIEWED].filter((each) => !each.startsWith('copy')))
    if (told((await run('vault', text)).replies).length === 0) silent.push(text);
  expect(silent).toEqual([]);
});

describe('what is not hidden', () => {
  it.each(['blind', 'careful', 'bot', 'ann'])('decides how many rows there are, for %s', async (person) => {
    const texts = [
      'select c.id, t from bank.customers c, unnest(c.tags) t order by 1',
      'select c.id, count(*) from bank.customers c, unnest(c.tags) t group by 1 order by 1',
      'select id, unnest(tags) from bank.customers order by 1',
      'select c.id, k, upper(c.name) from bank.customers c, jsonb_object_keys(c.doc) k order by 1',
      'select c.id, count(*) from bank.customers c, jsonb_array_elements(jsonb_build_array(c.doc, c.id)) e group by 1 order by 1',
      'select count(*), exists (select 1 from generate_series(1, 3)) from bank.customers, generate_series(1, id) n',
      'select id, count(*) over (order by id rows between 1 preceding and current row) from bank.customers order by id limit 1 + 1 offset 0',
      'select id from bank.big tablesample bernoulli (50) repeatable (1) order by id',
      'select count(*) from bank.customers c, lateral (select id from bank.big tablesample system (c.id * 50)) p where c.id = 2',
      'select id from bank.customers order by id limit (select max(id) from bank.plain)',
      'with recursive r (n) as (select 1 union all select n + 1 from r, bank.customers c where c.id = 2 and n < c.id) select max(n), count(*) from r',
      'select c.id, u from bank.customers c, upper(c.name) u order by 1',
      'explain (analyze, costs off, timing off, summary off, buffers off) select 1 from bank.customers, generate_series(1, id)',
    ];
    for (const text of texts) expect(rowsOf((await run(person, text)).replies), text).toEqual(rowsOf((await run('vault', text)).replies));
  });
});
