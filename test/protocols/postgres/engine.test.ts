import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import {
  bind,
  close,
  describe as describeMessage,
  execute,
  fields,
  flush,
  frame,
  int32,
  parse,
  query,
  RawClient,
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
  - id: no-deletes
    effect: deny
    actions: [delete]
    message: Rows are not deleted here.
    hint: Ask the data owner.
`;

let server: RealPostgres;
let world: PathWorld;

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql('CREATE TABLE t (id int primary key, v text); INSERT INTO t SELECT i, $$row $$ || i FROM generate_series(1, 10) i');
  world = await startPathWorld({ server, policy: POLICY });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const through = (): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
const direct = (): Promise<RawClient> => RawClient.login(server.port, server.username, server.password, server.database);

/** Runs one script direct and through the gateway; both give the same bytes. */
async function same(script: (client: RawClient) => Promise<unknown>): Promise<void> {
  const results: unknown[] = [];
  for (const open of [direct, through]) {
    const client = await open();
    results.push(await script(client));
    client.close();
  }
  expect(results[1]).toEqual(results[0]);
}

async function count(): Promise<string | null | undefined> {
  const client = await direct();
  const rows = rowsOf(await client.run(query('SELECT count(*) FROM t')));
  client.close();
  return rows[0]?.[0];
}

describe('transparent: the same bytes as without a gateway', () => {
  it.each([
    ['simple query', [query('SELECT id, v FROM t ORDER BY id')]],
    ['several statements', [query('SELECT 1; SELECT 2 WHERE false; SET application_name = $$x$$; SELECT 3')]],
    ['empty query', [query('')]],
    ['comment only', [query('-- nothing')]],
    ['an error', [query('SELECT 1; SELECT 1/0; SELECT 2')]],
    ['a transaction', [query('BEGIN; SELECT 1; COMMIT')]],
    ['a failed transaction', [query('BEGIN; SELECT 1/0')]],
    ['extended query', [parse('', 'SELECT $1::int + 1'), bind('', '', '41'), describeMessage('P', ''), execute(''), sync()]],
    [
      'named statement and portal',
      [parse('s', 'SELECT $1::text'), describeMessage('S', 's'), bind('p', 's', 'x'), execute('p'), close('P', 'p'), close('S', 's'), sync()],
    ],
    ['an empty extended query', [parse('', ''), bind('', ''), execute(''), sync()]],
    [
      'a row limit with re-execute',
      [parse('', 'SELECT generate_series(1, 5)'), bind('p', ''), execute('p', 2), execute('p', 2), execute('p', 2), execute('p', 0), sync()],
    ],
    ['an error in a pipeline', [parse('', 'SELECT 1/$1::int'), bind('', '', '0'), execute(''), parse('', 'SELECT 2'), bind('', ''), execute(''), sync()]],
    ['bind of an unknown portal', [execute('nowhere'), sync()]],
    ['a NULL parameter', [parse('', 'SELECT $1::text IS NULL'), bind('', '', null), execute(''), sync()]],
    ['SQL prepare', [query('PREPARE q AS SELECT v FROM t WHERE id = $1')]],
    ['sync alone', [sync()]],
    ['flush before sync', [parse('', 'SELECT 1'), flush(), bind('', ''), execute(''), sync()]],
  ] as [string, Buffer[]][])('%s', async (name, messages) => {
    if (name === 'bind of an unknown portal') {
      // The gateway itself says that the portal does not exist: another text, the same shape.
      const client = await through();
      expect(shape(await client.run(...messages))).toBe('E Z:I');
      client.close();
      return;
    }
    await same((client) => client.run(...messages));
  });

  it('pipelines of several syncs, sent at once', () =>
    same((client) => {
      client.send(
        parse('', 'SELECT 1'),
        bind('', ''),
        execute(''),
        sync(),
        parse('', 'SELECT 1/0'),
        bind('', ''),
        execute(''),
        sync(),
        parse('x', 'SELECT 3'),
        bind('', 'x'),
        execute(''),
        sync(),
        query('SELECT 4'),
        bind('', 'x'),
        execute(''),
        sync(),
      );
      return client.untilReady(5);
    }));

  it('EXECUTE, FETCH, CLOSE and DEALLOCATE of names made in SQL', () =>
    same(async (client) => [
      await client.run(query('PREPARE q (int) AS SELECT v FROM t WHERE id = $1')),
      await client.run(query('EXECUTE q(3)')),
      await client.run(bind('', 'q', '4'), execute(''), sync()),
      await client.run(query('BEGIN')),
      await client.run(query('DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id')),
      await client.run(query('FETCH 2 FROM c')),
      await client.run(execute('c', 2), sync()),
      await client.run(query('CLOSE c; COMMIT')),
      await client.run(query('DEALLOCATE q')),
    ]));

  it('COPY in and out, text and binary, simple and extended, and a failed COPY', () =>
    same(async (client) => {
      const out: unknown[] = [await client.run(query('CREATE TEMP TABLE c (a int, b text)'))];
      client.send(query('COPY c FROM STDIN'), frame('d', '1\ton'), frame('d', 'e\n2\ttwo\n'), frame('c'));
      out.push(await client.untilReady());
      client.send(parse('', 'COPY c FROM STDIN'), bind('', ''), execute(''), sync());
      client.send(frame('d', '3\tthree\n'), frame('c'), sync());
      out.push(await client.untilReady());
      client.send(query('COPY c FROM STDIN'), frame('d', 'not a number\tx\n'), frame('c'));
      out.push(shape(await client.untilReady()));
      client.send(query('COPY c FROM STDIN'), frame('d', '4\tx\n'), frame('f', 'enough\0'));
      out.push(shape(await client.untilReady()));
      for (const text of ['COPY c TO STDOUT', 'COPY c TO STDOUT (FORMAT csv)', 'COPY c TO STDOUT (FORMAT binary)', 'COPY (SELECT b FROM c) TO STDOUT'])
        out.push(await client.run(query(text)));
      return out;
    }));

  it('LISTEN and NOTIFY, notices, parameter status', () =>
    same(async (client) => {
      const replies = [
        await client.run(query('LISTEN news')),
        await client.run(query("NOTIFY news, 'hello'")),
        await client.run(query("SET application_name = 'y'")),
        await client.run(query('DROP TABLE IF EXISTS nowhere')),
      ];
      return replies.map((reply) => reply.map(({ type, body }) => (type === 'A' ? body.toString('utf8', 4) : { type, body })));
    }));

  it('a row larger than any buffer', async () => {
    const client = await through();
    const replies = await client.run(query("SELECT repeat('x', 20000000), 1"));
    expect(shape(replies)).toBe('T D C Z:I');
    expect(replies[1]?.body.length).toBe(2 + 4 + 20_000_000 + 4 + 1);
    client.close();
  });

  it('every message split at every byte, from the client', async () => {
    const script = Buffer.concat([
      parse('s', 'SELECT $1::int'),
      bind('', 's', '7'),
      describeMessage('P', ''),
      execute(''),
      sync(),
      query('SELECT 8'),
      query('COPY (SELECT 9) TO STDOUT'),
    ]);
    const client = await through();
    const once = async (cut: number): Promise<string> => {
      client.socket.write(script.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(script.subarray(cut));
      const replies = await client.untilReady(3);
      await client.run(close('S', 's'), sync());
      return replies.map(({ type, body }) => type + body.toString('hex')).join();
    };
    const whole = await once(0);
    for (let cut = 1; cut < script.length; cut++) expect(await once(cut)).toBe(whole);
    client.close();
  });
});

describe('refusals (D27): ErrorResponse 42501 in the right place, the connection stays usable, the table is untouched', () => {
  it('a simple query', async () => {
    const client = await through();
    const replies = await client.run(query('DELETE FROM t'));
    expect(shape(replies)).toBe('E Z:I');
    const error = fields(replies[0] as never);
    expect(error).toMatchObject({ S: 'ERROR', V: 'ERROR', C: '42501' });
    expect(error['M']).toMatch(/^refused by policy/);
    expect(error['D']).toContain('no-deletes');
    expect(error['H']).toContain('Ask the data owner.');
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    expect(await count()).toBe('10');
    client.close();
  });

  it.each([
    ['first', 'DELETE FROM t; SELECT 1'],
    ['second', 'SELECT 1; DELETE FROM t'],
    ['in a CTE', 'WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d'],
    ['behind a commit', 'BEGIN; DELETE FROM t; COMMIT; SELECT 1/0'],
    ['analysed', 'EXPLAIN ANALYZE DELETE FROM t'],
    ['copied', 'COPY (DELETE FROM t RETURNING *) TO STDOUT'],
    ['prepared in SQL', 'PREPARE zz AS DELETE FROM t'],
  ])('a batch with the refused statement %s: nothing of it reaches the server', async (_name, text) => {
    const client = await through();
    expect(shape(await client.run(query(text)))).toBe('E Z:I');
    expect(await count()).toBe('10');
    client.close();
  });

  it('a text that does not parse is told as the server tells it, and does not reach the server', async () => {
    const client = await through();
    const replies = await client.run(query('SELEC 1'));
    expect(shape(replies)).toBe('E Z:I');
    expect(fields(replies[0] as never)).toMatchObject({ C: '42601', M: 'syntax error at or near "SELEC"' });
    client.close();
  });

  it('aborts the transaction, as any error does', async () => {
    const client = await through();
    expect(shape(await client.run(query("BEGIN; UPDATE t SET v = 'changed'")))).toBe('C C Z:T');
    expect(shape(await client.run(query('DELETE FROM t')))).toBe('E Z:E');
    expect(shape(await client.run(query('SELECT 1')))).toBe('E Z:E');
    expect(shape(await client.run(query('COMMIT')))).toBe('C Z:I');
    const rows = rowsOf(await client.run(query("SELECT count(*) FROM t WHERE v = 'changed'")));
    expect(rows).toEqual([['0']]);
    client.close();
  });

  it.each(['first', 'middle', 'last'])('in a pipeline, %s', async (place) => {
    // The same pipeline direct, with a statement that the server itself refuses in the place of ours, has the same shape.
    const pipeline = (bad: string): Buffer[] => {
      const texts = ['SELECT 1', 'SELECT 2', 'SELECT 3'];
      texts[['first', 'middle', 'last'].indexOf(place)] = bad;
      return [
        ...texts.flatMap((text) => [parse('', text), bind('', ''), describeMessage('P', ''), execute('')]),
        sync(),
        parse('', 'SELECT 4'),
        bind('', ''),
        execute(''),
        sync(),
      ];
    };
    const native = await direct();
    native.send(...pipeline('SELEC 1'));
    const expected = shape(await native.untilReady(2));
    native.close();
    const client = await through();
    client.send(...pipeline('DELETE FROM t'));
    expect(shape(await client.untilReady(2))).toBe(expected);
    expect(await count()).toBe('10');
    client.close();
  });

  it('an earlier error of the pipeline comes before the refusal', async () => {
    const client = await through();
    const replies = await client.run(
      parse('', 'SELECT 1/(random() * 0)::int'),
      bind('', ''),
      execute(''),
      parse('', 'DELETE FROM t'),
      bind('', ''),
      execute(''),
      sync(),
    );
    expect(shape(replies)).toBe('1 2 E Z:I');
    expect(fields(replies[2] as never)['C']).toBe('22012');
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    client.close();
  });

  it('with Flush instead of Sync, the refusal comes at once', async () => {
    const client = await through();
    client.send(parse('', 'DELETE FROM t'), flush());
    expect((await client.next()).type).toBe('E');
    expect(shape(await client.run(sync()))).toBe('Z:I');
    client.close();
  });

  it('leaves prepared statements as they were: a refused Parse does not replace one', async () => {
    const client = await through();
    await client.run(parse('s', 'SELECT 5'), sync());
    expect(shape(await client.run(parse('s', 'DELETE FROM t'), sync()))).toBe('E Z:I');
    expect(rowsOf(await client.run(bind('', 's'), execute(''), sync()))).toEqual([['5']]);
    client.close();
  });

  it('a name that was parsed again in a segment that failed means what it meant (stale statement)', async () => {
    const client = await through();
    client.send(
      parse('', 'SELECT 1'),
      sync(),
      // Skipped by the server: the Parse of DELETE-like text never happens, and neither does its replacement.
      parse('', 'SELECT 1/0'),
      bind('', ''),
      execute(''),
      parse('', 'SELECT 2'),
      sync(),
      bind('', ''),
      execute(''),
      sync(),
    );
    const replies = await client.untilReady(3);
    const native = await direct();
    native.send(
      parse('', 'SELECT 1'),
      sync(),
      parse('', 'SELECT 1/0'),
      bind('', ''),
      execute(''),
      parse('', 'SELECT 2'),
      sync(),
      bind('', ''),
      execute(''),
      sync(),
    );
    expect(shape(replies)).toBe(shape(await native.untilReady(3)));
    native.close();
    client.close();
  });

  it('EXECUTE and Bind of names that this session did not prepare', async () => {
    const client = await through();
    expect(shape(await client.run(query('EXECUTE nothing')))).toBe('E Z:I');
    const replies = await client.run(bind('', 'nothing'), execute(''), sync());
    expect(shape(replies)).toBe('E Z:I');
    expect(fields(replies[0] as never)['M']).toContain('does not exist in this session');
    client.close();
  });

  it('FunctionCall, and the connection goes on', async () => {
    const client = await through();
    const replies = await client.run(frame('F', int32(1574), Buffer.from([0, 0, 0, 0, 0, 0])));
    expect(shape(replies)).toBe('E Z:I');
    expect(fields(replies[0] as never)['C']).toBe('42501');
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    client.close();
  });

  it('a statement longer than the limit, and the connection goes on', async () => {
    const client = await through();
    expect(shape(await client.run(query(`SELECT '${'x'.repeat(400_000)}'`)))).toBe('E Z:I');
    expect(shape(await client.run(parse('', `SELECT '${'x'.repeat(400_000)}'`), bind('', ''), execute(''), sync()))).toBe('E Z:I');
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    client.close();
  });

  it('pinned settings, by every road', async () => {
    const client = await through();
    for (const text of [
      'SET standard_conforming_strings = off',
      'SET LOCAL standard_conforming_strings TO off',
      'set "standard_conforming_strings" = off',
      "SET client_encoding TO 'SJIS'",
      "SET NAMES 'GBK'",
      "SELECT set_config('standard_conforming_strings', 'off', false)",
      "SELECT set_config('client_' || 'encoding', 'SJIS', false)",
      "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
    ]) {
      expect([text, shape(await client.run(query(text)))]).toEqual([text, 'E Z:I']);
    }
    expect(rowsOf(await client.run(query('SHOW standard_conforming_strings')))).toEqual([['on']]);
    client.close();
  });

  it('a server that leaves a pinned setting ends the session (a function did it)', async () => {
    await server.sql(
      "CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$ SET standard_conforming_strings = on; CREATE FUNCTION turn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$",
    );
    const client = await through();
    client.send(query('SELECT turn()'), query("SELECT '\\'; DELETE FROM t; --'"));
    const replies = await client.untilClosed();
    expect(replies.at(-1)?.type).toBe('E');
    expect(fields(replies.at(-1) as never)['S']).toBe('FATAL');
    expect(await count()).toBe('10');
  });

  it('a large Bind is judged by its head and streamed', async () => {
    const client = await through();
    const big = 'y'.repeat(5_000_000);
    expect(rowsOf(await client.run(parse('', 'SELECT length($1::text)'), bind('', '', big), execute(''), sync()))).toEqual([['5000000']]);
    expect(shape(await client.run(bind('', 'nothing', big), execute(''), sync()))).toBe('E Z:I');
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    client.close();
  });
});

describe('sessions', () => {
  it('a cancel request stops its own session only, and only with the gateway key', async () => {
    const client = await through();
    const other = await through();
    const key = client.greeting.find((reply) => reply.type === 'K')?.body ?? Buffer.alloc(0);
    client.send(query('SELECT pg_sleep(60)'));
    other.send(query('SELECT pg_sleep(0.5), 7'));
    const wrong = Buffer.from(key);
    wrong[7] = (wrong[7] ?? 0) ^ 1;
    for (const secret of [wrong, key]) {
      const canceller = await RawClient.open(world.port);
      canceller.send(Buffer.concat([int32(16), int32(80_877_102), secret]));
      expect(await canceller.untilClosed()).toEqual([]);
    }
    const replies = await client.untilReady();
    expect(fields(replies.at(-2) as never)['C']).toBe('57014');
    expect(rowsOf(await other.untilReady()).at(0)?.[1]).toBe('7');
    client.close();
    other.close();
  });

  it('a killed session ends in mid-query with the reason, at the server too', async () => {
    const client = await through();
    const pid = rowsOf(await client.run(query('SELECT pg_backend_pid()')))[0]?.[0];
    client.send(query('SELECT pg_sleep(60)'));
    const id = world.sessions.at(-1) as string;
    world.path.live.kill(id, 'bob', 'wrong target');
    const replies = await client.untilClosed();
    expect(fields(replies.at(-1) as never)).toMatchObject({ S: 'FATAL', C: '57P01', M: 'This session was ended by bob: wrong target.' });
    const watcher = await direct();
    for (;;) {
      const left = rowsOf(await watcher.run(query(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${pid}`)));
      if (left[0]?.[0] === '0') break;
    }
    watcher.close();
  });

  it('an identity that expires ends its live session', async () => {
    const expiresAt = Date.now() + 600_000;
    world.identities.set('brief', { expiresAt });
    const client = await RawClient.login(world.port, 'bank-db', 'token-brief', 'bank-db');
    const session = world.path.live.list().find(({ identity }) => identity.subject === 'brief');
    expect(session?.guard.expiresAt).toBe(expiresAt);
    // It is brought forward once the session is open, however long that took.
    if (session !== undefined) world.path.live.renew(session.start.session, { ...session.identity, expiresAt: Date.now() + 100 });
    client.send(query('SELECT pg_sleep(60)'));
    const replies = await client.untilClosed();
    expect(fields(replies.at(-1) as never)).toMatchObject({ S: 'FATAL', M: 'The login behind this session has expired.' });
  });

  it('a locked subject loses its live sessions', async () => {
    const client = await RawClient.login(world.port, 'bank-db', 'token-carol', 'bank-db');
    await world.bus.publish({ kind: 'subject.locked', issuer: 'test', subject: 'carol', by: 'bob', reason: 'left' });
    const replies = await client.untilClosed();
    expect(fields(replies.at(-1) as never)).toMatchObject({ S: 'FATAL', M: 'This identity was locked by bob.' });
  });

  it('live sessions follow a new policy at their next operation, and end when they may no longer connect (R16)', async () => {
    const client = await through();
    expect(shape(await client.run(query('SELECT 1')))).toBe('T D C Z:I');
    world.setPolicy(POLICY.replace('actions: [delete]', 'actions: [select]'));
    expect(shape(await client.run(query('SELECT 1')))).toBe('E Z:I');
    world.setPolicy('version: 1\nrules: []\n');
    const replies = await client.untilClosed();
    expect(fields(replies.at(-1) as never)['S']).toBe('FATAL');
    world.setPolicy(POLICY);
  });

  it.each([
    ['a wrong token', 'bank-db', 'nonsense', '28P01'],
    ['no token', 'bank-db', '', '28000'],
    ['an unknown target', 'nowhere', 'token-alice', '3D000'],
  ])('refuses %s with a native error', async (_name, user, token, sqlstate) => {
    await expect(RawClient.login(world.port, user, token, '')).rejects.toMatchObject({ fields: { S: 'FATAL', C: sqlstate } });
  });

  it('answers a newer protocol version with the one it speaks, and replication with a refusal', async () => {
    const client = await RawClient.open(world.port);
    const body = Buffer.concat([int32(196_610), Buffer.from('user\0bank-db\0_pq_.x\0y\0\0')]);
    client.send(Buffer.concat([int32(body.length + 4), body]));
    const reply = await client.next();
    expect([reply.type, reply.body.readInt32BE(0), reply.body.readInt32BE(4), reply.body.toString('utf8', 8)]).toEqual(['v', 196_608, 1, '_pq_.x\0']);
    client.close();
    await expect(RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db', { replication: 'database' })).rejects.toMatchObject({
      fields: { C: '0A000' },
    });
  });
});
