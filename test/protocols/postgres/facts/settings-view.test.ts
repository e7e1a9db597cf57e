/** UPDATE of a view over pg_settings changes settings under a name that says nothing: so making one is a `set` of nobody knows which. */
import { beforeAll, describe, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

const sets = (text: string) => analyseText(text).facts.effects.filter(({ action }) => action === 'set');

describe('an updatable view over pg_settings', () => {
  test.each([
    'create temp view vs as select * from pg_settings',
    'create or replace view vs as select name, setting from pg_catalog.pg_settings s where true',
    'create view vs (a, b) as table pg_settings',
    'create view vs as (select * from only pg_catalog.pg_settings) with check option',
    'create schema x create view vs as select * from pg_settings',
    'select 1; create view vs as select * from bank.pg_catalog.pg_settings',
    // Before PostgreSQL 16 this makes a view of a table.
    'create rule "_RETURN" as on select to t do instead select * from pg_settings',
  ])('%s', (text) => {
    expect(sets(text)).toEqual([{ action: 'set', resource: { type: 'setting', name: [null], columns: null }, facts: { scope: 'session' } }]);
    expect(analyseText(text).facts.summary).toContain('sets what nobody can tell');
  });
});

describe('copies of pg_settings, and views that cannot be updated', () => {
  test.each([
    'create materialized view m as select * from pg_settings',
    'create temp table t as select * from pg_settings',
    'select * into t from pg_settings',
    'insert into t select * from pg_settings',
    'create view v as select * from mine.pg_settings',
    'create view v as with pg_settings as (select 1) select * from pg_settings',
    "create view v as select a, (select setting from pg_settings where name = 'port') from t",
    'create view v as select * from pg_stat_activity, pg_settings',
    'create rule r as on insert to t do also select * from pg_settings',
    'select * from pg_settings',
  ])('%s', (text) => {
    expect(sets(text)).toEqual([]);
  });
});
