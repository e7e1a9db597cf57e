/** redteam 6a: conditions written only to get past "no DELETE without WHERE", and their honest counterparts. */
import { beforeAll, describe, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

function where(text: string, action: string): unknown {
  const effect = analyseText(text).facts.effects.find((candidate) => candidate.action === action);
  return effect?.facts['where'];
}

const ATTACKS: readonly (readonly [string, string, string])[] = [
  ['A1', 'delete from t', 'none'],
  ['A2', 'delete from t where true', 'vacuous'],
  ['A3', 'delete from t where 1=1', 'vacuous'],
  ['A4', 'delete from t where id=id', 'vacuous'],
  ['A5', 'delete from t where id is not null', 'unknown'],
  ['A6', 'delete from t where id=1 or true', 'vacuous'],
  ['A7', 'delete from t where exists(select 1)', 'vacuous'],
  ['A8', 'delete from t where id in (select id from t)', 'unknown'],
  ['A9', "delete from t where v like '%'", 'vacuous'],
  ['A10', 'delete from t using t2 where t.id=t2.id', 'unknown'],
  ['A10 self-join', 'delete from t using t t2 where t.id=t2.id', 'unknown'],
  ['A11', 'delete from only t', 'none'],
  ['A12', 'delete from U&"\\0074"', 'none'],
  ['A13', 'delete/**/from/**/t', 'none'],
  ['A14', 'delete from t /* /* */ where id = 1 */', 'none'],
  ['A15', 'delete from t -- where id=1', 'none'],
  ['A16', 'DeLeTe FrOm "t"', 'none'],
  ['A17', 'delete from public.t', 'none'],
  ['bound parameter', 'delete from t where $1', 'unknown'],
  ['bound parameter or', 'delete from t where $1::bool or id=$2', 'unknown'],
  ['constants of one row', 'delete from t where 5 in (4, 5)', 'vacuous'],
  ['between constants', 'delete from t where 1 between 0 and 2', 'vacuous'],
  ['cast of true', "delete from t where 't'::bool", 'vacuous'],
  ['not false', 'delete from t where not false', 'vacuous'],
  ['coalesce', 'delete from t where coalesce(id, 1) = coalesce(id, 1)', 'unknown'],
  ['computed from the row', 'delete from t where id * 0 = 0', 'unknown'],
  ['length', 'delete from t where length(v) >= 0', 'unknown'],
  ['other column of the row', 'delete from t where id = id + 0', 'unknown'],
  ['in its own row', 'delete from t where id in (id, 5)', 'unknown'],
  ['system column', 'delete from t where tableoid > 0', 'unknown'],
  ['system column xmin', 'delete from t where xmin is null or tableoid = tableoid', 'unknown'],
  ['address range', "delete from t where ctid >= '(0,0)'", 'unknown'],
  ['whole row', 'delete from t where t = t', 'unknown'],
  ['unqualified beside another source', 'delete from t using (values (1)) u(x) where x = 1', 'unknown'],
  ['other source only', 'delete from t using u where u.x = 1', 'unknown'],
  ['subquery with constants', 'delete from t using (select 1 as x, id from t) u where t.id = u.id and u.x = 1', 'unknown'],
  ['correlated subquery of another table', "delete from t where id in (select id from pg_class where relname = 'pg_class')", 'unknown'],
  ['outer name in subquery', 'delete from t where id in (select t.id from t as i where i.x = 1)', 'unknown'],
  ['shadowed by a CTE', 'with t as (select id, 1 as x from public.t) delete from t where id in (select id from t where x = 1)', 'unknown'],
  ['scalar subquery', 'delete from t where id = (select id from other limit 1)', 'unknown'],
  ['user operator', 'delete from t where id operator(evil.=) 1', 'unknown'],
  ['cast to bool', 'delete from t where id::bool = true', 'unknown'],
  ['not equal', 'delete from t where id <> -1', 'unknown'],
  ['not in', 'delete from t where id not in (-1)', 'unknown'],
  ['not like', "delete from t where v not like 'x'", 'unknown'],
  ['pattern without prefix', "delete from t where v like '%a%'", 'unknown'],
  ['pattern as parameter', 'delete from t where v like $1', 'unknown'],
  ['case', 'delete from t where case when id = 1 then true else true end', 'unknown'],
  ['or with unknown', 'delete from t where id = 1 or id is not null', 'unknown'],
  ['and of vacuous', 'delete from t where true and 1=1', 'vacuous'],
];

describe('redteam 6a: no condition that spares nothing is effective', () => {
  test.each(ATTACKS)('%s: %s', (_class, text, expected) => {
    expect(where(text, 'delete')).toBe(expected);
  });

  test.each([
    ['update t set v=v', 'none'],
    ['update t set v=v where v=v', 'vacuous'],
    ['update t set v=1 from u where t.id=u.id', 'unknown'],
    ['update public.t as x set v=1 where x.id is not null', 'unknown'],
  ])('%s', (text, expected) => {
    expect(where(text, 'update')).toBe(expected);
  });
});

describe('honest conditions are effective', () => {
  test.each([
    'delete from t where id = 1',
    'delete from t where 1 = id',
    'delete from t where id = $1',
    'delete from t where id = any($1)',
    'delete from t where id = any(array[1, 2])',
    'delete from t where id in (1, 2, $3)',
    'delete from t where (a, b) = (1, 2)',
    'delete from t where (a, b) in ((1, 2), (3, 4))',
    "delete from t where created < now() - interval '30 days'",
    'delete from t where id between 5 and 9',
    "delete from t where v like 'abc%'",
    'delete from t where v is null',
    'delete from t where done',
    'delete from t where not active',
    'delete from t where active is false',
    'delete from t where id is not distinct from 5',
    "delete from t where lower(v) = 'x'",
    "delete from t where id::text = '5'",
    'delete from public.t where t.id = 1 and true',
    'delete from public.t where public.t.id = 1',
    'delete from t as x where x.id = 1 and (x.v = 2 or x.w is not null)',
    'delete from t where id = 1 or id = 2',
    'delete from t where id in (select id from t where v = 1 limit 5)',
    "delete from t using u where t.id = u.id and u.kind = 'x'",
    'delete from t using (values (1), (2)) as u(id) where t.id = u.id',
    'delete from t where current of c',
    "delete from t where ctid = '(0,1)'",
  ])('%s', (text) => {
    expect(where(text, 'delete')).toBe('effective');
  });

  test('batch updates from a list or an array parameter', () => {
    expect(where("update t set v = u.v from (values (1, 'a'), (2, 'b')) as u(id, v) where t.id = u.id", 'update')).toBe('effective');
    expect(where('update t set v = 1 from unnest($1::int[]) as u(id) where u.id = t.id', 'update')).toBe('effective');
    expect(where('update t set v = 1 from generate_series(1, 1000000000) as u(id) where u.id = t.id', 'update')).toBe('unknown');
  });
});

describe('MERGE and ON CONFLICT', () => {
  test('a merge of unbounded rows proves nothing, one of listed rows does', () => {
    expect(where('merge into t using s on t.id = s.id when matched then delete', 'delete')).toBe('unknown');
    expect(where('merge into t using s on true when matched then delete', 'delete')).toBe('vacuous');
    expect(where('merge into t using (values ($1, $2)) s(id, v) on t.id = s.id when matched then update set v = s.v', 'update')).toBe('effective');
    expect(where('merge into t using (values (1)) s(id) on t.id = s.id when not matched by source then delete', 'delete')).toBe('none');
  });

  test('an upsert touches as many rows as it offers', () => {
    expect(where('insert into t values (1) on conflict (id) do update set v = 1', 'update')).toBe('effective');
    expect(where('insert into t select * from t on conflict (id) do update set v = 1', 'update')).toBe('unknown');
  });
});
