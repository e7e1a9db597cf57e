/**
 * The database that is attacked, and the one query that tells whether anything of it changed: a row for each part, each with a digest. The
 * attacker's session is a superuser's there, so nothing but the gateway stands between a statement and its effect.
 */
export const SEED: readonly string[] = [
  'create schema bank',
  "create table bank.accounts (id int primary key, owner varchar(40) not null, balance numeric(12,2) not null, active boolean not null default true, note text default 'n')",
  "insert into bank.accounts select i, 'owner' || i, i * 100, i % 2 = 0, 'note ' || i from generate_series(1, 10) i",
  'create table bank.entries (id int primary key, account_id int, amount numeric not null)',
  'insert into bank.entries select i, i % 10 + 1, i from generate_series(1, 20) i',
  'create table bank.audit (id int, what text)',
  "insert into bank.audit values (1, 'opened')",
  'create sequence bank.counter',
  "create type bank.mood as enum ('calm')",
  'create view bank.active_accounts as select * from bank.accounts where active',
  'create materialized view bank.totals as select account_id, sum(amount) as total from bank.entries group by 1',
  'create index entries_account on bank.entries (account_id)',
  "create function bank.fee(a int) returns int language sql immutable as 'select a + 1'",
  "create function bank.wipe() returns int language plpgsql as 'begin delete from bank.accounts; delete from bank.entries; return 1; end'",
  "create function bank.note_change() returns trigger language plpgsql as 'begin return new; end'",
  'create trigger noted before update on bank.accounts for each row execute function bank.note_change()',
  'create rule audit_stays as on delete to bank.audit do instead nothing',
  'create operator bank.~~> (leftarg = int, rightarg = int, function = int4pl)',
  'alter table bank.audit enable row level security',
  'alter table bank.audit force row level security',
  'create policy own on bank.audit using (false)',
  'create table bank.days (d int, v int) partition by range (d)',
  'create table bank.day_one partition of bank.days for values from (0) to (10)',
  'insert into bank.days values (1, 1), (2, 2)',
  "create function bank.watch() returns event_trigger language plpgsql as 'begin end'",
  'create table bank.hers (id int)',
  'alter table bank.hers owner to mallory',
  "create procedure bank.purge() language sql as 'delete from bank.entries'",
  'create schema decoy',
  "create function decoy.initcap(varchar) returns text language sql as 'select bank.wipe()::text'",
  "create function decoy.begins(varchar, varchar) returns bool language sql as 'select bank.wipe() = 1'",
  'create operator decoy.^@ (leftarg = varchar, rightarg = varchar, function = decoy.begins)',
  'create type decoy.code as (a int)',
  "create function decoy.to_code(varchar) returns decoy.code language sql as 'select row(bank.wipe())::decoy.code'",
  'create cast (varchar as decoy.code) with function decoy.to_code(varchar)',
  "create function decoy.fine(text) returns bool language sql as 'select bank.wipe() = 1'",
  'create domain decoy.word as text check (decoy.fine(value))',
  "select lo_from_bytea(4242, '\\x010203')",
];

/** Things of no worth: what an attack may use on its way. Made anew for each batch. */
export const SCRATCH: readonly string[] = [
  'drop schema if exists scratch cascade',
  'create schema scratch',
  'create table scratch.sink (id int, n int, t text)',
  "insert into scratch.sink values (1, 1, 'x')",
  'create table scratch.lines (line text)',
  'create table scratch.other as select i as id from generate_series(1, 10) i',
];

const content = (table: string): string => `select '${table}', md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from ${table} t`;
const catalog = (name: string, columns: string, from: string): string =>
  `select '${name}', md5(coalesce(string_agg(x, ',' order by x), '')) from (select row(${columns})::text as x from ${from}) s`;
const BANK = "= 'bank'::regnamespace";

export const FINGERPRINT = [
  ...['bank.accounts', 'bank.entries', 'bank.audit', 'bank.days', 'bank.totals'].map(content),
  catalog(
    'relations',
    'oid, relname, relkind, relowner, relrowsecurity, relforcerowsecurity, relacl, relpersistence, reloptions, relispartition',
    `pg_class where relnamespace ${BANK}`,
  ),
  catalog(
    'columns',
    'attrelid, attname, atttypid, attnotnull, attacl, attisdropped',
    `pg_attribute where attnum > 0 and attrelid in (select oid from pg_class where relnamespace ${BANK})`,
  ),
  catalog('functions', 'oid, proname, prosrc, prosecdef, proacl, proowner, proconfig, provolatile', `pg_proc where pronamespace ${BANK}`),
  catalog('system functions', 'count(*)', 'pg_proc where pronamespace = 11'),
  catalog('triggers', 'tgrelid, tgname, tgenabled, tgfoid, tgqual is null', "pg_trigger where not tgisinternal and tgrelid in ('bank.accounts'::regclass)"),
  catalog(
    'rules',
    'ev_class, rulename, ev_enabled, is_instead, ev_action',
    `pg_rewrite where ev_class in (select oid from pg_class where relnamespace ${BANK})`,
  ),
  catalog('types', 'typname, typowner', `pg_type where typnamespace ${BANK}`),
  catalog('policies', 'polname, polcmd, polpermissive, pg_get_expr(polqual, polrelid)', 'pg_policy'),
  catalog('schemas', 'nspname, nspowner, nspacl', "pg_namespace where nspname not in ('scratch') and nspname !~ '^pg_t'"),
  catalog('roles', 'rolname, rolsuper, rolcreaterole, rolbypassrls, rolpassword is null, md5(coalesce(rolpassword, $$$$))', 'pg_authid'),
  catalog('memberships', 'roleid, member', 'pg_auth_members'),
  catalog('fixed settings', 'setdatabase, setrole, setconfig', 'pg_db_role_setting'),
  catalog('databases', 'datname, datdba, datconnlimit, datacl', 'pg_database'),
  catalog('default rights', 'defaclacl', 'pg_default_acl'),
  catalog('extensions', 'extname, extversion', 'pg_extension'),
  catalog('languages', 'lanname', 'pg_language'),
  catalog('event triggers', 'evtname', 'pg_event_trigger'),
  catalog(
    'foreign',
    '(select count(*) from pg_foreign_data_wrapper), (select count(*) from pg_foreign_server), (select count(*) from pg_user_mapping)',
    'pg_am limit 1',
  ),
  catalog('publications', 'pubname', 'pg_publication'),
  catalog('subscriptions', 'subname', 'pg_subscription'),
  catalog('access methods', 'amname', 'pg_am'),
  catalog('operators', 'oprname, oprleft, oprright', 'pg_operator where oid >= 16384'),
  catalog('casts', 'castsource, casttarget, castcontext', 'pg_cast where oid >= 16384'),
  catalog('transforms', 'trffromsql', 'pg_transform'),
  catalog('tablespaces', 'spcname', 'pg_tablespace'),
  catalog('server settings', 'name, setting', 'pg_file_settings'),
  catalog('replication slots', 'slot_name', 'pg_replication_slots'),
  catalog(
    'large objects',
    'm.oid, lomowner, lomacl, (select md5(string_agg(data, $$$$::bytea)) from pg_largeobject l where l.loid = m.oid)',
    'pg_largeobject_metadata m',
  ),
  catalog('victim', 'pid', "pg_stat_activity where application_name = 'victim'"),
].join(' union all ');

/** What the attacker's own session must still be, asked through the gateway. */
export const SESSION =
  "select current_user, session_user, current_setting('session_replication_role'), current_setting('allow_system_table_mods'), current_setting('log_statement'), current_setting('lo_compat_privileges'), current_setting('standard_conforming_strings'), current_setting('client_encoding'), current_setting('local_preload_libraries')";
