/** A definition that names a function calls it, later and by another name (redteam B17: `create operator !!! (function = pg_read_file)`). */
import { beforeAll, describe, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';

beforeAll(prepareParser);

const calls = (text: string) =>
  analyseText(text)
    .facts.effects.filter(({ action }) => action === 'call')
    .map(({ resource, facts }) => `${resource?.name.map((part) => part ?? '?').join('.') ?? ''} ${String(facts['class'])}`);

describe('functions by reference', () => {
  test.each<[string, readonly string[]]>([
    ['create operator public.!!! (rightarg=text, function=pg_read_file)', ['?.pg_read_file file']],
    ['create operator public.!!! (rightarg=text, procedure=pg_catalog.pg_read_file)', ['pg_catalog.pg_read_file file']],
    ["create operator !!! (rightarg=text, function='pg_read_file')", ['?.pg_read_file file']],
    [
      'create operator === (leftarg=int, rightarg=int, function=int4eq, commutator= ===, restrict=pg_ls_dir, join=dblink)',
      ['?.int4eq plain', '?.pg_ls_dir file', '?.dblink network'],
    ],
    ['alter operator === (int, int) set (restrict = pg_ls_dir, join = dblink)', ['?.pg_ls_dir file', '?.dblink network']],
    ['alter operator === (int, int) set (restrict = none, join = none)', []],
    [
      'create aggregate a (text) (sfunc=pg_read_file, stype=text, finalfunc=dblink, combinefunc=s.c, serialfunc=s.d, deserialfunc=s.e)',
      ['?.pg_read_file file', '?.dblink network', 's.c user', 's.d user', 's.e user'],
    ],
    [
      'create aggregate a (text) (sfunc=s.a, stype=text, msfunc=s.b, minvfunc=s.c, mfinalfunc=pg_reload_conf, mstype=text)',
      ['s.a user', 's.b user', 's.c user', '?.pg_reload_conf admin'],
    ],
    ['create aggregate a (basetype=text, sfunc=lo_export, stype=text)', ['?.lo_export file']],
    ['create aggregate a (order by text) (sfunc=query_to_xml, stype=text)', ['?.query_to_xml dynamic_sql']],
    [
      'create type b (input=s.a, output=s.b, receive=s.c, send=s.d, typmod_in=s.e, typmod_out=s.f, analyze=s.g, subscript=pg_read_file)',
      ['s.a user', 's.b user', 's.c user', 's.d user', 's.e user', 's.f user', 's.g user', '?.pg_read_file file'],
    ],
    ['alter type b set (receive = pg_read_file)', ['?.pg_read_file file']],
    ['create type r as range (subtype=text, canonical=s.c, subtype_diff=pg_read_file)', ['s.c user', '?.pg_read_file file']],
    ['create cast (text as int) with function pg_read_file(text) as implicit', ['?.pg_read_file file']],
    ['create cast (text as int) without function', []],
    ['create trigger g before update on t for each row execute function suppress_redundant_updates_trigger()', ['?.suppress_redundant_updates_trigger plain']],
    ['create trigger g before update on t for each row execute function s.suppress_redundant_updates_trigger()', ['s.suppress_redundant_updates_trigger user']],
    ['create operator === (leftarg=int, rightarg=int, function=s.f, restrict=eqsel, join=eqjoinsel)', ['s.f user', '?.eqsel plain', '?.eqjoinsel plain']],
    ['create trigger g after insert on t for each row execute function pg_reload_conf()', ['?.pg_reload_conf admin']],
    ['create constraint trigger g after insert on t for each row execute procedure s.f(1)', ['s.f user']],
    ['create event trigger e on ddl_command_start execute function s.f()', ['s.f user']],
    ['create operator class c for type int using btree as operator 1 <, function 1 pg_terminate_backend(int, int)', ['?.pg_terminate_backend admin']],
    ['alter operator family f using btree add function 1 (int, int) s.f(int, int)', ['s.f user']],
    ['alter operator family f using btree drop function 1 (int, int)', []],
    ["create conversion c for 'UTF8' to 'LATIN1' from s.f", ['s.f user']],
    ['create language l handler s.h inline s.i validator pg_read_file', ['s.h user', 's.i user', '?.pg_read_file file']],
    ['create transform for int language l (from sql with function s.f(internal), to sql with function s.g(internal))', ['s.f user', 's.g user']],
    ['create access method m type index handler s.h', ['s.h user']],
    ['create foreign data wrapper w handler s.h validator dblink_fdw_validator', ['s.h user', '?.dblink_fdw_validator network']],
    ['alter foreign data wrapper w handler s.h', ['s.h user']],
    [
      'create text search parser p (start=s.a, gettoken=s.b, end=s.c, lextypes=s.d, headline=s.e)',
      ['s.a user', 's.b user', 's.c user', 's.d user', 's.e user'],
    ],
    ['create text search template p (init=s.a, lexize=pg_read_file)', ['s.a user', '?.pg_read_file file']],
    ['create function f() returns int language sql support s.f return 1', ['s.f user']],
    ['alter function f() support s.f', ['s.f user']],
    ["create function f(text) returns text language internal as 'pg_read_file_all'", ['?.pg_read_file_all file']],
    ["create function pg_read_file(text) returns text language internal as ''", ['?.pg_read_file file']],
    ["create function f(text) returns text language c as '$libdir/dblink', 'dblink_exec'", ['?.dblink_exec network']],
    ["create function f(text) returns text language sql as 'select 1'", []],
    ['drop function s.f', []],
  ])('%s', (text, expected) => {
    expect(calls(text)).toEqual(expected);
  });

  test('a function in C loads its library', () => {
    const { effects } = analyseText("create function f(text) returns text language c as 'evil', 'f'").facts;
    expect(effects).toContainEqual({ action: 'load', resource: { type: 'file', name: ['evil'], columns: null }, facts: {} });
  });
});

describe('functions in the expressions of a definition', () => {
  test.each([
    'create statistics s on (wipe(a)), b from t',
    'create index on t (wipe(a))',
    'create index on t (a) where wipe(a)',
    'create table t (a int generated always as (wipe(b)) stored)',
    'create table t (a int default wipe())',
    'create table t (a int check (wipe(a)))',
    'create table t (a int) partition by range (wipe(a))',
    'create table p partition of t for values from (wipe()) to (2)',
    'create policy p on t using (wipe(a))',
    'alter policy p on t with check (wipe(a))',
    'alter table t alter a type int using wipe(a)',
    'alter table t alter a set default wipe()',
    'alter table t add constraint c check (wipe(a))',
    'alter table t add exclude using gist (wipe(a) with =)',
    'create domain d as int check (wipe(value))',
    'alter domain d set default wipe()',
    'create trigger g after update on t for each row when (wipe(old.a)) execute function f()',
    'create publication p for table t where (wipe(a))',
    'create function f(a int default wipe()) returns int language sql return 1',
    'create rule r as on update to t where wipe(old.a) do nothing',
    'create view v as select wipe()',
  ])('%s', (text) => {
    expect(calls(text)).toContain('?.wipe user');
  });
});
