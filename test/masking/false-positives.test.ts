/**
 * What is not hidden comes down as it is: statements on the database with canaries that show nothing hidden are answered the same, byte for
 * byte, to somebody for whom data is hidden and to somebody who sees everything.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { honestTools } from '../redteam/honest-statements.js';
import { bind, describe as describeMessage, execute, frame, parse, query, type RawClient, type Reply, sync } from '../support/raw-client.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const MORE = `
  create table bank.lookalikes (id int primary key, ssn int, card bigint, note uuid, dob timestamptz, hash text, amount numeric(12,2), code char(9), phone text);
  insert into bank.lookalikes values
    (1, 123456789, 4111111111111112, '123e4567-e89b-42d3-a456-426614174000', '2024-05-06 07:08:09.123456+00', md5('a'), 123456789.01, '12-345-67', 'ext 12'),
    (2, 219099999, 5500005555555558, '4111111d-1111-4111-8111-111111111111', '1999-12-31 23:59:59+00', encode(sha256('b'), 'hex'), 5500.55, '000000000', null);
  create schema shop;
  create table shop.customers (id int primary key, ssn text, note text, card text);
  insert into shop.customers values (1, 'none', 'nothing to see', 'gold'), (2, null, '', 'silver');
  create view shop.report as select c.id, c.note, count(l.*) as orders from shop.customers c left join bank.lookalikes l using (id) group by 1, 2;
  create sequence shop.numbers;
  create table shop.parted (id int, ssn text) partition by range (id);
  create table shop.parted_1 partition of shop.parted for values from (0) to (100);
  insert into shop.parted values (1, 'p1');
  create table shop.made (id int, twice int generated always as (id * 2) stored);
  insert into shop.made values (1), (2);
  create domain shop.word as text check (length(value) < 100);
  create table shop.typed (v shop.word, m inet, j jsonb, a int[], r int4range, i interval, b bytea, t time, x xml, p point);
  insert into shop.typed values ('v', '10.0.0.1', '{"ssn": "123-45"}', '{1,2}', '[1,3)', '1 day', '\\x0102', '01:02', '<a/>', '(1,2)');
  create extension if not exists citext;
  create extension if not exists pg_trgm;
  create table shop.cased (v citext);
  insert into shop.cased values ('One'), ('TWO');
`;

/** With detectors on: content that only looks like something is no finding. */
const POLICY = CANARY_POLICY.replace('classes:\n', 'classes:\n  pan: { detect: true }\n  email: { detect: true }\n  iban: { detect: true }\n');

let canary: CanaryWorld;
beforeAll(async () => {
  canary = await startCanaryWorld('18', POLICY);
  await canary.server.sql(MORE);
});
afterAll(() => canary[Symbol.asyncDispose]());

const CLEAR = `
select * from bank.lookalikes order by id
select ssn, card, note, dob from bank.lookalikes
select l.ssn::text, l.card || '', to_char(l.dob, 'YYYY-MM-DD'), row_to_json(l) from bank.lookalikes l
select l, array[l.hash], array[l.card], row(l.amount, l.note, l.card), array[row(l.ssn)], xmlelement(name a, l.note, l.hash), l.hash::bytea, int8range(l.card, null) from bank.lookalikes l
copy (select card * 1, amount + 0, dob + interval '1 day', upper(hash), array[note, note], l from bank.lookalikes l) to stdout
copy (select card * 1, amount + 0, upper(hash), array[note, note], l, hash::bytea from bank.lookalikes l) to stdout (format binary)
select t, array[t.v], t.b || '\x00ff', to_tsvector('simple', t.v) from shop.typed t
select * from shop.customers
select c.ssn, upper(c.note), c from shop.customers c
select ssn from shop.customers union select note from shop.customers order by 1
select * from shop.report order by id
select c.name, l.ssn from bank.customers c join bank.lookalikes l using (id)
select c.name, s.note, s.ssn from bank.customers c, shop.customers s where c.id = s.id
select s.* from shop.customers s where exists (select 1 from bank.customers c where c.id = s.id)
select id, name, tags, born, uid, doc, balance, upper(name), balance * 2, doc -> 'k', tags[1] from bank.customers order by id
select c.id, c.name, count(*) over (), row_number() over (order by c.id) from bank.customers c
select count(*), count(ssn), count(distinct id), sum(balance), avg(balance) from bank.customers
select name from bank.customers where ssn is not null order by name
select name, ssn is null as missing from bank.customers order by id
select id, case when balance > 15 then 'rich' else 'poor' end from bank.customers order by id
select name from bank.customers where ssn = 'x' or id = 1
with k as (select id, name from bank.customers) select k.*, p.word from k join bank.plain p using (id) order by 1
select x.id, x.n from (select id, length(name) as n from bank.customers) x where x.n > 2 order by 1
select d.n, count(c.id) from generate_series(1, 3) d(n) left join bank.customers c on c.id = d.n group by 1 order by 1
select v.word, c.name from (values ('a', 1), ('b', 2)) v(word, id) join bank.customers c on c.id = v.id order by 1
select l.top from bank.customers c, lateral (select max(p.amount) as top from bank.plain p where p.id <= c.id) l order by 1
select (select word from bank.plain where id = 1), 'x', 1 + 1, null, array[1, 2], row(1, 'a'), current_date is null
select md5('x'), gen_random_uuid() is null, '4111-1111'::text, 123456789, '2020-01-01'::date, interval '1 day'
values (1, 'a'), (2, 'b')
table bank.plain
select * from shop.parted
select * from shop.parted_1
select * from shop.made
select * from shop.typed
select v || '!', v::text, j ->> 'ssn', a[1], upper(r), host(m) from shop.typed
select v, v || 'x', v = 'one', lower(v::text) from shop.cased order by v
select similarity('abc', 'abd') > 0.1, similarity(word, 'hello') from bank.plain
select last_value, is_called from shop.numbers
select setval('shop.numbers', 5), currval('shop.numbers'), lastval()
select pg_try_advisory_xact_lock(42)
copy bank.lookalikes to stdout
copy shop.customers to stdout (format csv, header)
copy shop.customers (id, note) to stdout (null '')
copy shop.made to stdout
copy (select id, name, balance from bank.customers order by id) to stdout (format binary)
copy (select 1, 'x', null) to stdout
explain (costs off) select ssn from bank.customers where id = 1
create temp table k1 (id int, w text); insert into k1 values (1, 'a'); select * from k1; select w || '' from k1
create temp table k2 as select id, name from bank.customers; select * from k2 order by id; select upper(name) from k2 order by 1
select id, word into temp k3 from bank.plain; select count(*) from k3; select max(word) from k3
prepare s1 as select word from bank.plain where id = $1; execute s1(1); deallocate s1
begin; declare c1 cursor for select name from bank.customers order by id; fetch 1 from c1; fetch all from c1; commit
insert into shop.customers values (9, 'a', 'b', 'c') returning *; delete from shop.customers where id = 9 returning id, note
update bank.customers set name = name where id = 1 returning id, name
update bank.plain p set word = c.name from bank.customers c where c.id = p.id and false returning p.*
show search_path
set search_path = shop, public; select note from report order by id; show search_path; reset search_path
select current_setting('work_mem'), current_user is null, version() is null
select 'abc'::int
select nope from bank.plain
insert into bank.plain values (1, 'again', 1)
select 1/0
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 'bank' order by 2
select attname, n_distinct, null_frac from pg_stats where tablename = 'lookalikes' order by 1
select table_name, column_name, data_type from information_schema.columns where table_schema = 'bank' order by 1, 2
select pg_get_viewdef('bank.renamed'::regclass), pg_get_functiondef('bank.ssn_of'::regproc)
select tableoid::regclass, ctid, xmin is null from bank.plain
begin; savepoint a; select word from bank.plain order by id; rollback to a; commit
`
  .trim()
  .split('\n');

const body = (replies: readonly Reply[]): string[] =>
  // Identifiers of relations that each session makes for itself differ.
  replies.map(({ type, body: bytes }) => `${type} ${type === 'T' ? names(bytes) : bytes.toString('latin1')}`);

function names(bytes: Buffer): string {
  const found: string[] = [];
  let at = 2;
  for (let left = bytes.readUInt16BE(0); left > 0; left--) {
    const end = bytes.indexOf(0, at);
    found.push(`${bytes.toString('utf8', at, end)}:${bytes.readUInt32BE(end + 7)}`);
    at = end + 19;
  }
  return found.join(' ');
}

async function both(run: (client: RawClient) => Promise<Reply[]>): Promise<[string[], string[]]> {
  const seen: string[][] = [];
  for (const person of ['ann', 'vault']) {
    const { client } = await canary.login(person);
    await client.run(query('begin'));
    seen.push(body(await run(client)));
    client.close();
  }
  return [seen[0] ?? [], seen[1] ?? []];
}

describe('what is not hidden', () => {
  it.each(CLEAR)('%s', async (text) => {
    const [hidden, clear] = await both(async (client) => {
      const replies: Reply[] = [];
      for (const part of text.split('; ')) replies.push(...(await client.run(query(part))));
      return replies;
    });
    expect(hidden).toEqual(clear);
  });

  it.each(CLEAR.filter((text) => /^(select|values|table|with) /.test(text) && !text.includes('; ')))('in binary: %s', async (text) => {
    const binary = frame('B', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1]));
    const [hidden, clear] = await both((client) => client.run(Buffer.concat([parse('', text), binary, describeMessage('P', ''), execute(''), sync()])));
    expect(hidden).toEqual(clear);
  });
});

describe('what tools ask', () => {
  it.each(honestTools().map(({ name, statements }) => [name, statements] as const))('%s', async (_name, statements) => {
    const different: string[] = [];
    const [ann, vault] = await Promise.all(['ann', 'vault'].map((person) => canary.login(person).then(({ client }) => client)));
    for (const text of statements.filter((each) => !/advisory_/.test(each))) {
      const seen: string[] = [];
      for (const client of [ann, vault]) {
        if (client === undefined) throw new Error('no client');
        client.send(query('begin'), query('savepoint a'), query(text), query('rollback'));
        const replies = await client.untilReady(4);
        seen.push(body(replies.filter(({ type }) => 'TDE'.includes(type))).join('\n'));
      }
      const [one, other] = seen;
      // What is not there is refused by one or by the other.
      if (one !== other && !/C(42P01|3F000)/.test(other ?? '') && !CHANGES.test(text)) different.push(`${text}\n${one}\n${other}`);
    }
    ann?.close();
    vault?.close();
    expect(different).toEqual([]);
  });

  it('is read with parameters as well', async () => {
    const [hidden, clear] = await both((client) =>
      client.run(Buffer.concat([parse('', 'select word from bank.plain where id = $1'), bind('', '', '1'), execute(''), sync()])),
    );
    expect(hidden).toEqual(clear);
  });
});

/** What differs from one session to the next whatever is hidden: processes, times, transactions. */
const CHANGES =
  /pg_stat_activity|pg_backend_pid|now\(\)|clock_timestamp|txid_current|pg_locks|pg_stat_|pg_postmaster|statement_timestamp|pg_current_|rolpassword|from bank.customers limit/i;
