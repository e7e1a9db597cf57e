/** A value that gw put in the place of another comes back in a write: it is refused, and the table is as it was. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, execute, fields, frame, int32, parse, query, type Reply, rowsOf, sync } from '../support/raw-client.js';
import { CANARY_POLICY, type CanaryWorld, startCanaryWorld } from './canary-world.js';

const POLICY = CANARY_POLICY.replace('ssn: { treatment: mask }', 'ssn: { treatment: token }').replace(
  "card: { treatment: 'null' }",
  'card: { treatment: token }',
);
const TABLE = 'select id, ssn, name, card, note from bank.customers order by id';

let canary: CanaryWorld;
let token: string;
let number: string;

beforeAll(async () => {
  canary = await startCanaryWorld('18', POLICY);
  const { client } = await canary.login();
  const [[ssn, card] = []] = rowsOf(await client.run(query('select ssn, card from bank.customers where id = 1')));
  token = ssn ?? '';
  number = card ?? '';
  client.close();
});
afterAll(() => canary[Symbol.asyncDispose]());

async function table(): Promise<unknown> {
  const { client } = await canary.login('vault');
  const rows = rowsOf(await client.run(query(TABLE)));
  client.close();
  return rows;
}

const codes = (replies: readonly Reply[]): (string | undefined)[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['C']);
const copy = (...pieces: string[]): Buffer => Buffer.concat([...pieces.map((piece) => frame('d', piece)), frame('c')]);

const WRITES: readonly (readonly [string, (token: string, number: string) => string])[] = [
  ['update with stars', () => "update bank.customers set ssn = '****' where id = 1"],
  ['update with a token', (value) => `update bank.customers set ssn = '${value}' where id = 1`],
  ['update with the token of a number', (_, value) => `update bank.customers set card = ${value} where id = 1`],
  ['update with a cast', (value) => `update bank.customers set ssn = '${value}'::text where id = 1`],
  ['another column of the row', () => "update bank.customers set name = 'x', note = '***-**-1234' where id = 1"],
  ['insert', () => "insert into bank.customers (id, ssn, name) values (9, '****', 'x')"],
  ['insert of a query', (value) => `insert into bank.customers (id, ssn, name) select 9, '${value}', 'x'`],
  ['upsert', (value) => `insert into bank.customers (id, ssn, name) values (1, 'a', 'b') on conflict (id) do update set ssn = '${value}'`],
  ['merge', (value) => `merge into bank.customers c using (select 1 as id, '${value}' as ssn) s on c.id = s.id when matched then update set ssn = s.ssn`],
  ['in WITH', () => "with u as (update bank.customers set ssn = '****' where id = 1 returning 1) select * from u"],
  ['under EXPLAIN ANALYZE', () => "explain analyze update bank.customers set ssn = '****' where id = 1"],
  ['through a view', () => "update bank.renamed set social = '****' where id = 1"],
  ['prepared', () => "prepare w1 as update bank.customers set ssn = '****' where id = 1; execute w1"],
  ['prepared with a parameter', () => "prepare w2 as update bank.customers set ssn = $1 where id = 1; execute w2('****')"],
  ['explained with a parameter', () => "prepare w3 as update bank.customers set ssn = $1 where id = 1; explain analyze execute w3('****')"],
];

describe('a masked value that comes back', () => {
  it.each(WRITES)('in an %s', async (_name, text) => {
    const before = await table();
    const { client } = await canary.login();
    expect(codes(await client.run(query(text(token, number))))).toEqual(['42501']);
    client.close();
    expect(await table()).toEqual(before);
  });

  it.each(['text', 'binary'])('as a bound parameter in %s', async (format) => {
    const before = await table();
    const { client } = await canary.login();
    const text = 'update bank.customers set ssn = $1 where id = 1';
    const bound =
      format === 'text'
        ? bind('', '', token)
        : frame('B', '\0\0', Buffer.from([0, 1, 0, 1, 0, 1]), int32(Buffer.byteLength(token)), token, Buffer.from([0, 0]));
    expect(codes(await client.run(Buffer.concat([parse('', text), bound, execute(''), sync()])))).toEqual(['42501']);
    client.close();
    expect(await table()).toEqual(before);
  });

  it.each(['token', 'stars'])('as a bound parameter before one that is larger than what is held, %s', async (what) => {
    const before = await table();
    const { client } = await canary.login();
    const text = 'update bank.customers set ssn = $1, name = $2 where id = 1';
    const large = bind('', '', what === 'token' ? token : '****', 'x'.repeat(1_200_000));
    const replies = await client.run(parse('', text), large, execute(''), sync());
    expect(codes(replies)).toEqual(['42501']);
    expect(JSON.stringify(replies.map(fields))).toContain('under 1 MiB');
    // What holds nothing that is hidden takes it.
    const plain = bind('', '', '****', 'x'.repeat(1_200_000));
    expect(codes(await client.run(parse('', 'update bank.plain set word = $1 where word = $2'), plain, execute(''), sync()))).toEqual([]);
    client.close();
    expect(await table()).toEqual(before);
  });

  it.each<[string, string, (token: string) => readonly string[]]>([
    ['text', 'copy bank.customers (id, ssn, name) from stdin', (value) => [`7\t${value}\tx\n`]],
    ['stars', 'copy bank.customers (id, ssn, name) from stdin', () => ['7\t****\tx\n']],
    ['CSV', 'copy bank.customers (id, ssn, name) from stdin (format csv)', (value) => [`7,"${value}",x\n`]],
    ['the last of many rows', 'copy bank.customers (id, ssn, name) from stdin', () => ['7\ta\tx\n', '8\tb\ty\n', '9\t****\tz\n', '10\tc\tv\n']],
    ['two messages', 'copy bank.customers (id, ssn, name) from stdin', (value) => [`7\t${value.slice(0, 9)}`, `${value.slice(9)}\tx\n`]],
    ['stars in two messages', 'copy bank.customers (id, ssn, name) from stdin', () => ['7\t*', '*', '*\tx\n']],
  ])('in COPY FROM, %s', async (_name, text, pieces) => {
    const before = await table();
    const { client } = await canary.login();
    client.send(query(text));
    for (let reply = await client.next(); reply.type !== 'G'; reply = await client.next()) expect(reply.type).not.toBe('Z');
    expect(codes(await client.run(copy(...pieces(token))))).toEqual(['57014']);
    // The session goes on.
    expect(rowsOf(await client.run(query('select 1')))).toEqual([['1']]);
    client.close();
    expect(await table()).toEqual(before);
  });
});

describe('what is no masked value', () => {
  it('is written, and so are rows that are copied', async () => {
    const { client } = await canary.login();
    await client.run(query('begin'));
    expect(codes(await client.run(query("update bank.customers set ssn = 'a-b-1' where id = 1")))).toEqual([]);
    client.send(query('copy bank.customers (id, ssn, name) from stdin'));
    for (let reply = await client.next(); reply.type !== 'G'; reply = await client.next()) expect(reply.type).not.toBe('Z');
    expect(codes(await client.run(copy('7\tone\tx\n', '8\ttwo\ty\n')))).toEqual([]);
    expect(rowsOf(await client.run(query('select count(*) from bank.customers')))).toEqual([['4']]);
    expect(codes(await client.run(query("insert into bank.plain values (9, '****', 1)")))).toEqual([]);
    await client.run(query('rollback'));
    client.close();
  });
});
