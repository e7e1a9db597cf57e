/**
 * The path that a role or a database gives the sessions that begin, changed by its administrators while the gateway is connected: what an unqualified name
 * means changes for later sessions, and for no earlier one.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../store/state-server.js';
import { query, type RawClient, rowsOf } from '../support/raw-client.js';
import { type CanaryWorld, startCanaryWorld, type Watched } from './canary-world.js';

/** The server does not say where this comes from: only the names do. */
const TELL = query("select reverse(ssn) || '' from customers");

let canary: CanaryWorld;
let looks: RawClient;
const open: Watched[] = [];
let marks = 0;

beforeAll(async () => {
  canary = await startCanaryWorld();
  await canary.server.sql("create schema other; create table other.customers as select id, 'nobody' || id as ssn from bank.plain");
  const { client } = await login();
  looks = client;
});
afterAll(async () => {
  for (const { client } of open) client.close();
  await canary[Symbol.asyncDispose]();
});

async function login(): Promise<Watched> {
  const watched = await canary.login();
  open.push(watched);
  return watched;
}

/** As an administrator, until the gateway has seen it. */
async function administer(text: string): Promise<void> {
  const mark = `seen_${++marks}`;
  await canary.server.sql(`${text}; create view other.${mark} as select 'here' || '' as word`);
  const shown = query(`select word || '' from other.${mark}`);
  await eventually('the catalog is seen as it is now', async () => rowsOf(await looks.run(shown))[0]?.[0] === 'here');
}

it.each([
  ['role', 'alter role owner', ''],
  ['database', 'alter database postgres', ''],
  ['role in a database', 'alter role owner in database postgres', ''],
  ['role that has its own no more, and of a database that has one', 'alter role owner', 'alter database postgres set search_path = bank'],
])('of a %s', async (_of, whose, behind) => {
  await administer(`${whose} set search_path = other; ${behind}`);
  const [first, until] = [await login(), await login()];
  expect(rowsOf(await first.client.run(TELL))).toEqual([['1ydobon'], ['2ydobon']]);
  await administer(`${whose} ${behind === '' ? 'set search_path = bank' : 'reset search_path'}`);
  const later = await login();
  expect(rowsOf(await later.client.run(TELL))).toHaveLength(2);
  expect(later.canaries()).toEqual([]);
  await administer(`${whose} set search_path = other`);
  // It began while the path led to what is hidden.
  expect(rowsOf(await later.client.run(TELL))).toHaveLength(2);
  expect(later.canaries()).toEqual([]);
  // And this one before that, when it led elsewhere.
  expect(rowsOf(await until.client.run(TELL))).toHaveLength(2);
  await administer(`${whose} reset search_path; alter database postgres reset search_path`);
});

it('is followed again when nobody has one', async () => {
  const { client } = await login();
  await administer('create table public.customers as select * from other.customers');
  expect(rowsOf(await client.run(TELL))).toEqual([['1ydobon'], ['2ydobon']]);
});
