/** Text that an older server reads as a call of somebody's function is a call of it here too (redteam B6), whatever PostgreSQL 18 makes of it. */
import { beforeAll, describe, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

const userCalls = (text: string) =>
  analyseText(text)
    .facts.effects.filter(({ action, facts }) => action === 'call' && facts['class'] === 'user')
    .map(({ resource }) => resource?.name);

describe('an ordinary function on PostgreSQL 13', () => {
  test.each([
    ['json_value', 'select json_value(a, b)'],
    ['json_query', "select json_query(a, '$.x')"],
    ['json_exists', 'select 1 from t where json_exists(a, b)'],
    ['json', 'select json(a)'],
    ['json_scalar', 'update t set a = json_scalar(1) where id = 1'],
    ['json_serialize', 'insert into t values (json_serialize(a))'],
    ['json_object', 'select json_object()'],
    ['json_array', 'select json_array()'],
    ['json_array', 'select * from json_array(1, 2)'],
    ['json_arrayagg', 'select json_arrayagg(a order by b) from t'],
    ['json_arrayagg', 'select json_arrayagg(a) filter (where a > 1) over (partition by b) from t'],
    ['merge_action', 'select merge_action()'],
    ['merge_action', 'delete from t where id = 1 returning merge_action()'],
    ['json_value', 'create index i on t (json_value(a, b))'],
    ['json_value', 'create table t (a int default json_value(1, 2))'],
  ])('%s: %s', (name, text) => {
    expect(userCalls(text)).toContainEqual([null, name]);
  });

  test('what it holds still counts', () => {
    const { effects } = analyseText('select json_value((select v from s.secret), wipe())').facts;
    expect(effects.map(({ resource }) => resource?.name.at(-1))).toEqual(expect.arrayContaining(['json_value', 'secret', 'wipe']));
  });

  test('system_user is a column to it', () => {
    const read = analyseText('select system_user from s.t').facts.effects.find(({ action }) => action === 'select');
    expect(read?.resource?.columns).toEqual(['system_user']);
    // There this compares a column with itself.
    const where = (text: string) => analyseText(text).facts.effects.find(({ action }) => action === 'delete')?.facts['where'];
    expect(where('delete from t where "system_user" = system_user')).toBe('unknown');
    expect(where('delete from t where owner = current_user')).toBe('effective');
  });
});

describe('what no older server can read is no call', () => {
  test.each([
    "select json_object('a' : 1)",
    'select json_objectagg(a : b) from t',
    'select json_array(select a from t)',
    "select * from json_table('{}', '$' columns (a int path '$.a')) as j",
    'select a is json from t',
    'select xmlserialize(content a as text indent) from t',
  ])('%s', (text) => {
    expect(userCalls(text)).toEqual([]);
  });
});
