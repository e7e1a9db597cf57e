/**
 * Ways around masking by what moves data without a statement that says so: parameters of EXECUTE, defaults, USING, generated columns, foreign keys, heirs
 * and triggers of temporary tables; and by what the server's own catalog keeps of tables. Each is a session; no canary may come down in any of them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query, type Reply, rowsOf } from '../support/raw-client.js';
import { CANARIES } from './canary.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const [first] = CANARIES.map(({ text }) => text);
const POLICY = CANARY_POLICY.replace(
  'data:\n',
  'data:\n  bank.people.ssn: { class: ssn }\n  bank.people.late: { class: ssn }\n  bank.parted.ssn: { class: ssn }\n',
);

const MORE = `
  create table bank.people (id int, ssn text);
  insert into bank.people select id, ssn from bank.customers;
  alter table bank.people add column late text default '${first}';
  create table bank.parted (ssn text) partition by list (ssn);
  create table bank.parted_1 partition of bank.parted for values in ('${first}');
  create table bank.by_id (id int, word text) partition by range (id);
  create table bank.by_id_1 partition of bank.by_id for values from (0) to (100);
  create table bank.by_id_2 (id int, word text);
  create table bank.open (id int, word text);
  insert into bank.open values (1, 'a'), (2, 'b');
  create function bank.keeps() returns trigger language plpgsql as $$ begin insert into bank.open values (9, new.a); return new; end $$;
  insert into bank.scratch values (1, 'here');
`;
const TAINT = 'insert into tt (a) select ssn from bank.customers';

const EVASIONS: readonly (readonly [name: string, ...texts: string[]])[] = [
  // ---- parameters of EXECUTE
  ['a parameter of EXECUTE', 'prepare p1 (text) as select $1', 'execute p1(bank.ssn_of(1))'],
  ['a parameter that is computed with', 'prepare p1 (text) as select upper($1) || word from bank.plain', 'execute p1(bank.ssn_of(1))'],
  ['a parameter in one text', 'prepare p1 (text) as select $1; execute p1(bank.ssn_of(1))'],
  ['a parameter in a plan', 'prepare p2 (text) as select word from bank.plain where word = $1', 'explain (verbose) execute p2(bank.ssn_of(1))'],
  ['a parameter in a table', 'prepare p1 (text) as select $1 as w', 'create table public.given as execute p1(bank.ssn_of(1))', 'select w from public.given'],
  ['a parameter in a temporary table', 'prepare p1 (text) as select $1 as w', 'create temp table given as execute p1(bank.ssn_of(1))', 'select w from given'],
  ['a parameter that is written', 'prepare p3 (text) as insert into bank.open values (3, $1)', 'execute p3(bank.ssn_of(1))', 'select word from bank.open'],
  ['a parameter that RETURNING shows', 'prepare p4 (text) as update bank.open set id = id returning $1', 'execute p4(bank.ssn_of(1))'],
  [
    'characters of a parameter',
    'prepare p5 (text) as select chr(c) from generate_series(1, 19) n, generate_series(32, 122) c where substr($1, n, 1) = chr(c) order by n',
    'execute p5(bank.ssn_of(1))',
  ],
  // ---- defaults, USING and constraints
  ['a column of another type', 'alter table bank.open alter column word type text using bank.ssn_of(id)', 'select word from bank.open'],
  [
    'a new column with a default',
    'alter table bank.scratch add column z text default bank.ssn_of(2)',
    'select z from bank.scratch',
    'select * from bank.scratch',
  ],
  ['a default', 'alter table bank.open alter column word set default bank.ssn_of(1)', 'insert into bank.open (id) values (7)', 'select word from bank.open'],
  ['a table with a default', 'create table public.td (a text default bank.ssn_of(1))', 'insert into public.td default values', 'select a from public.td'],
  ['a temporary table with a default', 'create temp table td (a text default bank.ssn_of(1))', 'insert into td default values', 'select a from td'],
  [
    'a default that a temporary table gets',
    'create temp table td (a text)',
    'alter table td alter a set default bank.ssn_of(1)',
    'insert into td default values',
    'select a from td',
  ],
  [
    'a domain with a default',
    'create domain public.dd as text default bank.ssn_of(1)',
    'create temp table td (a public.dd)',
    'insert into td default values',
    'select a from td',
  ],
  [
    'a domain that gets a default',
    'create domain public.de as text',
    'alter domain public.de set default bank.ssn_of(1)',
    'create temp table td (a public.de)',
    'insert into td default values',
    'select a from td',
  ],
  // ---- temporary tables
  ['a generated column', 'create temp table tt (a text, b text generated always as (a) stored)', TAINT, 'select b from tt', 'select * from tt'],
  [
    'a column that becomes a generated one',
    'create temp table tt (a text, b text)',
    'alter table tt drop column b',
    'alter table tt add column b text generated always as (a) stored',
    TAINT,
    'select b from tt',
  ],
  ['a column made of another', 'create temp table tt (a text, b text)', TAINT, 'alter table tt alter column b type text using a', 'select b from tt'],
  [
    'columns that change their names',
    'create temp table tt (a text, b text)',
    TAINT,
    'alter table tt rename a to x',
    'alter table tt rename b to a',
    'alter table tt rename x to b',
    'select b from tt',
  ],
  [
    'a trigger',
    'create temp table tt (a text, b tsvector)',
    "create trigger t before insert on tt for each row execute function tsvector_update_trigger(b, 'pg_catalog.simple', a)",
    TAINT,
    'select b from tt',
  ],
  [
    'a trigger in the text that fills it',
    'create temp table tt (a text, b tsvector)',
    `create trigger t before insert on tt for each row execute function tsvector_update_trigger(b, 'pg_catalog.simple', a); ${TAINT}`,
    'select b from tt',
  ],
  [
    'a trigger on what is in it',
    'create temp table tt (a text, b text)',
    TAINT,
    'create trigger t before update on tt for each row execute function bank.keeps()',
    'update tt set b = b',
    'select word from bank.open',
  ],
  [
    'a rule on what is in it',
    'create temp table tt (a text, b text)',
    TAINT,
    'create rule r as on update to tt do also insert into bank.open values (8, old.a)',
    'update tt set b = b',
    'select word from bank.open',
  ],
  [
    'a foreign key',
    'create temp table fx (a text primary key)',
    'create temp table fy (b text references fx on update cascade)',
    "insert into fx values ('q')",
    "insert into fy values ('q')",
    'update fx set a = (select ssn from bank.customers where id = 1)',
    'select b from fy',
  ],
  [
    'a foreign key that comes later, of a table that another one follows',
    'create temp table fx (a text primary key)',
    'create temp table fy (b text primary key)',
    'create temp table fz (c text references fy on update cascade)',
    "insert into fx values ('q')",
    "insert into fy values ('q')",
    "insert into fz values ('q')",
    'alter table fy add foreign key (b) references fx on update cascade',
    'update fx set a = (select ssn from bank.customers where id = 1)',
    'select c from fz',
  ],
  [
    'an heir of a table',
    'create temp table tt (a text) inherits (bank.open)',
    'insert into tt (word) select ssn from bank.customers',
    'select word from bank.open',
  ],
  [
    'what becomes an heir of a table',
    'create temp table tt (id int, word text)',
    'insert into tt select id, ssn from bank.customers',
    'alter table tt inherit bank.open',
    'select word from bank.open',
  ],
  [
    'what is filled as an heir',
    'create temp table tt (id int, word text)',
    'alter table tt inherit bank.open',
    'insert into tt select id, ssn from bank.customers',
    'select word from bank.open',
  ],
  ['an heir of a temporary table', 'create temp table above (a text)', 'create temp table tt () inherits (above)', TAINT, 'select a from above'],
  [
    'what becomes an heir of a temporary table',
    'create temp table above (a text)',
    'create temp table tt (a text)',
    TAINT,
    'alter table tt inherit above',
    'select 1',
    'select a from above',
  ],
  [
    'what an heir gets of its parent',
    'create temp table above (a text)',
    'create temp table tt (a text)',
    "insert into tt values ('x')",
    'alter table tt inherit above',
    'update above set a = (select max(ssn) from bank.customers)',
    'select 1',
    'select a from tt',
  ],
  [
    'a partition',
    'create temp table above (a text) partition by list (a)',
    'create temp table tt (a text)',
    TAINT,
    'alter table above attach partition tt default',
    'select 1',
    'select a from above',
  ],
  [
    'what a partition gets',
    'create temp table above (a text) partition by list (a)',
    'create temp table tt (a text)',
    'alter table above attach partition tt default',
    'insert into above select ssn from bank.customers',
    'select 1',
    'select a from tt',
  ],
  ['words of an index on it', 'create temp table tt as select ssn as a from bank.customers', 'create index on tt ((a::int))'],
  [
    'words of a unique index on it',
    'create temp table tt as select ssn as a from bank.customers, generate_series(1, 2)',
    'create unique index on tt (a)',
    'alter table tt add primary key (a)',
  ],
  [
    'words of a foreign key of it',
    'create temp table fx (a text primary key)',
    'create temp table tt as select ssn as a from bank.customers',
    'alter table tt add foreign key (a) references fx',
  ],
  ['words of a change of its type', 'create temp table tt as select ssn as a from bank.customers', 'alter table tt alter a type int using a::int'],
  // ---- the server's catalog
  [
    'values from before a column',
    "select attmissingval from pg_attribute where attname = 'late'",
    'select a from pg_attribute a where attmissingval is not null',
  ],
  [
    'bounds of partitions',
    "select pg_get_expr(relpartbound, oid), relpartbound::text from pg_class where relname = 'parted_1'",
    "select pg_get_partition_constraintdef('bank.parted_1'::regclass)",
  ],
  [
    'a bound that is made of it',
    'create temp table above (a text) partition by list (a)',
    'create temp table tt partition of above for values in (bank.ssn_of(2))',
    "select pg_get_expr(relpartbound, oid) from pg_class where relname = 'tt'",
  ],
];

const errors = (replies: readonly Reply[]): string[] => replies.filter(({ type }) => type === 'E').map(({ body }) => body.toString());

describe.each(['18', '15'] as const)('an evasion by tables, on PostgreSQL %s', (version) => {
  let canary: CanaryWorld;
  beforeAll(async () => {
    canary = await startCanaryWorld(version, POLICY);
    await canary.server.sql(MORE);
  });
  afterAll(() => canary[Symbol.asyncDispose]());

  it.each(EVASIONS)('%s', async (...[, ...texts]) => {
    const { client, canaries } = await canary.login();
    for (const text of texts) await client.run(query(text));
    client.close();
    expect(canaries()).toEqual([]);
  });

  it('is refused where it would come to stand among what is not hidden', async () => {
    const { client } = await canary.login();
    const refused = [
      'alter table bank.open alter column word type text using bank.ssn_of(id)',
      'alter table bank.scratch add column z text default bank.ssn_of(2)',
      'create table public.td (a text default bank.ssn_of(1))',
      'create domain public.dd as text default bank.ssn_of(1)',
    ];
    for (const text of refused) expect(errors(await client.run(query(text))), text).toEqual([expect.stringMatching(/may not flow into/)]);
    await client.run(query('create temp table tt (a text, b text)'));
    await client.run(query(TAINT));
    expect(errors(await client.run(query('create trigger t before update on tt for each row execute function bank.keeps()')))).toEqual([
      expect.stringMatching(/code would run on them/),
    ]);
    client.close();
  });

  it('is not what people do with their own tables', async () => {
    const { client } = await canary.login();
    const run = async (text: string): Promise<Reply[]> => {
      const replies = await client.run(query(text));
      expect(errors(replies), text).toEqual([]);
      return replies;
    };
    await run('begin');
    await run('alter table bank.by_id attach partition bank.by_id_2 for values from (100) to (200)');
    await run('rollback');
    await run('begin');
    await run(
      "create table bank.mine (id int generated always as identity, a text not null default 'x' check (length(a) > 0), made timestamptz default now(), up text generated always as (upper(a)) stored)",
    );
    await run('alter table bank.mine add primary key (id)');
    await run('alter table bank.mine add column uid uuid default gen_random_uuid()');
    await run('alter table bank.mine add column b text');
    await run('alter table bank.mine alter column b type varchar(20) using left(b, 20)');
    await run("create domain bank.short as text default 'd' check (length(value) < 9)");
    await run('create table bank.theirs (id int references bank.mine, s bank.short) partition by range (id)');
    await run('rollback');
    await run("create temp table work (id int primary key, w text default 'w', up text generated always as (upper(w)) stored)");
    await run('create temp table part (id int references work on update cascade, n int)');
    await run('insert into work (id) select id from bank.plain');
    await run('insert into part select id, 5 from work');
    expect(rowsOf(await run('select w.id, w.w, w.up, p.n from work w join part p using (id) order by 1'))).toEqual([
      ['1', 'w', 'W', '5'],
      ['2', 'w', 'W', '5'],
    ]);
    await run('create trigger t before update on work for each row execute function suppress_redundant_updates_trigger()');
    await run('create temp table held (id int, w text)');
    await run('insert into held select id, ssn from bank.customers');
    expect(rowsOf(await run('select id, w from held order by 1'))).toEqual([
      ['1', '****'],
      ['2', '****'],
    ]);
    await run('prepare q (int, text) as select word, $2 from bank.plain where id = $1');
    expect(rowsOf(await run("execute q(1, 'x')"))).toEqual([['hello', 'x']]);
    client.close();
  });

  it('is not what psql asks of a partitioned table', async () => {
    const { client } = await canary.login('blind');
    const bound = 'pg_catalog.pg_get_expr(c.relpartbound, c.oid)';
    const asked = `select c.relname, ${bound} from pg_catalog.pg_class c, pg_catalog.pg_inherits i where c.oid = i.inhrelid and i.inhparent = 'bank.by_id'::regclass order by ${bound}`;
    expect(rowsOf(await client.run(query(`${asked} = 'DEFAULT', c.oid::pg_catalog.regclass::pg_catalog.text`)))).toEqual([['by_id_1', '****']]);
    expect(errors(await client.run(query(`${asked} = 'FOR VALUES IN (''x'')'`)))).toEqual([expect.stringContaining('may not decide')]);
    client.close();
  });

  it('leaves the bounds of partitions to those who may see what their tables are partitioned by', async () => {
    const bounds = "select pg_get_expr(relpartbound, oid), pg_get_partition_constraintdef(oid) from pg_class where relname = 'parted_1'";
    const { client } = await canary.login('vault');
    expect(JSON.stringify(rowsOf(await client.run(query(bounds))))).toContain(first);
    client.close();
  });
});

it('a catalog without hidden bounds and values is shown as it is', async () => {
  await using canary = await startCanaryWorld('18');
  await canary.server.sql(MORE);
  const { client } = await canary.login();
  const text =
    "select pg_get_expr(relpartbound, oid), pg_get_partition_constraintdef(oid), (select attmissingval from pg_attribute where attname = 'late') is null from pg_class where relname = 'by_id_1'";
  expect(rowsOf(await client.run(query(text)))).toEqual([['FOR VALUES FROM (0) TO (100)', '((id IS NOT NULL) AND (id >= 0) AND (id < 100))', 'f']]);
  client.close();
});
