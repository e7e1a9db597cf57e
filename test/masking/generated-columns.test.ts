/** Generated columns of a hidden one: stored and virtual, of partitions and heirs, by name and by what the server says. They are what they are computed from. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query, rowsOf } from '../support/raw-client.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const POLICY = CANARY_POLICY.replace(
  'data:\n',
  'data:\n  bank.people.ssn: { class: ssn }\n  bank.split.ssn: { class: ssn }\n  bank.parent.ssn: { class: ssn }\n',
);

const world = (virtual: string): string => `
  create function bank.folded(text) returns text language sql immutable as 'select lower($1)';
  create table bank.people (id int, ssn text, word text, same text generated always as (ssn) stored,
    ssn_key text generated always as (replace(lower(ssn), '-', '')) stored, ssn_v text generated always as (reverse(ssn)) ${virtual},
    by_code text generated always as (bank.folded(ssn)) stored, word_up text generated always as (upper(word)) stored);
  insert into bank.people (id, ssn, word) select id, ssn, 'w' from bank.customers;
  create view bank.of_people as select id, ssn_key as k from bank.people;
  create table bank.split (id int, ssn text, up text generated always as (upper(ssn)) stored) partition by range (id);
  create table bank.split_1 partition of bank.split for values from (0) to (100);
  insert into bank.split (id, ssn) select id, ssn from bank.customers;
  create table bank.parent (id int, ssn text, up text generated always as (upper(ssn)) stored);
  create table bank.child () inherits (bank.parent);
  insert into bank.child (id, ssn) select id, ssn from bank.customers;
  create table bank.own (id int, word text, up text generated always as (upper(word)) stored, folded text generated always as (bank.folded(word)) stored);
  insert into bank.own (id, word) values (1, 'mine');
`;

describe.each([
  ['18', 'virtual'],
  ['15', 'stored'],
] as const)('a generated column, on PostgreSQL %s', (version, virtual) => {
  let canary: CanaryWorld;
  beforeAll(async () => {
    canary = await startCanaryWorld(version, POLICY);
    await canary.server.sql(world(virtual));
  });
  afterAll(() => canary[Symbol.asyncDispose]());

  it.each([
    ['select ssn_key, ssn_v, same, by_code from bank.people'],
    ["select ssn_key || '', p.ssn_v, upper(same) from bank.people p"],
    ['select * from bank.people'],
    ['select p from bank.people p'],
    ['select k from bank.of_people'],
    ['copy (select ssn_key, ssn_v from bank.people) to stdout'],
    ['copy bank.people to stdout'],
    ['create temp table held as select ssn_key as w from bank.people; select w from held'],
    ['update bank.people set word = word returning ssn_key, ssn_v, by_code'],
    ['select up from bank.split', 'select up from bank.split_1'],
    ['select up from bank.parent', 'select up from bank.child'],
    ['insert into bank.scratch select id, ssn_key from bank.people', 'select word from bank.scratch'],
  ])('shows nothing of it: %s', async (...texts) => {
    const { client, canaries } = await canary.login();
    for (const text of texts) for (const part of text.split('; ')) await client.run(query(part));
    client.close();
    expect(canaries()).toEqual([]);
  });

  it.each([["select id from bank.people where ssn_key like 'k%'"], ["select count(*) from bank.people where ssn_v > 'K'"]])(
    'decides nothing for who may not decide by it: %s',
    async (text) => {
      const { client } = await canary.login('blind');
      const replies = await client.run(query(text));
      client.close();
      expect(replies.filter(({ type }) => type === 'E').map(({ body }) => body.toString())).toEqual([expect.stringContaining('may not decide')]);
    },
  );

  it('is shown as its source where it is its source, and as it is to who may see it', async () => {
    const { client } = await canary.login();
    expect(rowsOf(await client.run(query('select same, ssn_key, word_up from bank.people where id = 1')))).toEqual([['****', '****', 'W']]);
    client.close();
    const { client: vault, canaries } = await canary.login('vault');
    expect(rowsOf(await vault.run(query('select ssn_key, word_up from bank.people where id = 1')))).toEqual([['kq7xwz3v9btnr4mj', 'W']]);
    vault.close();
    expect(canaries().length).toBeGreaterThan(0);
  });

  it('of a table without tags is shown, whatever computes it', async () => {
    const { client } = await canary.login();
    expect(rowsOf(await client.run(query('select * from bank.own')))).toEqual([['1', 'mine', 'MINE', 'mine']]);
    client.close();
  });
});
