/** The query that counts for a reviewer: right for what is plain, and none for everything that could carry something out. */
import { beforeAll, describe, expect, it } from 'vitest';
import { countQuery } from '../../../../src/protocols/postgres/facts/count-query.js';
import { prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(() => prepareParser());

const count = (text: string): string | null => countQuery(Buffer.from(text))?.toString() ?? null;

describe('counting', () => {
  it.each([
    ['delete from t where id = 1', 'select pg_catalog.count(*) from  t  where  id = 1'],
    [
      'DELETE FROM ONLY bank.t AS x WHERE x.id in (select id from u where v = 2) RETURNING *',
      'select pg_catalog.count(*) from  ONLY bank.t AS x  where  x.id in (select id from u where v = 2) ',
    ],
    ['delete from t;', 'select pg_catalog.count(*) from  t'],
    ["update t set note = 'a where b', n = (select 1 from u where true) where id > $1;", 'select pg_catalog.count(*) from  t  where  id > $1'],
    ['update t set (a, b) = (1, 2)', 'select pg_catalog.count(*) from  t '],
    ["delete from t where note is distinct from 'ü' -- all", "select pg_catalog.count(*) from  t  where  note is distinct from 'ü' -- all"],
  ])('%s', (text, expected) => {
    expect(count(text)).toBe(expected);
  });

  it.each([
    'select 1',
    'delete from t using u where t.id = u.id',
    'update t set a = u.a from u where t.id = u.id',
    'with x as (delete from u returning *) delete from t where id in (select id from x)',
    'delete from t where current of c',
    'delete from t where wipe(id)',
    'delete from t where id in (select pg_terminate_backend(1)::int)',
    'delete from t where pg_sleep(10) is null',
    "delete from t where nextval('s') > 0",
    'delete from t where id operator(public.=) 1',
    'delete from t; delete from u',
    'merge into t using u on true when matched then delete',
    'explain analyze delete from t',
    'delete from',
    '',
  ])('not for %s', (text) => {
    expect(count(text)).toBeNull();
  });
});
