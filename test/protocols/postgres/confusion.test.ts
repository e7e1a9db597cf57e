/**
 * Ways to make the gateway and the server disagree on what a message means: which statement a name stands for, whether a Sync counts, how
 * bytes are read. Each asserts the refusal or the right record, and the effect on the server.
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
  frame,
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
  - { id: no-updates, effect: deny, actions: [update], resources: [relation: "*.secrets"] }
`;

let server: RealPostgres;
let world: PathWorld;

beforeAll(async () => {
  server = await startRealPostgres('18');
  world = await startPathWorld({ server, policy: POLICY });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(() =>
  server.sql("DROP TABLE IF EXISTS t, victim; CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'one'), (2, 'two'); CREATE TABLE victim (n int)"),
);

const through = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');

async function table(): Promise<(string | null)[][]> {
  const client = await RawClient.login(server.port, server.username, server.password, server.database);
  const rows = rowsOf(await client.run(query('SELECT id, v FROM t ORDER BY id')));
  client.close();
  return rows;
}

/** [exact text, verdict, outcome, message] of each operation of the last session, in order. */
async function record(client: RawClient): Promise<[string, string, string, string | null][]> {
  client.close();
  const id = world.sessions.at(-1) as string;
  for (;;) {
    const operations: { sequence: number; row: [string, string, string, string | null] }[] = [];
    let ended = false;
    for await (const item of readSession(world.journalDir, world.bootId, id)) {
      if (item.kind === 'end') ended = true;
      if (item.kind !== 'operation') continue;
      const { operation } = item;
      operations.push({
        sequence: operation.sequence,
        row: [
          Buffer.from(operation.exact).toString('utf8'),
          operation.decision?.effect ?? '',
          operation.outcome?.status ?? '',
          operation.outcome?.message ?? null,
        ],
      });
    }
    if (ended) return operations.sort((a, b) => a.sequence - b.sequence).map(({ row }) => row);
  }
}

describe('COPY and Sync (the record stays with the right statement)', () => {
  it('a Sync inside COPY data counts for neither side, also when the COPY has failed', async () => {
    const client = await through();
    client.send(query('COPY victim FROM STDIN'));
    expect((await client.next()).type).toBe('G');
    client.send(frame('d', 'notanumber\n'), sync(), frame('c'), query("UPDATE t SET v = 'changed' WHERE id = 1"), query("SELECT 'third'"));
    const replies = await client.untilReady(3);
    expect(shape(replies)).toBe('E Z:I C Z:I T D C Z:I');
    const rows = await record(client);
    expect(rows.map(([text, , status, message]) => [text, status, message?.split(':')[0]])).toEqual([
      ['COPY victim FROM STDIN', 'error', '22P02'],
      ["UPDATE t SET v = 'changed' WHERE id = 1", 'ok', 'UPDATE 1'],
      ["SELECT 'third'", 'ok', 'SELECT 1'],
    ]);
  });

  it.each([true, false])('extended, with the answer awaited: %s', async (awaited) => {
    const client = await through();
    client.send(parse('', 'COPY victim FROM STDIN'), bind('', ''), execute(''), flush());
    if (awaited) for (let i = 0; i < 3; i++) await client.next();
    client.send(frame('d', 'bad\n'), sync(), frame('c'), query("UPDATE t SET v = 'changed' WHERE id = 1"), sync());
    await client.untilReady(1);
    const rows = await record(client);
    const update = rows.find(([text]) => text.startsWith('UPDATE'));
    // Skipped by the server up to the last Sync: so it is not on record as run, and the table says the same.
    expect(update?.[2] === 'ok').toBe((await table())[0]?.[1] === 'changed');
  });

  it('an over-long statement inside COPY data ends the session and reaches nothing', async () => {
    const client = await through();
    client.send(query('COPY victim FROM STDIN'));
    expect((await client.next()).type).toBe('G');
    client.send(query(`UPDATE t SET v = '${'x'.repeat(400_000)}'`));
    expect((await client.untilClosed()).at(-1)?.type).toBe('E');
    expect((await table())[0]?.[1]).toBe('one');
  });
});

describe('names', () => {
  const long = 'a'.repeat(63);

  it('longer than the server keeps: refused everywhere, so two names are never one', async () => {
    const client = await through();
    for (const message of [
      parse(`${long}x`, 'SELECT 1'),
      bind('', `${long}x`),
      bind(`${long}x`, ''),
      execute(`${long}x`),
      close('S', `${long}x`),
      close('P', `${long}x`),
    ]) {
      expect(shape(await client.run(message, sync()))).toBe('E Z:I');
    }
    expect(shape(await client.run(parse(long, 'SELECT 1'), bind('', long), execute(''), sync()))).toBe('1 2 D C Z:I');
    client.close();
  });

  it('SQL-level and protocol-level names meet as the server sees them, not as bytes of another encoding', async () => {
    const client = await through();
    await client.run(parse('é', "UPDATE t SET v = 'changed' WHERE id = 1"), sync());
    await client.run(query('PREPARE "Ã©" AS SELECT 1'));
    await client.run(bind('', 'é'), execute(''), sync());
    const rows = await record(client);
    expect(rows.at(-1)).toEqual(["UPDATE t SET v = 'changed' WHERE id = 1", 'allow', 'ok', 'UPDATE 1']);
  });

  it('an EXECUTE whose name means something else when it runs is refused', async () => {
    const client = await through();
    await client.run(query('PREPARE a AS SELECT 1; BEGIN'));
    client.send(
      parse('e', 'EXECUTE a'),
      bind('p', 'e'),
      parse('', 'DEALLOCATE a'),
      bind('', ''),
      execute(''),
      parse('', "PREPARE a AS UPDATE t SET v = 'changed' WHERE id = 1"),
      bind('', ''),
      execute(''),
      execute('p'),
      sync(),
    );
    expect(fields((await client.untilReady()).find(({ type }) => type === 'E') as Reply)['M']).toContain('another statement or cursor');
    await client.run(query('COMMIT'));
    const rows = await record(client);
    const runs = rows.filter(([text]) => text === 'EXECUTE a');
    expect(runs.map(([, verdict, status]) => [verdict, status])).toEqual([
      ['allow', 'cancelled'],
      ['deny', ''],
    ]);
  });

  it('writes that run later than they were bound are decided then, with their parameters; large ones are refused', async () => {
    const client = await through();
    const both = [
      parse('w', 'UPDATE t SET v = $1 WHERE id = 1 RETURNING v'),
      bind('a', 'w', 'first'),
      bind('b', 'w', 'second'),
      execute('a'),
      execute('b'),
      sync(),
    ];
    const replies = await client.run(...both);
    expect(shape(replies)).toBe('1 2 2 D C D C Z:I');
    expect(rowsOf(replies)).toEqual([['first'], ['second']]);
    const large = 'x'.repeat(9_000);
    expect(shape(await client.run(bind('a', 'w', large), execute('a'), sync()))).toBe('2 D C Z:I');
    const refused = await client.run(bind('a', 'w', large), bind('b', 'w', 'third'), execute('b'), execute('a'), sync());
    expect(fields(refused.find(({ type }) => type === 'E') as Reply)['M']).toContain('8192 bytes of parameters');
    const statuses = (await record(client)).map(([, verdict, status]) => `${verdict} ${status}`);
    expect(statuses).toEqual(
      ['cancelled', 'cancelled', 'ok', 'ok', 'ok', 'cancelled', 'ok', ''].map((status) => `${status === '' ? 'deny' : 'allow'} ${status}`),
    );
  });

  it('a portal that is described behind its Execute has ended', async () => {
    const client = await through();
    await client.run(parse('', 'SELECT 5'), bind('p', ''), execute('p'), describeMessage('P', 'p'), sync());
    expect((await record(client)).map(([, , status]) => status)).toEqual(['ok']);
  });

  it('DEALLOCATE ALL leaves the unnamed statement', async () => {
    const client = await through();
    await client.run(parse('', 'SELECT 5'), sync());
    client.send(parse('d', 'DEALLOCATE ALL'), bind('', 'd'), execute(''), sync());
    await client.untilReady();
    expect(rowsOf(await client.run(bind('', ''), execute(''), sync()))).toEqual([['5']]);
    client.close();
  });
});

describe('settings that change how bytes are read', () => {
  const HIDDEN = "DELETE FROM t WHERE id = 1 AND v <> '\\'' or true --'";

  it('flipped unseen inside one pipeline segment: a text that could read otherwise is refused', async () => {
    await server.sql('CREATE OR REPLACE VIEW vs AS SELECT * FROM pg_settings');
    const client = await through();
    const run = (text: string): Buffer[] => [parse('', text), bind('', ''), execute('')];
    client.send(
      ...run("UPDATE vs SET setting = 'off' WHERE name = 'standard_conforming_strings'"),
      ...run(HIDDEN),
      ...run("UPDATE vs SET setting = 'on' WHERE name = 'standard_conforming_strings'"),
      sync(),
    );
    await client.untilReady();
    expect(await table()).toHaveLength(2);
    client.close();
  });

  it('flipped unseen by one Query, used by the next: the next waits for the answer, and the session ends', async () => {
    await server.sql('CREATE OR REPLACE VIEW vs AS SELECT * FROM pg_settings');
    const client = await through();
    client.send(query("UPDATE vs SET setting = 'off' WHERE name = 'standard_conforming_strings'"), query("SELECT '\\''; DELETE FROM t; --'"));
    const replies = await client.untilClosed();
    expect(fields(replies.at(-1) as never)['S']).toBe('FATAL');
    expect(await table()).toHaveLength(2);
  });

  it('an honest backslash before a quote passes, alone and after a Sync', async () => {
    const client = await through();
    expect(rowsOf(await client.run(query("SELECT E'it\\'s'")))).toEqual([["it's"]]);
    client.send(parse('', 'SELECT 1'), bind('', ''), execute(''), sync(), parse('', "SELECT 'C:\\'"), bind('', ''), execute(''), sync());
    expect(rowsOf(await client.untilReady(2))).toEqual([['1'], ['C:\\']]);
    client.close();
  });
});

it('a Flush or Sync with a body ends the session: the server would read it as an error and we could not follow', async () => {
  for (const message of [frame('H', 'x'), frame('S', 'x')]) {
    const client = await through();
    client.send(message, query("UPDATE t SET v = 'changed'"));
    expect(fields((await client.untilClosed()).at(-1) as never)['C']).toBe('08P01');
    expect((await table())[0]?.[1]).toBe('one');
  }
});
