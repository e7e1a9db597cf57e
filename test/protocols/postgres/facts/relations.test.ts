/** Which relations and columns a query touches: scoping of WITH, aliases, and what widens to "all columns". */
import { beforeAll, describe, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

function reads(text: string): Record<string, readonly string[] | null> {
  const found: Record<string, readonly string[] | null> = {};
  for (const { action, resource } of analyseText(text).facts.effects) {
    if (action === 'select' && resource !== null)
      found[resource.name.filter((part) => part !== null).join('.')] = resource.columns === null ? null : [...resource.columns].sort();
  }
  return found;
}

describe('columns', () => {
  test.each<[string, Record<string, readonly string[] | null>]>([
    ['select a, upper(b) from s.t where c = 1 order by d', { 's.t': ['a', 'b', 'c', 'd'] }],
    ['select count(*) from t', { t: [] }],
    ['select * from t', { t: null }],
    ['select x.* from t x join u on true', { t: null, u: [] }],
    ['select t from t', { t: null }],
    ['select row_to_json(c) from customers c', { customers: null }],
    ['select x.a, y.b from t x join u y using (k)', { t: ['a', 'k'], u: ['b', 'k'] }],
    ['select a from t join u on t.k = u.k', { t: ['a', 'k'], u: ['a', 'k'] }],
    ['select a from t natural join u', { t: null, u: null }],
    ['select p from t as x(p, q)', { t: null }],
    ['select j.a from (t join u on true) as j', { t: null, u: null }],
    ['select s.z from (select ssn as z from t) s', { t: ['ssn'] }],
    ['select (select max(b) from u where u.k = t.k) from t', { t: ['b', 'k'], u: ['b', 'k'] }],
    ['select l.x from t, lateral (select t.ssn as x) l', { t: ['ssn'] }],
    ['table t', { t: null }],
    ['select a from t union select b from u', { t: ['a'], u: ['b'] }],
    ['insert into t (a) select b from u returning t.c', { u: ['b'], t: ['c'] }],
    ['update t set a = b where c = 1 returning old.d, new.e', { t: ['b', 'c', 'd', 'e'] }],
    ['delete from t returning *', { t: null }],
    ['delete from t', {}],
    ['copy s.t (a, b) to stdout', { 's.t': ['a', 'b'] }],
  ])('%s', (text, expected) => {
    expect(reads(text)).toEqual(expected);
  });

  test('written columns are those of the write', () => {
    const columns = (text: string) => analyseText(text).facts.effects[0]?.resource?.columns;
    expect(columns('update t set a = 1, b[2] = 3, (c, d) = (select 1, 2)')).toEqual(['a', 'b', 'c', 'd']);
    expect(columns('insert into t (a, b) values (1, 2)')).toEqual(['a', 'b']);
    expect(columns('insert into t values (1, 2)')).toBeNull();
  });
});

describe('common table expressions', () => {
  test.each<[string, readonly string[]]>([
    ['with c as (select 1) select * from c', []],
    ['with c as (select 1) select * from public.c', ['public.c']],
    ['with c as (select * from c) select * from c', ['c']],
    ['with recursive c as (select 1 union select * from c) select * from c', []],
    ['with a as (select * from b), b as (select 1) select * from a, b', ['b']],
    ['select * from (with c as (select 1) select * from c) q, c', ['c']],
    ['with c as (select 1) select (select max(1) from c)', []],
    ['with c as (select 1) insert into t select * from c', []],
  ])('%s', (text, expected) => {
    expect(Object.keys(reads(text))).toEqual(expected);
  });

  test('a LIMIT is a fact of the query that has it', () => {
    expect(analyseText('select a from t limit 10').facts.effects[0]?.facts).toEqual({ limit: 10 });
    expect(analyseText('select a from t fetch first 7 rows only').facts.effects[0]?.facts).toEqual({ limit: 7 });
    expect(analyseText('select a from t limit $1').facts.effects[0]?.facts).toEqual({});
  });
});

describe('crowds', () => {
  test('beyond what can be told apart, columns are not known, and nothing is missed', () => {
    const names = Array.from({ length: 9000 }, (_, i) => `t${String(i)}`);
    const found = reads(`select ${names.map((name) => `c${name}`).join(', ')}, t5.x from ${names.join(', ')} where exists (select 1 from u where k = 1)`);
    expect(Object.keys(found)).toHaveLength(9001);
    expect(found['t0']).toBeNull();
    expect(found['t8999']).toBeNull();
    expect(found['u']).toEqual(['k']);
    expect(reads(`select (select x from ${names.slice(0, 100).join(', ')}) from o`)['o']).toBeNull();
  });
});
