/**
 * NULL that is worked out of a hidden column (`nullif(left(ssn, 1), 'K')`, `substring(ssn from '^K')`, `lag(ssn, n)`) says something of it, beside
 * whatever is shown in the same row: it comes as a value would. NULL of a column as it is says that there is none, and is shown.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execute, frame, parse, query, type Reply, sync } from '../support/raw-client.js';
import { type CanaryWorld, startCanaryWorld } from './canary-world.js';

let canary: CanaryWorld;
beforeAll(async () => {
  canary = await startCanaryWorld();
  canary.world.identities.set('bot', { kind: 'agent', groups: ['engineers'] });
  await canary.server.sql("insert into bank.customers (id, name) values (3, 'Cy')");
});
afterAll(() => canary[Symbol.asyncDispose]());

const BINARY = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
/** Ways for a result to come. Its one column is masked, so rows that differ show which of them is NULL. */
const WAYS: readonly (readonly [name: string, (text: string) => Buffer[]])[] = [
  ['simple', (text) => [query(text)]],
  ['binary', (text) => [parse('', text), frame('B', BINARY), execute(''), sync()]],
  ['COPY', (text) => [query(`copy (${text}) to stdout`)]],
  ['COPY csv', (text) => [query(`copy (${text}) to stdout (format csv)`)]],
  ['COPY binary', (text) => [query(`copy (${text}) to stdout (format binary)`)]],
  ['cursor', (text) => [query(`begin; declare c cursor for ${text}`), query('fetch all c'), query('commit')]],
  ['temporary table', (text) => [query(`create temp table kept as ${text}`), query('select * from kept')]],
];
const VALUES = [
  "nullif(substr(ssn, 1, 1), 'K')",
  "substring(ssn from '^K')",
  "nullif(substr(ssn, 1, 1), 'K')::varchar(3)",
  "nullif(substr(ssn, 1, 1), 'K')::name",
  "to_jsonb(nullif(substr(ssn, 1, 1), 'K'))",
  'lag(ssn, ascii(ssn) - 75) over (order by id)',
  'jsonb_path_query_first(to_jsonb(ssn), \'$ ? (@ starts with "K")\')',
  "string_to_array(nullif(substr(ssn, 1, 1), 'K'), ',')",
  'nullif(card, 7391846205)',
  "nullif(note, 'plain')",
];

/** They may fail by a value, or how much room they take would be kept, and so only those for whom conditions are open get that far. */
const MAY_FAIL = /ascii\(ssn\) - 75|jsonb_path/;

async function rows(person: string, messages: Buffer[]): Promise<string[]> {
  const { client } = await canary.login(person);
  const replies: Reply[] = [];
  for (const message of messages.length === 4 ? [Buffer.concat(messages)] : messages) replies.push(...(await client.run(message)));
  client.close();
  const errors = replies.filter(({ type }) => type === 'E');
  if (errors.length > 0) throw new Error(`${person}: ${errors.map(({ body }) => body.toString()).join(' ')}`);
  const found = replies.filter(({ type }) => type === 'D' || type === 'd').map(({ body }) => body.toString('latin1').replace(/^PGCOPY.{13}/s, ''));
  // What a binary COPY begins and ends with is no row.
  return found.filter((row, index) => row !== '' && !(replies.some(({ type }) => type === 'd') && row === '\xff\xff' && index === found.length - 1));
}

it.each(WAYS.flatMap(([name, way]) => VALUES.map((value) => [name, value, way] as const)))('%s: %s', async (name, value, way) => {
  for (const person of MAY_FAIL.test(value) || name === 'temporary table' ? ['ann'] : ['ann', 'bot', 'blind']) {
    const found = await rows(person, way(`select ${value} as x from bank.customers where id < 3`));
    expect(found, person).toHaveLength(2);
    expect(new Set(found).size, person).toBe(1);
  }
  // The control: it is NULL for one of the two.
  expect(new Set(await rows('vault', way(`select ${value} as x from bank.customers where id < 3`))).size).toBe(2);
});

// A temporary table is taken for more than the column that it was made of.
it.each(WAYS.filter(([name]) => name !== 'temporary table'))('%s: whether a column as it is has a value is shown', async (_, way) => {
  for (const person of ['ann', 'bot', 'blind']) {
    const found = await rows(person, way('select ssn from bank.customers order by id'));
    expect(found, person).toHaveLength(3);
    expect(found[0]).toBe(found[1]);
    expect(found[2], person).not.toBe(found[0]);
  }
});
