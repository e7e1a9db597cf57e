/**
 * Somebody else changes, past the gateway, what names mean while a session is open: a column of another name, a view made anew, a table dropped and
 * made again. What is hidden stays hidden by what names mean now, and what is no longer hidden is shown.
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

const CLEAR = 'Kq7X-Wz3v';
const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { pin: { treatment: mask } }
data: { 'public.people.pin*': { class: pin } }
rules: [{ id: all-connect, effect: allow, actions: [connect] }]
`;

let server: RealPostgres;
let world: PathWorld;
let client: pg.Client;

beforeAll(async () => {
  server = await startRealPostgres('18');
  world = await startPathWorld({ server, policy: POLICY });
});
beforeEach(async () => {
  await client?.end();
  await server.sql(`drop schema public cascade; create schema public; create table people (id int, pin text, word text);
    insert into people values (1, '${CLEAR}', 'shown'); create view seen as select word as w from people`);
  client = new pg.Client({ connectionString: world.url('token-ann') });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const ask = async (text: string): Promise<unknown> => (await client.query({ text, rowMode: 'array' })).rows[0]?.[0];
const prepared = async (name: string, text: string): Promise<unknown> => (await client.query({ name, text, rowMode: 'array' })).rows[0]?.[0];
/** Of an open session, until it is so; `never` is seen on the way there at no time. */
async function becomes(text: string, shown: unknown, never: string | null = CLEAR): Promise<void> {
  await eventually(`${text} gives ${String(shown)}`, async () => {
    const now = await ask(text);
    if (never !== null) expect(JSON.stringify(now)).not.toContain(never);
    return now === shown;
  });
}

it('a column that is renamed to a tagged name is masked, and under its new name a tagged one keeps being masked by pattern', async () => {
  expect(await ask('select pin from people')).toBe('****');
  expect(await ask('select word from people')).toBe('shown');
  await server.sql('alter table people rename column pin to pin_code; alter table people rename column word to pinned');
  await becomes('select pin_code from people', '****');
  // What nobody had tagged is, once it is noticed: at most a second later.
  await becomes('select pinned from people', '****', null);
  await becomes('select pinned || 1 from people', '****', null);
});

it('a column whose new name has no tag is shown, when it is noticed: tags go by name', async () => {
  expect(await ask('select pin from people')).toBe('****');
  await server.sql('alter table people rename column pin to other');
  await becomes('select other from people', CLEAR, null);
});

it('a view that is replaced is followed to what it shows now, also by statements that were prepared before', async () => {
  expect([await ask('select w from seen'), await prepared('s', 'select w from seen')]).toEqual(['shown', 'shown']);
  await server.sql('create or replace view seen as select pin as w from people');
  // The server says of which column it is, so a value as it is never comes in clear; one that is computed, once the change is noticed.
  await becomes('select w from seen', '****', null);
  await becomes("select w || '' from seen", '****', null);
  expect(await prepared('s', 'select w from seen')).toBe('****');
  await server.sql("create or replace view seen as select 'new'::text as w");
  await becomes('select w from seen', 'new');
  await becomes("select w || '' from seen", 'new');
  expect(await prepared('s', 'select w from seen')).toBe('new');
});

it('a table that is dropped and made again, with its columns in another order, is masked by its own columns', async () => {
  expect(await ask('select word from people')).toBe('shown');
  await server.sql(`drop table people cascade; create table people (word text, id int, pin text); insert into people values ('again', 1, '${CLEAR}')`);
  await becomes('select word from people', 'again');
  await becomes('select pin from people', '****');
  await becomes('select upper(pin) from people', '****');
  const { rows } = await client.query({ text: 'select * from people', rowMode: 'array' });
  expect(rows).toEqual([['again', 1, '****']]);
});

it('within a transaction that is open over the change, too', async () => {
  await client.query('begin');
  expect(await ask('select word from people')).toBe('shown');
  await client.query('commit');
  await server.sql(`begin; alter table people rename to old; create table people (pin text, note text); insert into people values ('${CLEAR}', 'n'); commit`);
  await client.query('begin');
  await becomes('select pin from people', '****');
  await becomes("select pin || '' from people", '****');
  await becomes('select note from people', 'n');
  await client.query('commit');
});

it('a table that takes the place of a view, and the other way about', async () => {
  expect(await ask('select w from seen')).toBe('shown');
  await server.sql("drop view seen; create table seen (w text); insert into seen values ('table')");
  await becomes('select w from seen', 'table');
  await server.sql('drop table seen; create view seen as select pin as w from people');
  await becomes('select w from seen', '****', null);
  await becomes("select w || '' from seen", '****', null);
});
