/** redteam 6b at the level of facts: the effect of every hidden write is there, and text that only mentions one has none. */
import { beforeAll, describe, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';
import honest from './honest-statements.json' with { type: 'json' };

beforeAll(prepareParser);

/** `action type:name {facts}` of each effect. */
function told(text: string): readonly string[] {
  return analyseText(text).facts.effects.map(({ action, resource, facts }) => {
    const name = resource === null ? '-' : `${resource.type}:${resource.name.map((part) => part ?? '?').join('.')}`;
    return `${action} ${name} ${JSON.stringify(facts)}`;
  });
}

const HIDDEN: readonly (readonly [string, string, readonly string[]])[] = [
  ['B1', 'with x as (delete from t returning *) select * from x', ['delete relation:?.t {"where":"none","returning":true}']],
  [
    'B2',
    'select * from (with x as (with y as (delete from s.t returning 1) select * from y) select * from x) q',
    ['delete relation:s.t {"where":"none","returning":true}'],
  ],
  ['B3', 'explain analyze delete from t', ['explain - {"analyze":true}', 'delete relation:?.t {"where":"none"}']],
  ['B3', 'explain (costs off, analyze) delete from t', ['delete relation:?.t {"where":"none"}']],
  ['B3', 'explain (analyze on) update t set v = 1', ['update relation:?.t {"where":"none"}']],
  ['B4', 'copy (delete from t returning *) to stdout', ['copy_to - {}', 'delete relation:?.t {"where":"none","returning":true}']],
  ['B6', 'select wipe()', ['call function:?.wipe {"class":"user","unseen":true,"trusted":false}']],
  ['B6 in WHERE', 'select 1 from t where app.wipe()', ['call function:app.wipe {"class":"user","unseen":true,"trusted":false}']],
  ['B6 in ORDER BY', 'select 1 from t order by wipe()', ['call function:?.wipe {"class":"user","unseen":true,"trusted":false}']],
  ['B6 operator', 'select 1 operator(app.~~>) 2', ['call function:app.~~> {"class":"user","unseen":true,"trusted":false,"operator":true}']],
  ['B8', 'prepare zz as delete from t', ['prepare statement:zz {}', 'delete relation:?.t {"where":"none"}']],
  ['B9', 'select 1; delete from t', ['delete relation:?.t {"where":"none"}']],
  ['B9', "select $a$ '; $a$; delete from t", ['delete relation:?.t {"where":"none"}']],
  ['B9', "select E'O\\'Brien'; delete from t", ['delete relation:?.t {"where":"none"}']],
  ['B10', 'delete from t; commit; select 1/0', ['delete relation:?.t {"where":"none"}', 'transaction - {"kind":"commit"}']],
  ['B11', 'merge into t using s on true when matched then delete', ['merge relation:?.t {"where":"vacuous"}', 'delete relation:?.t {"where":"vacuous"}']],
  [
    'B11',
    'insert into t select * from s on conflict (id) do update set v = 1',
    ['insert relation:?.t {"on_conflict":"update"}', 'update relation:?.t {"where":"unknown"}'],
  ],
  ['B12', 'truncate a, s.b cascade', ['truncate relation:?.a {"cascade":true}', 'truncate relation:s.b {"cascade":true}']],
  ['B12', 'drop schema s cascade', ['drop schema:s {"object":"schema","cascade":true}']],
  ['B12', 'drop owned by u', ['drop role:u {"object":"owned"}']],
  ['B12', 'drop database d', ['drop database:d {"object":"database"}']],
  ['B12', 'alter table s.t drop column c', ['alter relation:s.t {"object":"table","change":["drop_column"]}']],
  ['B12', 'alter table t alter c type int using 0', ['alter relation:?.t {"object":"table","change":["alter_column_type"]}']],
  ['B12', 'alter table t rename to u', ['rename relation:?.t {"object":"table"}']],
  ['B12', 'alter schema s rename to u', ['rename schema:s {"object":"schema"}']],
  ['B12', 'alter table s.t rename column a to b', ['rename relation:s.t {"object":"column","part":"a"}']],
  ['B14', 'alter role bob rename to eve', ['rename role:bob {"object":"role"}', 'role role:bob {"change":["rename"]}']],
  ['B13', 'select * into x from s.y', ['create relation:?.x {"object":"table","into":true}', 'select relation:s.y {}']],
  ['B13', 'create table x as select * from s.y', ['create relation:?.x {"object":"table","into":true}', 'select relation:s.y {}']],
  ['B13', 'create materialized view x as select * from s.y', ['create relation:?.x {"object":"matview","into":true}', 'select relation:s.y {}']],
  ['B14', "alter role bob password 'x'", ['role role:bob {"change":["alter"],"password":true,"options":["password"]}']],
  ['B14', 'alter role all set work_mem = 1', ['role role:all {"change":["set"],"setting":"work_mem"}']],
  ['B14', 'grant select on s.t to public', ['grant relation:s.t {"object":"table","privileges":["select"],"to":["public"]}']],
  ['B14', 'alter default privileges grant select on tables to public', ['grant - {"object":"table","privileges":["select"],"to":["public"],"defaults":true}']],
  ['B14', 'reassign owned by a to b', ['role role:a {"change":["reassign_owned"]}']],
  ['B14', "create function f() returns int language sql security definer as 'select 1'", ['create function:?.f {"object":"function","security_definer":true}']],
  ['B14', 'alter system set work_mem = 1', ['system setting:work_mem {}']],
  ['B14', 'select pg_reload_conf()', ['call function:?.pg_reload_conf {"class":"admin"}']],
  ['B15', 'set role admin', ['session_role role:admin {"scope":"session","setting":"role"}']],
  ['B15', 'set "ROLE" to admin', ['session_role role:admin {"scope":"session","setting":"role"}']],
  ['B15', 'reset session authorization', ['session_role role:? {"scope":"session","setting":"session_authorization"}']],
  ['B15', "select set_config('role', 'x', true)", ['session_role role:x {"scope":"local","setting":"role"}']],
  ['B15', 'set row_security = off', ['set setting:row_security {"scope":"session","value":"off"}']],
  ['B15', 'begin read write', ['set setting:transaction_read_only {"scope":"local","value":"off"}']],
  ['B15', 'set session characteristics as transaction read write', ['set setting:default_transaction_read_only {"scope":"session","value":"off"}']],
  ['B16', 'set local search_path = pg_temp, public', ['set setting:search_path {"scope":"local","value":"pg_temp, public"}']],
  ['B16', 'create temp table t (a int)', ['create relation:?.t {"object":"table","temporary":true}']],
  ['B17', "copy t from program 'id'", ['copy_program program:id {"direction":"from"}', 'insert relation:?.t {}']],
  ['B17', "copy t to '/etc/x'", ['copy_file file:/etc/x {"direction":"to"}', 'select relation:?.t {}']],
  ['B17', "select lo_import('/etc/passwd')", ['call function:?.lo_import {"class":"file"}']],
  ['B17', "select pg_catalog.pg_read_file('x')", ['call function:pg_catalog.pg_read_file {"class":"file"}']],
  ['B17', "select * from dblink('x', 'y') as d(a int)", ['call function:?.dblink {"class":"network"}']],
  ['B17', 'create extension dblink', ['extension extension:dblink {"change":["create"]}']],
  ['B17', "load 'x'", ['load file:x {}']],
  ['B17', "select query_to_xml('delete from t', true, true, '')", ['call function:?.query_to_xml {"class":"dynamic_sql"}']],
  ['B17', "select * from ts_stat('select 1')", ['call function:?.ts_stat {"class":"dynamic_sql"}']],
  ['B18', 'select pg_terminate_backend(1)', ['call function:?.pg_terminate_backend {"class":"admin"}']],
  ['B18', 'select pg_advisory_lock(1)', ['call function:?.pg_advisory_lock {"class":"lock"}']],
  ['B18', 'select pg_sleep(9)', ['call function:?.pg_sleep {"class":"sleep"}']],
  ['B18', 'lock table t', ['lock relation:?.t {}']],
  ['B18', 'vacuum full t', ['vacuum relation:?.t {"full":true}']],
  ['rule body', 'create rule r as on insert to a do also delete from b', ['delete relation:?.b {"where":"none"}']],
  ['function body', 'create function f() returns void begin atomic delete from b; end', ['delete relation:?.b {"where":"none"}']],
  ['default', 'create table t (a int default wipe())', ['call function:?.wipe {"class":"user","unseen":true,"trusted":false}']],
  ['cursor', 'declare c cursor for select * from s.t for update', ['select relation:s.t {"for_update":true}']],
  ['locks through a subquery', 'select * from (select * from s.t) q for update', ['select relation:s.t {"for_update":true}']],
  ['JSON', "select * from json_table((select v from s.secret), '$' columns (a int path '$.a')) j", ['select relation:s.secret {}']],
];

describe('redteam 6b: hidden writes', () => {
  test.each(HIDDEN)('%s: %s', (_class, text, expected) => {
    expect(told(text)).toEqual(expect.arrayContaining([...expected]));
  });

  test.each([
    ['B5', "do $$begin execute 'del'||'ete from t'; end$$"],
    ['CALL', 'call wipe()'],
    ['computed setting', "select set_config('ro' || 'le', 'x', false)"],
    ['settings by UPDATE', "update pg_settings set setting = 'off' where name = 'row_security'"],
    ['syntax error', 'delete fro t'],
    ['NUL', 'select 1\0; drop table t'],
    ['too long', `select '${'x'.repeat(300_000)}'`],
    ['too deep', `select 1${'+1'.repeat(100_000)}`],
    ['lone surrogate', 'select \ud800'],
  ])('%s is unknown', (_class, text) => {
    const { facts } = analyseText(text);
    expect(facts.unknown).not.toEqual([]);
    expect(facts.effects.map((effect) => effect.action)).toContain('unknown');
  });

  test('the parser survives many texts that break it', () => {
    for (let i = 0; i < 60; i++) analyseText(`select ${String(i)}${'+1'.repeat(100_000)}`);
    return prepareParser().then(() => {
      expect(analyseText('delete from t').facts.summary).toBe('deletes from t without WHERE');
    });
  });

  test('plain EXPLAIN runs nothing', () => {
    expect(told('explain delete from t')).toEqual(['explain - {"analyze":false}', 'explain relation:?.t {"analyze":false,"of":"delete"}']);
    expect(told('explain (analyze off) delete from t')).toEqual(told('explain delete from t'));
  });
});

describe('honest statements', () => {
  test('what psql, pg_dump, pg_dumpall and pgbench send is understood', () => {
    const misunderstood = honest.filter((text) => analyseText(text).facts.unknown.length > 0);
    expect(honest.length).toBeGreaterThan(150);
    expect(misunderstood).toEqual([]);
  });

  test('their functions are PostgreSQL’s own', () => {
    const foreign = new Set(
      honest
        .flatMap((text) => analyseText(text).facts.effects)
        .filter(({ facts }) => facts['class'] === 'user')
        .map(({ resource }) => String(resource?.name.at(-1))),
    );
    expect([...foreign]).toEqual([]);
  });

  test.each([
    "select 'DROP TABLE x'",
    'select 1 as delete',
    "insert into logs (body) values ('delete from t; drop table t')",
    'create function f() returns void language plpgsql as $$begin delete from t; drop table t; end$$',
    'select "drop" from "truncate"',
    'select 1 -- drop table x',
  ])('%s neither drops nor deletes', (text) => {
    const actions = analyseText(text).facts.effects.map((effect) => effect.action);
    expect(actions).not.toContain('drop');
    expect(actions).not.toContain('delete');
    expect(actions).not.toContain('truncate');
    expect(actions).not.toContain('unknown');
  });

  test('pg_dump’s set_config over pg_settings names its setting', () => {
    const text = "SELECT set_config(name, 'view', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'";
    expect(told(text)).toContain('set setting:restrict_nonsystem_relation_kind {"scope":"session","value":"view"}');
    expect(analyseText('SELECT set_config(name, setting, false) FROM pg_settings').facts.unknown).not.toEqual([]);
    expect(analyseText("SELECT set_config(name, setting, false) FROM pg_settings WHERE name = 'a' or true").facts.unknown).not.toEqual([]);
  });

  test.each(['', ' ;; ', '-- nothing', '/* nothing */'])('%j does nothing', (text) => {
    expect(analyseText(text).facts).toMatchObject({ effects: [], unknown: [], summary: 'nothing' });
  });

  test('a query without relations still is one', () => {
    expect(told('select 1')).toEqual(['select - {"only_constants":true}']);
    expect(told('select now()')).toEqual(['call function:?.now {"class":"plain"}', 'select - {}']);
  });
});
