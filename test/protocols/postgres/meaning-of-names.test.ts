/**
 * Names that are to mean something else than they seem to (CVE-2018-1058 and its kin): overloads, operators, casts and paths, at every moment
 * between reading a statement and running it. Each asserts the refusal, and that the code did not run: its table is untouched.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import { bind, execute, fields, parse, query, RawClient, type Reply, rowsOf, sync } from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: unseen-code, effect: deny, actions: [call], facts: { class: [user], trusted: false } }
`;
const REFUSED = '42501';

let server: RealPostgres;
let world: PathWorld;
let owner: RawClient;
let client: RawClient;

beforeAll(async () => {
  server = await startRealPostgres('18');
  world = await startPathWorld({ server, policy: POLICY });
  owner = await RawClient.login(server.port, server.username, server.password, server.database);
  await direct('create role mallory login');
});
afterAll(async () => {
  owner.close();
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  client?.close();
  await direct(`drop schema if exists evil cascade; drop schema if exists app cascade; drop owned by mallory; create schema evil; create schema app;
    create table app.victim (n int); insert into app.victim values (1), (2), (3);
    create table app.t (id int, v varchar); insert into app.t values (1, 'One'), (2, 'Two');
    create function evil.wipe(varchar) returns text language plpgsql as 'begin delete from app.victim; return $1; end';
    create function evil.same(varchar, varchar) returns bool language plpgsql as 'begin delete from app.victim; return true; end'`);
  client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
});

async function direct(text: string): Promise<void> {
  const failed = (await owner.run(query(text))).find(({ type }) => type === 'E');
  if (failed !== undefined) throw new Error(`${text}: ${failed.body.toString()}`);
}
/** What others changed is known. */
async function known(): Promise<void> {
  await world.path.live.list().at(-1)?.pump.recheckCatalog();
}
const codes = (replies: readonly Reply[]): readonly (string | undefined)[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['C']);
const ask = async (text: string): Promise<readonly (string | undefined)[]> => codes(await client.run(query(text)));
const victims = async (): Promise<number> => Number(rowsOf(await owner.run(query('select count(*) from app.victim')))[0]?.[0]);

const EVIL_LOWER = "create function evil.lower(varchar) returns text language sql as 'select evil.wipe($1)'";
const EVIL_EQUALS = 'create operator evil.= (leftarg = varchar, rightarg = varchar, function = evil.same)';

describe("a namesake of PostgreSQL's own function", () => {
  it('makes the bare name a call of it, in whatever schema it is; the qualified name stays what it is', async () => {
    expect(await ask('select lower(v) from app.t')).toEqual([]);
    await direct(EVIL_LOWER);
    await known();
    for (const text of [
      'select lower(v) from app.t',
      'select 1 from app.t where lower(v) is null',
      'select "lower"(v) from app.t order by lower(v)',
      'create view app.w as select lower(v) from app.t',
    ])
      expect(await ask(text), text).toEqual([REFUSED]);
    expect(await ask('select pg_catalog.lower(v), upper(v) from app.t')).toEqual([]);
    expect(await victims()).toBe(3);
  });

  it('is refused under every path that can be set', async () => {
    await direct(EVIL_LOWER);
    await known();
    for (const path of [
      'set search_path = evil',
      'set search_path = evil, public',
      'set local search_path = evil',
      "select pg_catalog.set_config('search_path', 'evil', false)",
    ]) {
      expect(await ask(path), path).toEqual([]);
      expect(await ask('select lower(v) from app.t'), path).toEqual([REFUSED]);
    }
    expect(await victims()).toBe(3);
  });

  it('in pg_catalog itself bends the qualified name, too', async () => {
    await direct("create function pg_catalog.initcap(varchar) returns text language sql as 'select evil.wipe($1)'");
    await known();
    for (const text of ['select pg_catalog.initcap(v) from app.t', 'select initcap(v) from app.t']) expect(await ask(text), text).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
    await direct('drop function pg_catalog.initcap(varchar)');
  });

  it('is harmless when it is trusted', async () => {
    await direct("create function evil.lower(varchar) returns text language sql immutable as 'select upper($1)'");
    await known();
    expect(await ask('select lower(v) from app.t')).toEqual([]);
  });
});

describe('a function of users', () => {
  it.each([
    ['immutable, of a superuser', 'immutable', '', []],
    ['stable, of a superuser', 'stable', '', []],
    ['volatile', 'volatile', '', [REFUSED]],
    ['SECURITY DEFINER', 'immutable security definer', '', [REFUSED]],
    ['of somebody else', 'immutable', 'alter function app.f(int) owner to mallory', [REFUSED]],
  ])('%s', async (_what, how, more, expected) => {
    await direct(`create function app.f(a int) returns int language sql ${how} as 'select a'; ${more}`);
    await known();
    expect(await ask('select app.f(1)')).toEqual(expected);
    expect(await ask('select f(1)'), 'without a schema').toEqual(expected.length === 0 ? ['42883'] : expected);
  });

  it('is judged by the worst of what its name may mean', async () => {
    await direct(
      "create function app.f(a int) returns int language sql immutable as 'select a'; create function app.f(a text) returns int language sql volatile as 'select 1'",
    );
    await known();
    expect(await ask('select app.f(1)')).toEqual([REFUSED]);
  });

  it('that is an aggregate is judged by its functions', async () => {
    await direct(`create function app.step(int, int) returns int language plpgsql as 'begin delete from app.victim; return 1; end';
      create aggregate app.total (int) (sfunc = app.step, stype = int)`);
    await known();
    expect(await ask('select app.total(id) from app.t')).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
  });

  it('that nobody knows is refused', async () => {
    expect(await ask('select app.nothing(1)')).toEqual([REFUSED]);
  });
});

describe('operators and casts', () => {
  it('an operator of users makes each use of the bare name a call of it', async () => {
    const uses = [
      "select 1 from app.t where v = 'One'",
      "select 1 from app.t where v in ('One', 'Two')",
      'select 1 from app.t where v in (select v from app.t)',
      'select 1 from app.t where v = any (array[v])',
      'select nullif(v, v) from app.t',
      'select case v when v then 1 end from app.t',
      'select 1 from app.t a join app.t b using (v)',
      'select 1 from app.t a natural join app.t b',
      'select 1 from app.t where v is distinct from v',
    ];
    for (const text of uses) expect(await ask(text), text).toEqual([]);
    await direct(EVIL_EQUALS);
    await known();
    for (const text of uses) expect(await ask(text), text).toEqual([REFUSED]);
    expect(await ask("select 1 from app.t where v operator(pg_catalog.=) 'One' and id > 0")).toEqual([]);
    expect(await victims()).toBe(3);
  });

  it('BETWEEN and LIKE are operators, too', async () => {
    await direct(
      'create operator evil.>= (leftarg = varchar, rightarg = varchar, function = evil.same); create operator evil.~~ (leftarg = varchar, rightarg = varchar, function = evil.same)',
    );
    await known();
    for (const text of [
      'select 1 from app.t where v between v and v',
      'select 1 from app.t where v between symmetric v and v',
      'select 1 from app.t where v like v',
    ])
      expect(await ask(text), text).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
  });

  it('a cast is a call of the function behind it, a domain of those in its conditions', async () => {
    await direct(`create type app.code as (a int);
      create function app.to_code(varchar) returns app.code language plpgsql as 'begin delete from app.victim; return row(1); end';
      create cast (varchar as app.code) with function app.to_code(varchar);
      create function app.fine(text) returns bool language plpgsql as 'begin delete from app.victim; return true; end';
      create domain app.word as text check (app.fine(value)); create domain app.words as app.word`);
    await known();
    for (const text of [
      'select v::app.code from app.t',
      'select cast(v as code) from app.t',
      "select app.word 'x'",
      'select v::app.words from app.t',
      'select app.word(v) from app.t',
    ])
      expect(await ask(text), text).toEqual([REFUSED]);
    expect(await ask('select v::text, id::bigint from app.t')).toEqual([]);
    expect(await victims()).toBe(3);
  });
});

describe('a search_path', () => {
  it.each([
    'set search_path = evil, pg_catalog',
    'set local search_path = evil, pg_catalog',
    'set search_path to "evil", "pg_catalog"',
    "set search_path = 'evil, pg_catalog'",
    "select set_config('search_path', 'evil, PG_CATALOG', false)",
    "select set_config('search_path', v, false) from app.t",
    'alter role owner set search_path = evil, pg_catalog',
    'alter database postgres set search_path = evil, pg_catalog',
    'alter role owner in database postgres set search_path = evil, pg_catalog',
    'alter role owner set search_path from current',
    "alter system set search_path = 'evil, pg_catalog'",
    'prepare p as select 1; set search_path = evil, pg_catalog',
  ])('that hides what is PostgreSQL’s own, or is computed, is refused whatever policy says: %s', async (text) => {
    expect(await ask(text)).toEqual([REFUSED]);
    expect(rowsOf(await client.run(query('show search_path')))).toEqual([['"$user", public']]);
  });

  it.each([
    "select pg_catalog.set_config('search_path', '', false)",
    'set search_path to tenant, public',
    'set search_path = pg_catalog, evil',
    'set search_path = pg_temp, pg_catalog, app',
    'set search_path to default',
    'reset search_path',
    "set session search_path to 'bank'",
  ])('of honest tools passes: %s', async (text) => {
    expect(await ask(text)).toEqual([]);
  });

  it('as a start-up option is refused', async () => {
    for (const more of [{ search_path: 'evil, pg_catalog' }, { options: '-c search_path=evil,pg_catalog' }, { options: '--search-path=evil,pg_catalog' }])
      await expect(RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db', more as Record<string, string>)).rejects.toThrow(/not accepted/);
  });

  it('that a database has by itself changes nothing about what names may mean', async () => {
    await direct(`${EVIL_LOWER}; alter database postgres set search_path = evil, pg_catalog`);
    await known();
    client.close();
    client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
    expect(await ask('select lower(v) from app.t')).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
    await direct('alter database postgres reset search_path');
  });
});

describe('a meaning that changes', () => {
  it('between Parse and Bind, and between PREPARE and EXECUTE, is the one that counts', async () => {
    expect(codes(await client.run(parse('s', 'select lower(v) from app.t'), sync()))).toEqual([]);
    expect(await ask('prepare p as select lower(v) from app.t')).toEqual([]);
    expect(codes(await client.run(bind('', 's'), execute(''), sync()))).toEqual([]);
    await direct(EVIL_LOWER);
    await known();
    expect(codes(await client.run(bind('', 's'), execute(''), sync()))).toEqual([REFUSED]);
    expect(await ask('execute p')).toEqual([REFUSED]);
    expect(codes(await client.run(parse('', 'execute p'), bind('', ''), execute(''), sync()))).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
  });

  it('by the session itself counts for its next statement', async () => {
    expect(await ask('select lower(v) from app.t')).toEqual([]);
    expect(await ask("create function evil.lower(varchar) returns text language plpgsql as 'begin delete from app.victim; return $1; end'")).toEqual([]);
    expect(await ask('select lower(v) from app.t')).toEqual([REFUSED]);
    expect(await ask('select upper(v) from app.t')).toEqual([]);
    expect(await victims()).toBe(3);
  });

  it('in an open transaction, which nobody else sees, leaves no bare name certain until its end', async () => {
    const define = "create function evil.lower(varchar) returns text language plpgsql as 'begin delete from app.victim; return $1; end'";
    expect(await ask('begin')).toEqual([]);
    expect(await ask(define)).toEqual([]);
    expect(await ask('select pg_catalog.upper(v) from app.t')).toEqual([]);
    expect(await ask('select lower(v) from app.t')).toEqual([REFUSED]);
    expect(await ask('rollback')).toEqual([]);
    expect(await ask('select lower(v) from app.t')).toEqual([]);
    expect(await ask('begin')).toEqual([]);
    expect(await ask(define)).toEqual([]);
    expect(await ask('commit')).toEqual([]);
    expect(await ask('select lower(v) from app.t')).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
  });

  it('in the same pipeline, and in the same text, is not waited for', async () => {
    const define = "create function evil.lower(varchar) returns text language plpgsql as 'begin delete from app.victim; return $1; end'";
    const pipeline = [define, 'select lower(v) from app.t'].flatMap((text) => [parse('', text), bind('', ''), execute('')]);
    expect(codes(await client.run(...pipeline, sync()))).toEqual([REFUSED]);
    expect(await ask(`${define}; select lower(v) from app.t`)).toEqual([REFUSED]);
    client.send(query(define), query('select lower(v) from app.t'));
    expect(codes(await client.untilReady(2))).toEqual([REFUSED]);
    expect(await victims()).toBe(3);
  });

  it('behind a Query that the server skipped after an error does not hold up the session for ever', async () => {
    const unknown = query('execute nothing');
    client.send(parse('', 'select 1/0'), bind('', ''), execute(''), unknown, sync());
    await client.untilReady();
    expect(await ask("do 'begin end'")).toEqual([]);
    expect(await ask('select lower(v) from app.t')).toEqual([]);
  });

  it('of a table, a view, an index or a row does not cost a bare name its meaning', async () => {
    for (const text of [
      'begin',
      'create table app.n (a text)',
      'create index on app.n (lower(a))',
      "insert into app.n values (upper('x'))",
      'create view app.nn as select lower(a) from app.n',
      'commit',
    ])
      expect(await ask(text), text).toEqual([]);
  });
});

describe('without a catalog', () => {
  it('a bare name may be anything, a qualified one is what it says; and with it all is well again', async () => {
    await direct('update pg_database set datallowconn = false');
    await direct("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gw catalog'");
    await known();
    for (const text of ['select lower(v) from app.t', "select 1 from app.t where v = 'One'", 'select v::text from app.t'])
      expect(await ask(text), text).toEqual([REFUSED]);
    expect(await ask('select pg_catalog.lower(v), 1 from app.t')).toEqual([]);
    await direct('update pg_database set datallowconn = true');
    await known();
    expect(await ask("select lower(v) from app.t where v = 'One'")).toEqual([]);
  });
});
