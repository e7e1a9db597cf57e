/**
 * A write over its row limit is undone and refused by what really happened, however it is sent; one within it is as without a guard.
 * Against a real server; after each case the tables are looked at from outside.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSession } from '../../../src/recording/index.js';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import {
  bind,
  close,
  describe as describeMessage,
  execute,
  fields,
  flush,
  parse,
  query,
  RawClient,
  type Reply,
  rowsOf,
  shape,
  sync,
} from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: few, effect: allow, actions: [insert, update, delete, merge, truncate, copy_from], limits: { rows: 3 } }
`;

let server: RealPostgres;
let world: PathWorld;

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(`
    CREATE SCHEMA ledger;
    CREATE TABLE ledger.entries (id int primary key, v text, parent int REFERENCES ledger.entries DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE log (n int)`);
  world = await startPathWorld({ server, policy: POLICY });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(() => server.sql('DELETE FROM log; DELETE FROM ledger.entries; INSERT INTO ledger.entries SELECT i, $$row$$ FROM generate_series(1, 4312) i'));

const through = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
const direct = (): Promise<RawClient> => RawClient.login(server.port, server.username, server.password, server.database);

/** Rows of ledger.entries, those of them that were changed, and rows of log. */
async function state(): Promise<string> {
  const client = await direct();
  const rows = rowsOf(
    await client.run(query("SELECT (SELECT count(*) FROM ledger.entries), (SELECT count(*) FROM ledger.entries WHERE v <> 'row'), (SELECT count(*) FROM log)")),
  );
  client.close();
  return (rows[0] ?? []).join(' ');
}
const UNTOUCHED = '4312 0 0';
const errorOf = (replies: readonly Reply[]): Record<string, string> => fields(replies.find(({ type }) => type === 'E') as Reply);
const run = (text: string, ...values: string[]): Buffer[] => [parse('', text), bind('', '', ...values), execute('')];

async function readAll(client: RawClient, count: number): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (let ready = 0; ready < count; ) {
    const reply = await client.next();
    replies.push(reply);
    if (reply.type === 'Z') ready++;
  }
  return replies;
}

const TOO_MANY: [string, string, number][] = [
  ['UPDATE', "UPDATE ledger.entries SET v = 'x'", 4312],
  ['UPDATE', "UPDATE ledger.entries SET v = 'x' WHERE id < 5", 4],
  ['DELETE', 'DELETE FROM ledger.entries WHERE id > 0 OR true', 4312],
  ['INSERT', "INSERT INTO ledger.entries SELECT i, 'x' FROM generate_series(5001, 5010) i", 10],
  ['INSERT', "INSERT INTO ledger.entries SELECT i, 'x' FROM generate_series(1, 10) i ON CONFLICT (id) DO UPDATE SET v = excluded.v", 10],
  ['MERGE', 'MERGE INTO ledger.entries e USING generate_series(1, 9) i ON e.id = i WHEN MATCHED THEN DELETE', 9],
  ['DELETE', 'DELETE FROM ledger.entries RETURNING *', 4312],
];

describe('over the limit', () => {
  it.each(TOO_MANY)('%s by itself: %s', async (verb, text, rows) => {
    const words = `this ${verb} changed ${rows.toLocaleString('en-US')} rows in ledger.entries; limit 3`;
    for (const [messages, expected] of [
      [[query(text)], 'E Z:I'],
      [[...run(text), sync()], '1 2 E Z:I'],
      [[parse('s', text), bind('p', 's'), describeMessage('P', 'p'), execute('p'), close('P', 'p'), sync()], /^1 2 [nT] E Z:I$/],
    ] as [Buffer[], string | RegExp][]) {
      const client = await through();
      const replies = await client.run(...messages);
      expect(shape(replies)).toMatch(typeof expected === 'string' ? new RegExp(`^${expected}$`) : expected);
      expect([errorOf(replies)['C'], errorOf(replies)['M']]).toEqual(['42501', words]);
      expect(rowsOf(await client.run(query('SELECT 1')))).toEqual([['1']]);
      client.close();
      expect(await state()).toBe(UNTOUCHED);
    }
  });

  it.each(TOO_MANY)('%s in a transaction loses nothing else: %s', async (_verb, text) => {
    for (const messages of [[query(text)], [...run(text), sync()]]) {
      const client = await through();
      await client.run(query('BEGIN'));
      await client.run(query('INSERT INTO log VALUES (1)'));
      const replies = await client.run(...messages);
      expect(shape(replies)).toMatch(/E Z:T$/);
      expect(errorOf(replies)['C']).toBe('42501');
      await client.run(query('INSERT INTO log VALUES (2)'));
      expect(shape(await client.run(query('COMMIT')))).toBe('C Z:I');
      client.close();
      expect(await state()).toBe('4312 0 2');
      await server.sql('DELETE FROM log');
    }
  });

  it('by a bound parameter', async () => {
    const client = await through();
    const text = "UPDATE ledger.entries SET v = 'x' WHERE id = $1 OR $2::bool";
    expect(shape(await client.run(...run(text, '1', 'false'), sync()))).toBe('1 2 C Z:I');
    expect(errorOf(await client.run(...run(text, '1', 'true'), sync()))['M']).toContain('4,312 rows');
    client.close();
    expect(await state()).toBe('4312 1 0');
  });

  it('prepared in SQL', async () => {
    const client = await through();
    await client.run(query("PREPARE p(bool) AS UPDATE ledger.entries SET v = 'x' WHERE $1"));
    expect(errorOf(await client.run(query('EXECUTE p(true)')))['M']).toContain('4,312 rows in ledger.entries');
    expect(shape(await client.run(query('EXECUTE p(false)')))).toBe('C Z:I');
    client.close();
    expect(await state()).toBe(UNTOUCHED);
  });

  it('by a name that means another statement than when its EXECUTE was prepared', async () => {
    const client = await through();
    await client.run(query("PREPARE s AS UPDATE ledger.entries SET v = 'x' WHERE id = 1"));
    await client.run(parse('e', 'EXECUTE s'), sync());
    await client.run(query('DEALLOCATE s'));
    await client.run(query('PREPARE s AS WITH d AS (DELETE FROM ledger.entries WHERE id > 0 RETURNING 1) INSERT INTO log SELECT 1 WHERE false'));
    expect(shape(await client.run(bind('', 'e'), execute(''), sync()))).toBe('E Z:I');
    client.close();
    expect(await state()).toBe(UNTOUCHED);
  });

  it('in a pipeline: the segment is undone, the next one is not', async () => {
    const client = await through();
    client.send(
      ...run('INSERT INTO log VALUES (1)'),
      ...run("UPDATE ledger.entries SET v = 'x'"),
      ...run('INSERT INTO log VALUES (2)'),
      sync(),
      ...run('INSERT INTO log VALUES (3)'),
      sync(),
      query('SELECT 7'),
    );
    const replies = await readAll(client, 3);
    expect(shape(replies)).toBe('1 2 C 1 2 E Z:I 1 2 C Z:I T D C Z:I');
    client.close();
    expect(await state()).toBe('4312 0 1');
  });

  it('in a transaction that the pipeline begins', async () => {
    const client = await through();
    client.send(...run('BEGIN'), ...run('INSERT INTO log VALUES (1)'), ...run('DELETE FROM ledger.entries'), sync(), ...run('COMMIT'), sync());
    expect(shape(await readAll(client, 2))).toBe('1 2 C 1 2 C 1 2 E Z:T 1 2 C Z:I');
    client.close();
    expect(await state()).toBe('4312 0 1');
  });

  it('is in the record as refused, with the number', async () => {
    const client = await through();
    const session = world.sessions.at(-1) ?? '';
    await client.run(query('DELETE FROM ledger.entries'));
    client.close();
    const outcomes: unknown[] = [];
    for await (const item of readSession(world.journalDir, world.bootId, session)) if (item.kind === 'operation') outcomes.push(item.operation.outcome);
    expect(outcomes).toEqual([expect.objectContaining({ status: 'refused', message: 'this DELETE changed 4,312 rows in ledger.entries; limit 3' })]);
  });

  it('an Execute that fetches in parts', async () => {
    const client = await through();
    const replies = await client.run(parse('', 'DELETE FROM ledger.entries WHERE id < 4 RETURNING id'), bind('', ''), execute('', 1), sync());
    expect(errorOf(replies)['C']).toBe('42501');
    client.close();
    expect(await state()).toBe(UNTOUCHED);
  });
});

describe('refused before anything runs, because nobody could count', () => {
  it.each([
    ["UPDATE ledger.entries SET v = 'x' WHERE id = 1; SELECT 1"],
    ['BEGIN; DELETE FROM ledger.entries; COMMIT'],
    ['WITH gone AS (DELETE FROM ledger.entries RETURNING 1) SELECT count(*) FROM gone'],
    ["WITH gone AS (DELETE FROM ledger.entries RETURNING 1) UPDATE ledger.entries SET v = 'x' WHERE id = 1"],
    ['EXPLAIN ANALYZE DELETE FROM ledger.entries'],
    ['COPY ledger.entries FROM STDIN'],
    ['COPY (DELETE FROM ledger.entries RETURNING 1) TO STDOUT'],
    ['TRUNCATE ledger.entries'],
  ])('%s', async (text) => {
    const client = await through();
    const messages: Buffer[][] = [[query(text)], ...(text.includes(';') ? [] : [[...run(text), sync()]])];
    for (const each of messages) {
      const replies = await client.run(...each);
      expect(errorOf(replies)['M']).toContain('could not be counted');
      expect(shape(replies)).toBe('E Z:I');
    }
    client.close();
    expect(await state()).toBe(UNTOUCHED);
  });
});

describe('within the limit, the same as without a gateway', () => {
  const UPDATE = "UPDATE ledger.entries SET v = 'x' WHERE id < 4";
  it.each([
    ['a query', [query(UPDATE)]],
    ['RETURNING', [query(`${UPDATE} RETURNING id, v`)]],
    ['an error', [query('UPDATE ledger.entries SET id = 1 WHERE id = 2')]],
    ['an error of the extended protocol', [...run('UPDATE ledger.entries SET id = 1 WHERE id = 2'), ...run('SELECT 1'), sync()]],
    ['a constraint that is checked at the end', [query('INSERT INTO ledger.entries VALUES (9001, $$x$$, 9002)')]],
    ['the same, extended', [...run('INSERT INTO ledger.entries VALUES (9001, $$x$$, 9002)'), sync()]],
    ['extended', [parse('', UPDATE), bind('', ''), describeMessage('P', ''), execute(''), sync()]],
    ['named, with Flush', [parse('s', UPDATE), flush(), bind('p', 's'), execute('p'), flush(), close('P', 'p'), sync()]],
    ['a pipeline', [...run(UPDATE), ...run('SELECT count(*) FROM ledger.entries'), ...run(UPDATE), sync()]],
    ['a pipeline that ends with a read', [...run(UPDATE), ...run('SELECT * FROM ledger.entries WHERE id < 100 ORDER BY id'), close('P', ''), sync()]],
    ['a pipeline whose last fails', [...run(UPDATE), ...run('SELECT 1/0'), sync()]],
    ['a failed pipeline', [...run(UPDATE), ...run('SELECT 1/0'), ...run(UPDATE), sync()]],
    ['error before it', [...run('SELECT 1/0'), ...run(UPDATE), sync()]],
    ['a transaction in a pipeline', [...run('BEGIN'), ...run(UPDATE), ...run('COMMIT'), sync()]],
    ['a transaction that stays open', [...run('BEGIN'), ...run(UPDATE), sync()]],
    ['bound and never run', [parse('', UPDATE), bind('', ''), sync()]],
    ['no rows', [query('DELETE FROM ledger.entries WHERE false')]],
    ['a statement that does not exist', [query('UPDATE nowhere SET v = 1')]],
  ] as [string, Buffer[]][])('%s', async (_name, messages) => {
    const results: unknown[] = [];
    for (const open of [direct, through]) {
      const client = await open();
      const replies = await client.run(...messages);
      // Drivers go by these; the server's own line numbers and the like are in the bytes, too.
      results.push([replies.map(({ type, body }) => [type, body.toString('latin1')]), shape(await client.run(query('ROLLBACK'))).replace('N ', '')]);
      client.close();
      results.push(await state());
      await server.sql("UPDATE ledger.entries SET v = 'row'");
    }
    expect(results.slice(2)).toEqual(results.slice(0, 2));
  });

  it.each([
    ['BEGIN', UPDATE, 'SAVEPOINT a', UPDATE, 'ROLLBACK TO a', UPDATE, 'RELEASE a', 'COMMIT'],
    ['BEGIN', 'SELECT 1/0', UPDATE, 'ROLLBACK'],
    ['BEGIN', UPDATE, 'ROLLBACK', UPDATE],
    ['BEGIN', UPDATE, 'COMMIT AND CHAIN', UPDATE, 'ROLLBACK'],
  ])('a conversation: %s …', async (...texts) => {
    for (const form of [(text: string) => [query(text)], (text: string) => [...run(text), sync()]]) {
      const results: unknown[] = [];
      for (const open of [direct, through]) {
        const client = await open();
        const shapes: string[] = [];
        for (const text of texts) shapes.push(shape(await client.run(...form(text))));
        client.close();
        results.push([shapes, await state()]);
        await server.sql("UPDATE ledger.entries SET v = 'row'");
      }
      expect(results[1]).toEqual(results[0]);
    }
  });

  it('messages in pieces, all at once, from many clients', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, through));
    await Promise.all(
      clients.map(async (client, i) => {
        const bytes = Buffer.concat([
          ...run(`UPDATE ledger.entries SET v = 'x' WHERE id = ${100 + i}`),
          sync(),
          query('DELETE FROM ledger.entries WHERE id > 50'),
          ...run(`UPDATE ledger.entries SET v = 'y' WHERE id = ${200 + i}`),
          sync(),
        ]);
        for (let at = 0; at < bytes.length; at += 7) {
          client.send(bytes.subarray(at, at + 7));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(shape(await readAll(client, 3))).toBe('1 2 C Z:I E Z:I 1 2 C Z:I');
        client.close();
      }),
    );
    expect(await state()).toBe('4312 16 0');
  });
});
