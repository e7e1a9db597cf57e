/**
 * A session whose policy grants only reads runs where the database itself refuses writes, those inside functions too, and no text, message
 * or setting takes it out of there. Against a real server; after each attack the table is looked at.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSession } from '../../../src/recording/index.js';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import { bind, execute, fields, parse, query, RawClient, type Reply, rowsOf, sync } from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';

const CONNECT = '  - { id: connect, effect: allow, actions: [connect] }';
/** As generous as a policy of reads can be: everything that the vocabulary does not call a write. */
const READS = `
version: 1
rules:
${CONNECT}
  - id: reads
    effect: allow
    actions: [select, copy_to, call, set, reset, show, transaction, explain, prepare, execute, deallocate, declare, fetch, close, discard, listen, notify]
`;
const WRITES = `${READS}  - { id: writes, effect: allow, actions: [update], resources: [{ relation: public.nowhere }] }\n`;

let server: RealPostgres;
let world: PathWorld;

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(`
    CREATE TABLE t (id int primary key, v text);
    CREATE SEQUENCE seq;
    CREATE FUNCTION wipe() RETURNS bigint LANGUAGE sql AS 'WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone';
    CREATE FUNCTION unlock() RETURNS text LANGUAGE sql AS $$SELECT set_config('default_transaction_read_only', 'off', false)$$;
    CREATE FUNCTION unlock_now() RETURNS text LANGUAGE sql AS $$SELECT set_config('transaction_read_only', 'off', false)$$;
    CREATE FUNCTION eq_wipe(a int, b int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN true; END';
    CREATE OPERATOR ~~> (LEFTARG = int, RIGHTARG = int, FUNCTION = eq_wipe);
    CREATE VIEW wiping AS SELECT wipe() AS n`);
  world = await startPathWorld({ server, policy: READS });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  world.setPolicy(READS);
  await server.sql('DELETE FROM t; INSERT INTO t SELECT i, $$row$$ FROM generate_series(1, 10) i');
});

const through = (more: Record<string, string> = {}): Promise<RawClient> => RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db', more);
const count = async (): Promise<string | null | undefined> => {
  const client = await RawClient.login(server.port, server.username, server.password, server.database);
  const rows = rowsOf(await client.run(query('SELECT count(*) FROM t')));
  client.close();
  return rows[0]?.[0];
};
const errorsOf = (replies: readonly Reply[]): string[] => replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['C'] ?? '');
const run = (...texts: string[]): Buffer[] => texts.flatMap((text) => [parse('', text), bind('', ''), execute('')]);

async function attempt(...messages: Buffer[]): Promise<string[]> {
  const client = await through();
  client.send(...messages);
  const codes: string[] = [];
  const syncs = messages.filter((each) => each[0] === 0x51 || each[0] === 0x53).length;
  for (let ready = 0; ready < syncs; ) {
    if (client.ended) break;
    let reply: Reply;
    try {
      reply = await client.next();
    } catch {
      break;
    }
    if (reply.type === 'E') codes.push(fields(reply)['C'] ?? '');
    if (reply.type === 'Z') ready++;
  }
  client.close();
  return codes;
}

describe('the database refuses what a text does not show', () => {
  it.each([
    ['a function', 'SELECT wipe()'],
    ['in a condition', 'SELECT 1 WHERE wipe() > 0'],
    ['in ORDER BY', 'SELECT 1 ORDER BY wipe()'],
    ['an operator', 'SELECT 1 WHERE 1 ~~> 2'],
    ['a view', 'SELECT * FROM wiping'],
    ['COPY of a query', 'COPY (SELECT wipe()) TO STDOUT'],
    ['EXPLAIN ANALYZE', 'EXPLAIN ANALYZE SELECT wipe()'],
    ['a cursor', 'BEGIN; DECLARE c CURSOR FOR SELECT wipe(); FETCH ALL FROM c; COMMIT'],
    ['a prepared statement', 'PREPARE p AS SELECT wipe(); EXECUTE p'],
    ['a sequence', "SELECT nextval('seq')"],
  ])('%s', async (_name, text) => {
    expect(await attempt(query(text))).toEqual(['25006']);
    if (!text.includes(';')) expect(await attempt(...run(text), sync())).toEqual(['25006']);
    expect(await count()).toBe('10');
  });

  it('says why, and the record says that the connection was read-only', async () => {
    const client = await through();
    const session = world.sessions.at(-1) ?? '';
    const replies = await client.run(query('SELECT wipe()'));
    expect(replies.filter(({ type }) => type === 'N').map((reply) => fields(reply)['H'])).toEqual([expect.stringContaining('connect again')]);
    client.close();
    const starts: unknown[] = [];
    for await (const item of readSession(world.journalDir, world.bootId, session)) if (item.kind === 'start') starts.push(item.start);
    expect(starts).toEqual([expect.objectContaining({ readOnly: true })]);
  });

  it('reads as ever', async () => {
    const client = await through();
    expect(rowsOf(await client.run(query('SELECT count(*) FROM t')))).toEqual([['10']]);
    expect(rowsOf(await client.run(query('BEGIN; SELECT count(*) FROM t; COMMIT')))).toEqual([['10']]);
    client.send(...run('BEGIN'), ...run('SELECT 1'), ...run('COMMIT'), sync(), ...run('SELECT 2'), sync(), query('SELECT 3'));
    const replies: Reply[] = [];
    while (replies.filter(({ type }) => type === 'Z').length < 3) replies.push(await client.next());
    expect(rowsOf(replies)).toEqual([['1'], ['2'], ['3']]);
    client.close();
  });
});

describe('no text takes a session out of it', () => {
  const FORBIDDEN = [
    'SET default_transaction_read_only = off',
    'SET default_transaction_read_only TO DEFAULT',
    'set "DEFAULT_transaction_read_only" to 0',
    'SET LOCAL default_transaction_read_only = false',
    'SET transaction_read_only = off',
    'RESET default_transaction_read_only',
    'RESET transaction_read_only',
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
    'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE',
    'SET TRANSACTION READ WRITE',
    'BEGIN READ WRITE',
    'START TRANSACTION READ WRITE',
    'BEGIN ISOLATION LEVEL SERIALIZABLE, READ/**/WRITE',
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "SELECT pg_catalog.set_config('transaction_read_only', 'off', true)",
    "SELECT set_config(U&'\\0064efault_transaction_read_only', 'off', false)",
    "SELECT set_config('default_' || 'transaction_read_only', 'off', false)",
    'SELECT set_config(v, $$off$$, false) FROM t',
    'ALTER ROLE owner SET default_transaction_read_only = off',
    'ALTER ROLE ALL SET default_transaction_read_only = off',
    'ALTER DATABASE postgres SET default_transaction_read_only = off',
    'ALTER SYSTEM SET default_transaction_read_only = off',
    "PREPARE TRANSACTION 'x'",
    "COMMIT PREPARED 'x'",
  ];

  it.each(FORBIDDEN)('%s', async (text) => {
    const attacks: Buffer[][] = [
      [query(text), query('SELECT wipe()'), query('COMMIT')],
      [...run(text), sync(), ...run('SELECT wipe()'), sync(), query('COMMIT')],
      [...run(text), ...run('SELECT wipe()'), sync(), query('COMMIT')],
      [query(`${text}; SELECT wipe()`), query('COMMIT')],
      [query('BEGIN'), query(text), query('SELECT wipe()'), query('COMMIT')],
      [query(`PREPARE p AS ${text}`), query('EXECUTE p'), query('SELECT wipe()')],
    ];
    for (const messages of attacks) {
      const codes = await attempt(...messages);
      expect(codes.length).toBeGreaterThan(0);
      expect(codes.filter((code) => !['42501', '42601', '25006', '25P02'].includes(code))).toEqual([]);
      expect(codes[0]).not.toBe('25006');
    }
    expect(await count()).toBe('10');
  });

  it.each(['RESET ALL', 'DISCARD ALL'])('%s goes back to read-only, which the gateway asked for at login', async (text) => {
    const client = await through();
    expect(errorsOf(await client.run(query(text)))).toEqual([]);
    expect(rowsOf(await client.run(query('SHOW default_transaction_read_only')))).toEqual([['on']]);
    expect(errorsOf(await client.run(query('SELECT wipe()')))).toEqual(['25006']);
    client.close();
    expect(await count()).toBe('10');
  });

  it('not by what is set to the role or the database on the server', async () => {
    await server.sql('ALTER ROLE owner SET default_transaction_read_only = off');
    expect(await attempt(query('SELECT wipe()'))).toEqual(['25006']);
    await server.sql('ALTER ROLE owner RESET default_transaction_read_only');
    expect(await count()).toBe('10');
  });

  it.each([{ options: '-c default_transaction_read_only=off' }, { default_transaction_read_only: 'off' }, { options: '--default-transaction-read-only=off' }])(
    'not by a start-up parameter: %j',
    async (more) => {
      await expect(through(more)).rejects.toMatchObject({ fields: { C: '0A000' } });
    },
  );
});

describe('a function that turns the setting off', () => {
  it.each([
    ['alone', [query('SELECT unlock()'), query('SELECT wipe()')]],
    ['with the next transaction in one text', [query('SELECT unlock(); COMMIT; SELECT wipe()')]],
    ['the same, function twice', [query('SELECT unlock(); COMMIT; SELECT unlock(); SELECT wipe()')]],
    ['with a rollback between', [query('SELECT unlock(); ROLLBACK; SELECT wipe()')]],
    ['in a transaction of its own', [query('BEGIN; SELECT unlock(); END; SELECT wipe()')]],
    ['pipelined over Sync', [...run('SELECT unlock()'), sync(), ...run('SELECT wipe()'), sync()]],
    ['pipelined over COMMIT', [...run('SELECT unlock()'), ...run('COMMIT'), ...run('SELECT wipe()'), sync()]],
    ['pipelined in a transaction', [...run('BEGIN'), ...run('SELECT unlock()'), ...run('COMMIT'), ...run('SELECT wipe()'), sync()]],
    ['a query behind a pipeline without Sync', [...run('SELECT unlock()'), query('COMMIT; SELECT wipe()')]],
    ['a query behind an end without Sync', [...run('SELECT unlock()'), ...run('COMMIT'), query('SELECT wipe()')]],
    ['an open transaction', [query('BEGIN'), query('SELECT unlock()'), query('COMMIT'), query('SELECT wipe()')]],
    ['the mode of its own transaction', [query('SELECT unlock_now(), wipe()')]],
    ['the mode of the open transaction', [query('BEGIN'), query('SELECT unlock_now()'), query('SELECT wipe()'), query('COMMIT')]],
  ] as [string, Buffer[]][])('%s', async (_name, messages) => {
    await attempt(...messages);
    expect(await count()).toBe('10');
  });
});

describe('policy changes', () => {
  it('a session that may write by now stays read-only, and a new one is not', async () => {
    const client = await through();
    world.setPolicy(WRITES);
    const replies = await client.run(query('SELECT wipe()'));
    expect(errorsOf(replies)).toEqual(['25006']);
    expect(await count()).toBe('10');
    client.close();
    expect(await attempt(query('SELECT wipe()'))).toEqual([]);
    expect(await count()).toBe('0');
  });

  it('a session that loses writes ends before its next operation', async () => {
    world.setPolicy(WRITES);
    const client = await through();
    await client.run(query('SELECT 1'));
    world.setPolicy(READS);
    client.send(query('SELECT wipe()'));
    const words = await client.untilClosed();
    expect(words.map((reply) => fields(reply)['C'])).toEqual(['57P01']);
    expect(await count()).toBe('10');
  });

  it('and within seconds without one', async () => {
    world.setPolicy(WRITES);
    const client = await through();
    world.setPolicy(READS);
    const words = await client.untilClosed();
    expect(fields(words[0] as Reply)['M']).toContain('it grants only reads by now');
  });
});
