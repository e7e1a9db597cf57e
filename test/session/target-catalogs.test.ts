/** The catalog of a target as sessions share it: one connection, looked at again when something changed, gone with the last session. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/protocols/postgres/catalog/catalog.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { query, RawClient, rowsOf } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

let server: RealPostgres;
let world: PathWorld;
let owner: RawClient;

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql("create function plus_one(a int) returns int language sql immutable as 'select a + 1'");
  await server.sql('create view ones as select 1 as one');
  world = await startPathWorld({ server });
  owner = await RawClient.login(server.port, server.username, server.password, 'postgres');
});

afterAll(async () => {
  owner.close();
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const login = () => RawClient.login(world.port, 'bank-db', 'token-ann', 'bank-db');
const context = () => {
  const session = world.path.live.list().at(-1);
  if (session === undefined) throw new Error('no session');
  return session.pump;
};
const snapshot = () => context().catalog() as Catalog | null;
const looking = async (): Promise<number> =>
  Number(rowsOf(await owner.run(query("select count(*) from pg_stat_activity where application_name = 'gw catalog'")))[0]?.[0]);

describe('the catalog of a target', () => {
  it('is there before the first statement, and knows functions and views', async () => {
    const client = await login();
    expect(snapshot()?.functions(null, 'plus_one')).toMatchObject([
      { schema: 'public', volatility: 'immutable', securityDefiner: false, ownerSuperuser: true },
    ]);
    expect(snapshot()?.relations('public', 'ones')).toMatchObject([
      { kind: 'v', columns: [{ name: 'one', number: 1, type: 23 }], definition: ' SELECT 1 AS one;' },
    ]);
    expect(snapshot()?.searchPath).toEqual(['pg_catalog', 'public']);
    client.close();
  });

  it('is shared by sessions, and its connection goes with the last one', async () => {
    await eventually('the connection of those before is gone', async () => (await looking()) === 0);
    const [one, two] = [await login(), await login()];
    const [first, second] = world.path.live.list();
    expect(first?.pump.catalog()).not.toBeNull();
    expect(second?.pump.catalog()).toBe(first?.pump.catalog());
    expect(await looking()).toBe(1);
    one.close();
    two.close();
    await eventually('its connection is gone', async () => (await looking()) === 0);
  });

  it('is another one as soon as it is asked for after a change, and the same one after none', async () => {
    const client = await login();
    const before = snapshot();
    await context().recheckCatalog();
    expect(snapshot()).toBe(before);
    for (const change of [
      "create or replace function plus_one(a int) returns int language sql volatile as 'select a + 2'",
      'create schema more',
      'create type more.pair as (a int, b int)',
      'create operator public.|~| (leftarg = int, rightarg = int, function = int4pl)',
      'create table more.things (id int)',
      'alter table more.things add column name text',
      'create or replace view ones as select 1 as one, 2 as two',
      "create function more.word(more.pair) returns text language sql as 'select 1::text'",
      'create cast (more.pair as text) with function more.word(more.pair)',
      'alter function plus_one(int) security definer',
      'create role other',
      'alter function plus_one(int) owner to other',
      'drop schema more cascade',
      'drop function plus_one(int)',
    ]) {
      const last = snapshot();
      expect((await owner.run(query(change))).find(({ type }) => type === 'E')?.body.toString(), change).toBeUndefined();
      await context().recheckCatalog();
      expect(snapshot(), change).not.toBeNull();
      expect(snapshot() === last, change).toBe(false);
    }
    expect(snapshot()?.functions(null, 'plus_one')).toEqual([]);
    client.close();
  });

  it("has PostgreSQL's own views after every look, and sees when one of them is defined anew", async () => {
    const client = await login();
    const builtin = () => snapshot()?.relations('pg_catalog', 'pg_group')[0]?.definition ?? null;
    const before = builtin();
    expect(before).toContain('pg_authid');
    await server.sql('create view twos as select 2 as two');
    await context().recheckCatalog();
    expect(snapshot()?.relations('public', 'twos')).toMatchObject([{ definition: ' SELECT 2 AS two;' }]);
    expect(builtin()).toBe(before);
    await server.sql(`set allow_system_table_mods = on; create or replace view pg_catalog.pg_group as ${before?.replace(';', ' LIMIT 7')}`);
    await server.sql('create view threes as select 3 as three');
    await context().recheckCatalog();
    expect(builtin()).toContain('LIMIT 7');
    expect(snapshot()?.relations('public', 'twos')).toMatchObject([{ definition: ' SELECT 2 AS two;' }]);
    client.close();
  });

  it('follows a change that nobody says by itself', async () => {
    const client = await login();
    await owner.run(query("create function minus_one(a int) returns int language sql as 'select a - 1'"));
    await eventually('it is seen', () => snapshot()?.functions(null, 'minus_one').length === 1);
    client.close();
  });

  it('survives that its connection is cut while nobody asks', async () => {
    const client = await login();
    const before = snapshot();
    await owner.run(query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gw catalog'"));
    await context().recheckCatalog();
    expect(snapshot()).toBe(before);
    client.close();
  });

  it('is not available after a look that failed, and again after one that did not', async () => {
    const client = await login();
    await owner.run(query('update pg_database set datallowconn = false'));
    await owner.run(query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gw catalog'"));
    await context().recheckCatalog();
    expect(snapshot()).toBeNull();
    await owner.run(query('update pg_database set datallowconn = true'));
    await context().recheckCatalog();
    expect(snapshot()).not.toBeNull();
    client.close();
  });
});
