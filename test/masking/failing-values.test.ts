/**
 * Computations on hidden data that fail for some values and not for others: success against SQLSTATE is a bit of the value, whatever is shown. Who may
 * not let hidden data decide is refused them; what cannot fail runs for him, and its result is masked.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, execute, fields, parse, query, type Reply, rowsOf, sync } from '../support/raw-client.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';

let canary: CanaryWorld;
beforeAll(async () => {
  canary = await startCanaryWorld();
  canary.world.identities.set('bot', { kind: 'agent', groups: ['engineers'] });
  await canary.server.sql(
    "create domain bank.k_word as text check (value like 'K%'); create function bank.even(int) returns int language sql as 'select 1 / ($1 % 2)'",
  );
});
afterAll(() => canary[Symbol.asyncDispose]());

const errors = (replies: readonly Reply[]): Record<string, string>[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply));

/** The expression over `bank.customers c`, and what the refusal names. */
const FAILING: readonly (readonly [expression: string, named: string])[] = [
  ['1 / (ascii(ssn) - 75)', 'the operator -'],
  ['1 / ascii(ssn)', 'the operator /'],
  ['ascii(ssn) % 75', 'the operator %'],
  ['card * 2', 'the operator *'],
  ['- card', 'the operator -'],
  ['pg_catalog.int8mul(card, 2)', 'int8mul()'],
  ['card operator(pg_catalog.+) 9223372036854775807', 'the operator +'],
  ['card::int4', 'a cast to int4'],
  ['int4(card)', 'int4()'],
  ['(card).int4', 'int4()'],
  ['cast(card as numeric(3, 0))', 'a cast to numeric'],
  ['ssn::date', 'a cast to date'],
  ['ssn::int', 'a cast to int4'],
  ['ssn::json', 'a cast to json'],
  ['ssn::bytea', 'a cast to bytea'],
  ['ssn::text[]', 'a cast to text'],
  ['ssn::regclass', 'a cast to regclass'],
  ['ssn::bank.k_word', 'a cast to k_word'],
  ['coalesce(ssn, note)::date', 'a cast to date'],
  ['sqrt(card)', 'sqrt()'],
  ['ln(balance + length(ssn))', 'the operator +'],
  ['chr(ascii(ssn))', 'chr()'],
  ['int4range(80, ascii(ssn))', 'int4range()'],
  ['make_date(2001, ascii(ssn), 1)', 'make_date()'],
  ['to_date(ssn, $$YYYY$$)', 'to_date()'],
  ["repeat('x', ascii(ssn))", 'repeat()'],
  ["repeat('x', 1100000000 * (ssn like 'K%')::int)", 'the operator *'],
  ['repeat(ssn, 60000000)', 'repeat()'],
  ["lpad('x', ascii(ssn))", 'lpad()'],
  ["substr('x', 1, ascii(ssn))", 'substr()'],
  ["substring('x' from 1 for ascii(ssn))", 'substring()'],
  ["split_part('a,b', ',', strpos(ssn, 'q'))", 'split_part()'],
  ["ssn like 'K\\'", 'LIKE'],
  ['ssn like word', 'LIKE'],
  ["ssn operator(pg_catalog.~~) 'K\\'", 'the operator ~~'],
  ["'x' ~ ssn", 'the operator ~'],
  ["regexp_replace('x', ssn, '')", 'regexp_replace()'],
  ["replace(ssn, 'K', repeat('x', 1073741700))", 'replace()'],
  ['format(ssn)', 'format()'],
  ["format('%I', nullif(left(ssn, 1), 'K'))", 'format()'],
  ["format('%*s', ascii(ssn), 'x')", 'format()'],
  ["to_char(card, '9V99999999999')", 'to_char()'],
  ['date_trunc(ssn, now())', 'date_trunc()'],
  ["convert_to(ssn, 'LATIN1')", 'convert_to()'],
  ["encode('x', ssn)", 'encode()'],
  ["string_to_array(ssn, '-') || array[['a', 'b']]", 'the operator ||'],
  ["array[string_to_array(ssn, '-'), array['a']]", 'ARRAY'],
  ["array_agg(string_to_array(ssn, '-'))", 'array_agg()'],
  ["json_object_agg(nullif(left(ssn, 1), 'K'), 1)", 'json_object_agg()'],
  ["json_build_object(nullif(left(ssn, 1), 'K'), 1)", 'json_build_object()'],
  ["json_object(nullif(left(ssn, 1), 'K') : 1)", 'JSON_OBJECT'],
  ['json_query(to_jsonb(ssn), \'$[*] ? (@ starts with "L")\' error on empty)', 'JSON_QUERY'],
  ["json_value(to_jsonb(ssn), '$' returning int error on error)", 'JSON_VALUE'],
  ["jsonb_path_query_first(to_jsonb(ssn), '$.double()')", 'jsonb_path_query_first()'],
  ['xmlparse(document ssn)', 'XMLPARSE'],
  ["ntile(strpos(ssn, 'q')) over ()", 'ntile()'],
  ['nth_value(id, length(ssn)) over ()', 'nth_value()'],
  ['sum(extract(epoch from dob)::float8)', 'a cast to float8'],
  ['bank.even(ascii(ssn))', 'even()'],
  ["(array['a'])[card]", 'a subscript'],
];

/** It cannot fail, whatever the value is. */
const TOTAL = `
ssn || '!'
'Mr ' || ssn || ' of ' || name
ssn || $$ $$ || card
concat(ssn, '-', card)
concat_ws(', ', ssn, note, card, dob)
format('%s and %L', ssn, card)
lower(ssn) || upper(note)
initcap(note)
length(ssn)
octet_length(ssn)
left(ssn, 1)
right(ssn, -2)
reverse(ssn)
trim(ssn)
ltrim(ssn, 'K')
md5(ssn)
ascii(ssn)
position('q' in ssn)
strpos(ssn, 'q')
starts_with(ssn, 'K')
replace(ssn, '-', '')
translate(ssn, 'abc', 'xyz')
substr(ssn, 1, 3)
substring(ssn from 2)
substring(ssn from '^K')
split_part(ssn, '-', 2)
coalesce(ssn, note)
nullif(ssn, note)
greatest(ssn, note)
least(card, 5)
ssn is null
ssn = 'x'
ssn > 'L'
card between 1 and 5
ssn in ('a', 'b')
not (ssn > 'L')
ssn like 'K%'
ssn not ilike '%k_'
ssn ~ '^K'
ssn similar to 'K%'
ssn is distinct from note
(ssn > 'L') is true
card::text
ssn::varchar
ssn::varchar(3)
ssn::name
card::numeric
ascii(ssn)::bigint
dob::timestamp
dob::text
born::date
tags::text
tags[1]
doc
doc ->> 'k'
doc -> 'k'
doc #>> '{k}'
doc @> '{"k": 1}'
array[ssn, note]
array_length(tags, 1)
array_to_string(tags, ',')
row(ssn, card)
row_to_json(c)
to_jsonb(c)
to_json(ssn)
json_build_object('ssn', ssn, 'card', card)
jsonb_build_array(ssn, card)
json_array(ssn, card)
json_object('ssn' : ssn, 'name' : name)
ssn || array_to_string(tags, ',')
quote_literal(ssn)
to_char(dob, 'YYYY-MM-DD')
to_char(card, '999G999')
extract(year from dob)
date_part('year', born)
date_trunc('month', dob)
age(dob)
count(ssn)
count(distinct c.id)
min(ssn)
max(dob)
sum(card)
avg(card)
avg(balance)
string_agg(ssn, ',')
array_agg(ssn)
json_agg(c)
jsonb_agg(ssn)
json_object_agg(c.id, ssn)
bool_or(ssn > 'L')
lag(ssn) over (order by c.id)
first_value(ssn) over (order by c.id)
id + 1
id / 7
p.amount / p.id
word::varchar || sqrt(amount)
`
  .trim()
  .split('\n');

const FROM = 'from bank.customers c join bank.plain p using (id)';
const VIEWED = `
upper(social) || tail
t2 || s2
left(kept_note, 2) || '!'
`
  .trim()
  .split('\n');

/** Statements that need no expression in FROM. */
const STATEMENTS: readonly string[] = [
  'select 1 / (x - 75) from (select ascii(ssn) as x from bank.customers) q',
  'with w as (select ascii(ssn) as x from bank.customers) select sqrt(x) from w',
  'select x.int4 from bank.customers, abs(card) x',
  'create temp table t as select ssn as x from bank.customers; select x::int from t',
  'prepare p as select card::int4 from bank.customers; execute p',
  'begin; declare c cursor for select card::int4 from bank.customers; fetch all c',
  'explain select card::int4 from bank.customers',
  'explain analyze select card::int4 from bank.customers',
  'copy (select card::int4 from bank.customers) to stdout',
  'create view public.v as select card::int4 from bank.customers',
  'update bank.customers set name = name returning card::int4',
  'select id from bank.customers where ssn = (1 / ascii(ssn))::text',
  'select count(card::int4) from bank.customers',
  'select exists (select card::int4 from bank.customers)',
  "select set_config('work_mem', ssn, true) from bank.customers",
  'select q.x::int8 from (select card as x from bank.customers union select 1.5) q',
];

async function run(person: string, text: string): Promise<{ readonly replies: Reply[]; readonly canaries: string[] }> {
  const { client, canaries } = await canary.login(person);
  const replies: Reply[] = [];
  for (const part of text.split('; ')) replies.push(...(await client.run(query(part))));
  client.close();
  return { replies, canaries: canaries() };
}

const aggregated = /^(count|min|max|sum|avg|string_agg|array_agg|jsonb?_agg|json_object_agg|bool_or)\(/;

describe.each(['careful', 'blind', 'bot'])('%s', (person) => {
  it.each(FAILING)('is refused what may fail by a value: %s', async (expression, named) => {
    const { replies } = await run(person, `select ${expression} ${FROM}`);
    const [error, ...more] = errors(replies);
    expect(more).toEqual([]);
    expect(error?.['C']).toBe('42501');
    expect(error?.['M']).toContain(`${named} fails for some values`);
    expect(rowsOf(replies)).toEqual([]);
  });

  it.each(STATEMENTS)('is refused: %s', async (text) => {
    const { replies, canaries } = await run(person, text);
    expect(errors(replies).map(({ C }) => C)).toEqual(['42501']);
    expect(canaries).toEqual([]);
  });

  it('is refused it when it is bound', async () => {
    const { client } = await canary.login(person);
    const replies = await client.run(Buffer.concat([parse('', 'select 1 / (ascii(ssn) - $1) from bank.customers'), bind('', '', '75'), execute(''), sync()]));
    client.close();
    expect(errors(replies).map(({ C }) => C)).toEqual(['42501']);
  });

  it('is refused a text of the same shape as one that cannot fail', async () => {
    const { client } = await canary.login(person);
    const codes: (string | undefined)[] = [];
    for (const pattern of ['K%', 'K\\', 'K%']) {
      const replies = await client.run(query(`select ssn like '${pattern}' from bank.customers`));
      codes.push(errors(replies)[0]?.['C']);
    }
    client.close();
    expect(codes).toEqual([undefined, '42501', undefined]);
  });

  it.each(TOTAL)('may have what cannot fail worked out, and sees none of it: %s', async (expression) => {
    const { replies, canaries } = await run(person, `select ${expression} as x ${FROM}`);
    expect(errors(replies)).toEqual([]);
    expect(rowsOf(replies)).toHaveLength(aggregated.test(expression) ? 1 : 2);
    expect(canaries).toEqual([]);
  });

  it.each(VIEWED)('may do so with columns of views: %s', async (expression) => {
    const { replies, canaries } = await run(person, `select ${expression} as x from bank.renamed, bank.twice, bank.kept`);
    expect(errors(replies)).toEqual([]);
    expect(canaries).toEqual([]);
  });
});

describe('ann, for whom conditions are open', () => {
  it.each(['1 / (ascii(ssn) - 75)', 'card::int4', 'sqrt(card)', 'ssn::date'])('is answered by the server: %s', async (expression) => {
    const { replies, canaries } = await run('ann', `select ${expression} ${FROM}`);
    expect(errors(replies).map(({ C }) => C)).not.toContain('42501');
    expect(canaries).toEqual([]);
  });
});
