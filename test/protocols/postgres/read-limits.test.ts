/**
 * An operation over a limit of rows, bytes or seconds is ended by itself: the client gets whole rows, then an error in the right place, and
 * its session goes on with the transaction in the state that an error leaves. Against a real server, through a relay that can cut its words
 * into pieces and hold cancel requests back; after each case the tables are looked at from outside.
 */
import * as net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSession } from '../../../src/recording/index.js';
import { eventually } from '../../store/state-server.js';
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
  - { id: few, effect: allow, actions: [select, copy_to], resources: [relation: '*.big'], limits: { rows: 1000, bytes: 1MiB } }
  - { id: small, effect: allow, actions: [select, insert], resources: [relation: '*.wide'], limits: { bytes: 64KiB } }
  - { id: quick, effect: allow, actions: [select], resources: [relation: '*.slow'], limits: { seconds: 1 } }
  - { id: quick-writes, effect: allow, actions: [update], resources: [relation: '*.slow'], limits: { rows: 10, seconds: 1 } }
`;

let server: RealPostgres;
let world: PathWorld;
let relay: net.Server;
/** Bytes of the server at a time; 0: as they come. */
let piece = 0;
/** Bytes of an answer that come in pieces: more than fit into any limit below. */
const CUT = 100_000;
/** Cancel requests that wait for the test, when it wants that. */
let holding = false;
const held: (() => void)[] = [];

/** Between gateway and server. */
async function startRelay(): Promise<net.Server> {
  const listener = net.createServer((socket) => {
    const target = net.connect(server.port, '127.0.0.1');
    const pair = [socket, target];
    for (const each of pair) {
      each.setNoDelay(true);
      each.on('error', () => undefined);
      each.on('close', () => pair.forEach((other) => void other.destroy()));
    }
    // Of each answer only the beginning comes in pieces: the rest would take minutes.
    let cut = 0;
    target.on('data', (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        const to = piece === 0 || cut > CUT ? chunk.length : at + piece;
        socket.write(chunk.subarray(at, to));
        cut += to - at;
        at = to;
      }
    });
    target.on('end', () => socket.end());
    let request = false;
    socket.on('end', () => {
      if (!request) target.end();
    });
    let first = true;
    socket.on('data', (chunk) => {
      cut = 0;
      request = first && holding && chunk.length >= 8 && chunk.readUInt32BE(4) === 80_877_102;
      first = false;
      if (request) held.push(() => target.write(chunk));
      else target.write(chunk);
    });
    socket.on('pause', () => target.pause());
    socket.on('resume', () => target.resume());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return listener;
}

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(`
    CREATE TABLE big (id int primary key, v text);
    INSERT INTO big SELECT i, repeat('x', 40) FROM generate_series(1, 300000) i;
    CREATE TABLE wide (v text); INSERT INTO wide SELECT repeat('x', 20000) FROM generate_series(1, 200);
    CREATE TABLE slow (id int); INSERT INTO slow VALUES (1);
    CREATE TABLE log (n int)`);
  relay = await startRelay();
  const { port } = relay.address() as net.AddressInfo;
  world = await startPathWorld({ server: { ...server, port }, policy: POLICY });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  relay?.close();
  await server?.[Symbol.asyncDispose]();
});
const clients: RawClient[] = [];
beforeEach(async () => {
  [piece, holding] = [0, false];
  await server.sql('TRUNCATE log; UPDATE slow SET id = 1');
});
afterEach(() => {
  for (const release of held.splice(0)) release();
  for (const client of clients.splice(0)) client.close();
});

async function through(): Promise<RawClient> {
  const client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
  clients.push(client);
  return client;
}
async function outside(text: string): Promise<(string | null)[][]> {
  const client = await RawClient.login(server.port, server.username, server.password, server.database);
  const rows = rowsOf(await client.run(query(text)));
  client.close();
  return rows;
}
const logged = async (): Promise<string> => (await outside('SELECT count(*) FROM log'))[0]?.[0] ?? '';
const errorOf = (replies: readonly Reply[]): Record<string, string> => fields(replies.find(({ type }) => type === 'E') as Reply);
const run = (text: string, limit = 0): Buffer[] => [parse('', text), bind('', ''), execute('', limit)];
/** Runs of the same letter as one. */
const brief = (replies: readonly Reply[]): string => shape(replies).replace(/\b([Dd])( \1)+\b/g, '$1');
const ALL = 'SELECT * FROM big';
const LOG = 'INSERT INTO log VALUES (1)';

async function lives(client: RawClient): Promise<void> {
  expect(rowsOf(await client.run(query('SELECT count(*) FROM slow')))).toEqual([['1']]);
}

describe.each([0, 1, 7, 1021])('the server speaks in pieces of %i bytes (0: as it likes)', (size) => {
  const FORMS: [string, Buffer[], RegExp, string][] = [
    ['a query', [query(ALL)], /^(T )?(D )?E Z:I$/, 'rows'],
    ['a small result that has come already', [query(`${ALL} LIMIT 1001`)], /^(T )?(D )?E Z:I$/, 'rows'],
    ['extended', [...run(ALL), sync()], /^1 2( D)? E Z:I$/, 'rows'],
    [
      'extended, described, closed',
      [parse('', ALL), bind('p', ''), describeMessage('P', 'p'), execute('p'), close('P', 'p'), sync()],
      /^1 2 T (D )?E Z:I$/,
      'rows',
    ],
    ['fetched in parts that are too large', [parse('', ALL), bind('p', ''), execute('p', 1001), sync()], /^1 2( D)? E Z:I$/, 'rows'],
    ['COPY', [query('COPY big TO STDOUT')], /^(H )?(d )?E Z:I$/, 'rows'],
    ['several statements that have ended already', [query(`SELECT 1; ${ALL} LIMIT 1001`)], /^T D C (T )?(D )?E Z:I$/, 'rows'],
    ['several statements', [query(`SELECT 1; ${ALL}; SELECT 2`)], /^T D C (T )?(D )?E Z:I$/, 'rows'],
    ['bytes', [query('SELECT v FROM wide')], /^(T )?(D )?E Z:I$/, 'bytes'],
    ['bytes, extended', [...run('SELECT v FROM wide'), sync()], /^1 2 (D )?E Z:I$/, 'bytes'],
    ['one row that is too large', [query('SELECT repeat(v, 10) FROM wide LIMIT 1')], /^(T )?E Z:I$/, 'bytes'],
  ];
  const forms = FORMS.filter(([name]) => size !== 1 || name.includes('small') || name.includes('one row'));

  it.each(forms)('%s', async (_name, messages, expected, what) => {
    piece = size;
    const client = await through();
    for (let round = 0; round < 3; round++) {
      const replies = await client.run(...messages);
      expect(brief(replies)).toMatch(expected);
      expect(errorOf(replies)).toMatchObject({
        S: 'ERROR',
        C: '53400',
        M: expect.stringContaining(what === 'rows' ? 'more than 1000 rows' : 'more than 65536 bytes'),
      });
      const rows = replies.filter(({ type }) => type === 'D' || type === 'd');
      expect(rows.length).toBeLessThanOrEqual(1000);
      if (what === 'bytes') expect(rows.length).toBeLessThanOrEqual(3);
      for (const { body, type } of rows) if (type === 'D') expect(body.readInt16BE(0)).toBeLessThanOrEqual(2);
      await lives(client);
    }
  });
});

describe('the transaction is in the state that an error leaves', () => {
  it.each([
    ['while it runs', ALL],
    ['when it has ended already', `${ALL} LIMIT 1001`],
  ])('%s', async (_when, text) => {
    for (const form of [[query(text)], [...run(text), sync()]]) {
      const client = await through();
      await client.run(query('BEGIN'));
      await client.run(query(LOG));
      expect(brief(await client.run(...form))).toMatch(/E Z:E$/);
      expect(errorOf(await client.run(query(LOG)))['C']).toBe('25P02');
      expect(fields((await client.run(query('COMMIT')))[0] as Reply)).toBeDefined();
      await lives(client);
      expect(await logged()).toBe('0');
    }
  });

  it('what ran before it in the same pipeline is undone, when its Sync comes later', async () => {
    for (const text of [ALL, `${ALL} LIMIT 1001`]) {
      const client = await through();
      client.send(...run(LOG), ...run(text), flush());
      const replies: Reply[] = [];
      while (replies.at(-1)?.type !== 'E') replies.push(await client.next());
      expect(brief(replies)).toMatch(/^1 2 C 1 2( D)? E$/);
      client.send(...run(LOG));
      expect(shape(await client.run(sync()))).toBe('Z:I');
      await lives(client);
      expect(await logged()).toBe('0');
    }
  });

  it('what was committed before it could be stopped is not called an error: the session ends and says so', async () => {
    for (const messages of [[...run(LOG), ...run(`${ALL} LIMIT 1001`), sync()], [query(`BEGIN; ${LOG}; SELECT v FROM wide LIMIT 10; COMMIT`)]]) {
      await server.sql('TRUNCATE log');
      // No cancel request comes in time.
      holding = true;
      const client = await through();
      client.send(...messages);
      const last = (await client.untilClosed()).findLast(({ type }) => type === 'E');
      expect(fields(last as Reply)).toMatchObject({ S: 'FATAL', M: expect.stringMatching(/more than .*had been carried out/) });
      expect(await logged()).toBe('1');
    }
  });

  it('a write over its bytes is undone when it is stopped in time', async () => {
    const client = await through();
    await client.run(query('BEGIN'));
    expect(brief(await client.run(query("INSERT INTO wide SELECT repeat('y', 2000) FROM generate_series(1, 400) RETURNING v")))).toMatch(/^(T )?(D )?E Z:E$/);
    await client.run(query('ROLLBACK'));
    expect(await outside("SELECT count(*) FROM wide WHERE v LIKE 'y%'")).toEqual([['0']]);
    await lives(client);
  });

  it('with something behind it that would run, the session ends', async () => {
    const client = await through();
    client.send(...run(ALL), sync(), ...run(LOG), sync());
    const last = (await client.untilClosed()).findLast(({ type }) => type === 'E');
    expect(fields(last as Reply)).toMatchObject({ S: 'FATAL', M: expect.stringContaining('more than 1000 rows') });
  });
});

describe('a cancel request hits what it is for', () => {
  it('nothing of the client goes up before the target has taken it, and nothing of it is hit', async () => {
    holding = true;
    const client = await through();
    // It ends by itself, and the request is still under way.
    expect(brief(await client.run(query(`${ALL} LIMIT 20000`)))).toMatch(/^(T )?(D )?E Z:I$/);
    await eventually('the request is on its way', () => held.length === 1);
    client.send(query(LOG), query('SELECT 7'));
    expect(await logged()).toBe('0');
    expect(world.path.live.count()).toBeGreaterThan(0);
    held.shift()?.();
    expect(shape(await client.untilReady(2))).toBe('C Z:I T D C Z:I');
    expect(await logged()).toBe('1');
  });

  it('again and again, with a write right behind', async () => {
    const client = await through();
    for (let round = 1; round <= 100; round++) {
      expect(brief(await client.run(query(round % 2 === 0 ? ALL : `${ALL} LIMIT ${1000 + 37 * round}`)))).toMatch(/^(T )?(D )?E Z:I$/);
      expect(shape(await client.run(query(LOG)))).toBe('C Z:I');
    }
    expect(await logged()).toBe('100');
  });

  it('a target that does not take it loses the session', async () => {
    holding = true;
    const client = await through();
    client.send(query(`${ALL} LIMIT 20000`));
    const replies = await client.untilClosed();
    expect(fields(replies.findLast(({ type }) => type === 'E') as Reply)).toMatchObject({ S: 'FATAL', M: expect.stringContaining('more than 1000 rows') });
  });
});

describe('what a cursor gives counts together', () => {
  it.each([
    ['FETCH after FETCH', ['BEGIN', `DECLARE c CURSOR FOR ${ALL}`, 'FETCH 600 FROM c'], [query('FETCH 600 FROM c')]],
    ['prepared FETCH', ['BEGIN', `DECLARE c CURSOR FOR ${ALL}`, 'FETCH 600 FROM c'], [...run('FETCH 600 FROM c'), sync()]],
    ['the cursor as a portal', ['BEGIN', `DECLARE c CURSOR FOR ${ALL}`, 'FETCH 600 FROM c'], [execute('c', 600), sync()]],
    ['declared and fetched in one text', ['BEGIN', `DECLARE c CURSOR FOR ${ALL}; FETCH 600 FROM c`], [query('FETCH 600 FROM c')]],
    ['several in one text', ['BEGIN', `DECLARE c CURSOR FOR ${ALL}`, 'FETCH 300 FROM c; FETCH 300 FROM c'], [query('FETCH 300 FROM c; FETCH 300 FROM c')]],
    ['WITH HOLD, over its transaction', ['BEGIN', `DECLARE c CURSOR WITH HOLD FOR ${ALL}`, 'FETCH 600 FROM c', 'COMMIT'], [query('FETCH 600 FROM c')]],
    ['backward', ['BEGIN', `DECLARE c SCROLL CURSOR FOR ${ALL}`, 'FETCH 600 FROM c'], [query('FETCH BACKWARD 500 FROM c')]],
    [
      'a name used again after a failed DECLARE',
      ['BEGIN', `DECLARE c CURSOR FOR ${ALL}`, 'FETCH 600 FROM c', 'SAVEPOINT s', `DECLARE c CURSOR FOR ${ALL}`, 'ROLLBACK TO s'],
      [query('FETCH 600 FROM c')],
    ],
  ] as [string, string[], Buffer[]][])('%s', async (_name, before, last) => {
    const client = await through();
    let seen = 0;
    for (const text of before) seen += rowsOf(await client.run(query(text))).length;
    expect(seen).toBe(600);
    const replies = await client.run(...last);
    expect(errorOf(replies)).toMatchObject({ C: '53400', M: expect.stringContaining('more than 1000 rows') });
    expect(seen + rowsOf(replies).length).toBeLessThanOrEqual(1000);
    await client.run(query('ROLLBACK'));
    await lives(client);
  });

  it('a portal that is executed in parts, and read by SQL as well', async () => {
    const client = await through();
    await client.run(query('BEGIN'));
    expect(brief(await client.run(parse('', ALL), bind('p', ''), execute('p', 600), sync()))).toBe('1 2 D s Z:T');
    const more = await client.run(execute('p', 600), sync());
    expect(errorOf(more)['M']).toContain('more than 1000 rows');
    await client.run(query('ROLLBACK'));
    await client.run(query('BEGIN'));
    await client.run(parse('', ALL), bind('p', ''), execute('p', 600), sync());
    expect(errorOf(await client.run(query('FETCH 600 FROM p')))['M']).toContain('more than 1000 rows');
    await client.run(query('ROLLBACK'));
    await lives(client);
  });

  it.each([
    ['WITH HOLD, outside of its transaction', ['BEGIN', `DECLARE c CURSOR WITH HOLD FOR ${ALL}`, 'COMMIT'], [execute('c', 1), sync()], 1],
    [
      'from its end back to its start',
      ['BEGIN', `DECLARE c SCROLL CURSOR FOR ${ALL}`, 'MOVE LAST FROM c'],
      [execute('c'), sync(), query('MOVE ABSOLUTE 0 FROM c')],
      2,
    ],
  ] as [string, string[], Buffer[], number][])('each run of a cursor as a portal, %s, when they are sent at once', async (_name, before, first, answers) => {
    const client = await through();
    const session = world.sessions.at(-1) ?? '';
    for (const text of before) await client.run(query(text));
    client.send(...first, execute('c'), sync());
    const replies = await client.untilReady(answers + 1);
    expect(errorOf(replies)['M']).toContain('more than 1000 rows');
    expect(rowsOf(replies).length).toBeLessThanOrEqual(1000);
    await client.run(query('ROLLBACK'));
    await lives(client);
    client.close();
    await eventually('the session is over', () => world.path.live.count() === 0);
    const runs: string[] = [];
    for await (const item of readSession(world.journalDir, world.bootId, session))
      if (item.kind === 'operation' && item.operation.form === 'fetch') runs.push(item.operation.outcome?.status ?? '');
    expect(runs).toEqual(['ok', 'refused']);
  });

  it('a cursor declared anew is another query, and within the limit nothing changes', async () => {
    const client = await through();
    await client.run(query('BEGIN'));
    for (let round = 0; round < 3; round++) {
      await client.run(query(`DECLARE c CURSOR FOR ${ALL}`));
      for (let i = 0; i < 2; i++) expect(brief(await client.run(query('FETCH 500 FROM c')))).toBe('T D C Z:T');
      await client.run(query('CLOSE c'));
    }
    expect(shape(await client.run(query('COMMIT')))).toBe('C Z:I');
  });
});

describe('seconds', () => {
  it.each([
    ['a read', [query('SELECT pg_sleep(60) FROM slow')], 'Z:I'],
    ['a read, extended', [...run('SELECT pg_sleep(60) FROM slow'), sync()], 'Z:I'],
    ['a guarded write', [query('UPDATE slow SET id = (SELECT 2 FROM pg_sleep(60))')], 'Z:I'],
    ['a guarded write, extended', [...run('UPDATE slow SET id = (SELECT 2 FROM pg_sleep(60))'), sync()], 'Z:I'],
  ])('%s ends, and its session does not', async (_name, messages, state) => {
    for (const block of [false, true]) {
      const client = await through();
      if (block) await client.run(query('BEGIN'));
      const replies = await client.run(...messages);
      expect(errorOf(replies)).toMatchObject({ S: 'ERROR', C: '53400', M: expect.stringContaining('more than 1 s') });
      expect(shape(replies)).toMatch(new RegExp(`${block ? 'Z:E' : state}$`));
      if (block) await client.run(query('ROLLBACK'));
      await lives(client);
      expect(await outside('SELECT id FROM slow')).toEqual([['1']]);
    }
  });
});

it('the record has it as refused, with what was delivered, and every operation an outcome', async () => {
  const client = await through();
  const session = world.sessions.at(-1) ?? '';
  const rows = rowsOf(await client.run(query(ALL))).length;
  await lives(client);
  client.close();
  await eventually('the session is over', () => world.path.live.count() === 0);
  const outcomes: unknown[] = [];
  for await (const item of readSession(world.journalDir, world.bootId, session)) if (item.kind === 'operation') outcomes.push(item.operation.outcome);
  expect(outcomes).toEqual([
    expect.objectContaining({ status: 'refused', rows, message: expect.stringContaining('more than 1000 rows') }),
    expect.objectContaining({ status: 'ok', rows: 1 }),
  ]);
});
