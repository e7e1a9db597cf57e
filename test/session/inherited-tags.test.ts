/**
 * Columns inherit the tags of what they are made of, by the target's own identity: in new tables and materialized views, after renames, for other
 * workers and after a restart. Two paths in this process stand for two workers; the state is a real one.
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { InheritedTag, InheritedTagStore } from '../../src/contract/inherited-tags.js';
import { openStore, type Store } from '../../src/store/index.js';
import { eventually, type StateServer, startStateServer } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial } }
data: { public.people.ssn: { class: ssn } }
masks:
  - { id: vault, treatment: clear, subjects: { groups: [vault] } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;
const CLEAR = '536-90-4399';
const SHOWN = '***-**-4399';

let server: RealPostgres;
let state: StateServer;
let store: Store;
let worlds: readonly PathWorld[];

async function startWorker(tags: InheritedTagStore = store.inheritedTags): Promise<PathWorld> {
  const world = await startPathWorld({ server, policy: POLICY, inheritedTags: tags });
  world.identities.set('vault', { groups: ['vault'] });
  return world;
}

beforeAll(async () => {
  [server, state] = await Promise.all([startRealPostgres('18'), startStateServer()]);
  store = await openStore({ url: await state.database(), logger: silentLogger });
  worlds = [await startWorker(), await startWorker()];
});
beforeEach(async () => {
  await server.sql(
    `drop schema public cascade; create schema public; create table people (id int, ssn text, word text); insert into people values (1, '${CLEAR}', 'w')`,
  );
});
afterAll(async () => {
  for (const world of worlds) await world[Symbol.asyncDispose]();
  await store.close();
  await state.close();
  await server[Symbol.asyncDispose]();
});

async function as<T>(person: string, worker: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: worlds[worker]?.url(`token-${person}`) ?? '' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
const run = (person: string, text: string, worker = 0): Promise<pg.QueryResult> => as(person, worker, (client) => client.query(text));

/** What ann is shown, by any worker, until both agree that the relation is as it should be; never in clear. */
async function expectShown(text: string, shown: string | null): Promise<void> {
  for (const worker of [0, 1]) {
    await eventually(`${text} shows ${String(shown)} at worker ${worker}`, async () => {
      const { rows } = await as('ann', worker, (client) => client.query({ text, rowMode: 'array' }));
      const seen = JSON.stringify(rows);
      expect(seen).not.toContain('536');
      return seen === JSON.stringify([[shown]]);
    });
  }
}
const tags = async (): Promise<readonly InheritedTag[]> => (await store.inheritedTags.list('bank-db', null)).filter(({ object }) => object !== null);

/** Another one for each test: for a while after a table was made, one of the same name is taken for it. */
let made = 0;
let copy = '';
beforeEach(() => void (copy = `copy${String(++made)}`));

describe.each([['ann'], ['vault']])('made by %s', (person) => {
  it.each([
    ['CREATE TABLE AS', 'create table COPY as select id, ssn from people'],
    ['SELECT INTO', 'select id, ssn into COPY from people'],
    ['a materialized view', 'create materialized view COPY as select id, ssn from people'],
    ['another name for the column', 'create table COPY (id, ssn) as select id, ssn as other from people'],
    ['a prepared statement', 'prepare p as select id, ssn from people; create table COPY as execute p'],
    [
      'within a transaction, under another column name at its end',
      'begin; create table COPY as select id, ssn as s from people; alter table COPY rename s to ssn; commit',
    ],
  ])('%s', async (_, text) => {
    await as(person, 0, async (client) => {
      for (const part of text.replaceAll('COPY', copy).split('; ')) await client.query(part);
    });
    await expectShown(`select ssn from ${copy}`, SHOWN);
    expect(await tags()).toContainEqual(
      expect.objectContaining({ relation: ['public', copy], column: 2, from: [['public', 'people', 'ssn']], exact: true, reason: 'created', subject: person }),
    );
    expect((await run('vault', `select ssn from ${copy}`)).rows).toEqual([{ ssn: CLEAR }]);
  });
});

describe('a column', () => {
  it('that a view shows is followed', async () => {
    await server.sql('create view v as select ssn as s from people');
    await expectShown('select s from v', SHOWN);
    await run('ann', `create table ${copy} as select * from v`);
    await expectShown(`select s from ${copy}`, SHOWN);
  });

  it('that is generated from a tagged one is followed', async () => {
    await server.sql('alter table people add column same text generated always as (ssn) stored');
    await expectShown('select same from people', SHOWN);
    await run('vault', `create table ${copy} as select same as s from people`);
    await expectShown(`select s from ${copy}`, SHOWN);
  });

  it('that is computed is masked whole', async () => {
    await run('ann', `create table ${copy} as select id, ssn || '' as ssn from people`);
    await expectShown(`select ssn from ${copy}`, '****');
  });

  it('of a copy of a copy, under another name, in another schema, is as the first', async () => {
    await run('ann', `create table ${copy} as select ssn as s from people`);
    await expectShown(`select s from ${copy}`, SHOWN);
    await run('ann', `create table again as select s as t from ${copy}`);
    await expectShown('select t from again', SHOWN);
    await run('vault', 'alter table again rename to third');
    await expectShown('select t from third', SHOWN);
    await run('vault', 'alter table third rename column t to u');
    await run('vault', 'create schema elsewhere');
    await expectShown('select u from third', SHOWN);
    await run('vault', 'alter table third set schema elsewhere');
    await expectShown('select u from elsewhere.third', SHOWN);
    expect((await tags()).map(({ relation }) => relation.join('.'))).toContain('elsewhere.third');
    await server.sql('drop schema elsewhere cascade');
  });

  it('that policy tags by its name keeps its tag when it is renamed, and when its table or schema is', async () => {
    await run('vault', 'alter table people rename column ssn to x');
    await expectShown('select x from people', SHOWN);
    await run('vault', 'alter table people rename to persons');
    await expectShown('select x from persons', SHOWN);
    await run('vault', 'alter schema public rename to hidden');
    await expectShown('select x from hidden.persons', SHOWN);
    await server.sql('alter schema hidden rename to public');
  });

  it('is protected like the one that it is made of', async () => {
    await run('ann', `create table ${copy} as select ssn as s from people`);
    await expectShown(`select s from ${copy}`, SHOWN);
    await expect(run('ann', `alter table ${copy} rename column s to t`)).rejects.toThrow(/policy hides/);
    await expect(run('ann', `insert into people (word) select s from ${copy}`)).rejects.toThrow(/may not flow/);
    await expect(run('ann', `update ${copy} set s = '${SHOWN}'`)).rejects.toThrow(/put in the place/);
    await run('ann', `insert into ${copy} select ssn from people`);
  });

  it('that is clear stays clear', async () => {
    await run('ann', `create table ${copy} as select id, word, count(ssn) from people group by 1, 2`);
    await expectShown(`select word from ${copy}`, 'w');
    await expectShown(`select count from ${copy}`, '1');
  });

  it.each(['ann', 'vault'])('of a table that is not committed cannot be moved away from its tag by %s', async (person) => {
    await as(person, 0, async (client) => {
      await client.query(`begin; create table ${copy} as select ssn as s from people`);
      await expect(client.query(`alter table ${copy} rename to away`)).rejects.toThrow(/not known yet/);
      await client.query('rollback');
      await client.query('begin; create table plain as select word from people');
      await client.query('alter table plain rename to simple');
      await client.query('alter table simple rename to easy');
      await client.query('commit');
    });
    await expectShown('select word from easy', 'w');
  });

  it('of a table by a name that is there already, or where it is not known where it comes to stand, is not made', async () => {
    await run('ann', `create table ${copy} (id int, ssn text)`);
    await expectShown(`select count(*)::text from ${copy}`, '0');
    await expect(run('ann', `create table if not exists ${copy} as select id, ssn from people`)).rejects.toThrow(/may not be kept/);
    await as('ann', 0, async (client) => {
      await client.query('create schema mine');
      await client.query('set search_path = mine, public');
      await expect(client.query('create table other as select ssn from people')).rejects.toThrow(/name a schema/);
      await client.query('create table mine.other as select ssn from people');
    });
    await expectShown('select ssn from mine.other', SHOWN);
    await server.sql('drop schema mine cascade');
  });
});

it('a worker that starts later knows it as well, and so does an explanation', async () => {
  await run('ann', `create table ${copy} as select ssn as s from people`);
  const later = await startWorker();
  const client = new pg.Client({ connectionString: later.url('token-ann') });
  await client.connect();
  expect((await client.query(`select s from ${copy}`)).rows).toEqual([{ s: SHOWN }]);
  await client.end();
  await later[Symbol.asyncDispose]();
});

it('a statement whose tags cannot be kept is refused, and the session goes on', async () => {
  const broken: InheritedTagStore = { ...passing(store.inheritedTags), add: () => Promise.reject(new Error('the state is away')) };
  const world = await startWorker(broken);
  const client = new pg.Client({ connectionString: world.url('token-ann') });
  await client.connect();
  await expect(client.query(`create table ${copy} as select ssn from people`)).rejects.toThrow(/could not be kept/);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await client.end();
  await world[Symbol.asyncDispose]();
  await server.sql(`create table ${copy} (id int)`);
});

it('without a state that keeps them such a table is refused', async () => {
  const world = await startPathWorld({ server, policy: POLICY });
  const client = new pg.Client({ connectionString: world.url('token-ann') });
  await client.connect();
  await expect(client.query(`create table ${copy} as select ssn from people`)).rejects.toThrow(/have its column tagged/);
  await client.end();
  await world[Symbol.asyncDispose]();
});

it('a table that takes the name before a statement runs changes nothing', async () => {
  // Held by a lock, the statement runs only after another table of its name came, was seen, and went.
  await as('ann', 0, async (client) => {
    const blocker = new pg.Client({ connectionString: server.url });
    await blocker.connect();
    await blocker.query('begin; lock table people in access exclusive mode');
    const made = client.query(`create table ${copy} as select ssn as s from people`);
    await eventually('the table is expected', async () =>
      (await store.inheritedTags.list('bank-db', null)).some(({ object, relation }) => object === null && relation[1] === copy),
    );
    await server.sql(`create table ${copy} (s text)`);
    await eventually('another table of its name was seen', async () => (await tags()).some(({ relation }) => relation[1] === copy));
    await server.sql(`drop table ${copy}`);
    await blocker.query('commit');
    await blocker.end();
    await made;
  });
  await expectShown(`select s from ${copy}`, SHOWN);
});

function passing(own: InheritedTagStore): InheritedTagStore {
  return { add: (...all) => own.add(...all), list: (...all) => own.list(...all), settle: (...all) => own.settle(...all) };
}
