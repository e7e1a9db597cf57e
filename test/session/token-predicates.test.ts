/**
 * Tokens that come back in predicates: where policy says so they find their row, as literals and bound in text and binary, and the clear value is in
 * nothing that the client, the record or the gateway's log gets. Everywhere else, and for tokens of others, they find nothing.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { SessionSummary } from '../../src/contract/session-store.js';
import { createSessionRecords } from '../../src/gateway/session-records.js';
import { createTokenKeys, createTransform } from '../../src/masking/index.js';
import { plainJournals } from '../../src/recording/index.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { bind, execute, fields, frame, int32, parse, RawClient, sync } from '../support/raw-client.js';
import { DEBIAN_BIN, type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { runProgram } from '../support/run-program.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: token }, account: { treatment: token }, device: { treatment: token } }
data: { '*.people.ssn': { class: ssn }, '*.people.account': { class: account }, '*.people.device': { class: device }, '*.people.other': { class: account } }
masks:
  - { id: by-token, resolve_tokens: true, subjects: { groups: [desk] } }
  - { id: blind, conditions: deny, resolve_tokens: true, subjects: { groups: [blind] } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;
const SSN = "536-90-43'9"; // With a quote, which has to be doubled.
const UUID = '3f2b8c1e-0000-4000-8000-00000000beef';
const ACCOUNT = '9007199254740993';

let server: RealPostgres;
let world: PathWorld;
const log: string[] = [];

const keys = (fill: number): ReturnType<typeof createTokenKeys> => createTokenKeys([{ id: 1, secret: new Secret<Uint8Array>(Buffer.alloc(32, fill)) }]);
function tokenOf(value: string, dataClass = 'ssn', kind: 'text' | 'integer' | 'uuid' = 'text', key = keys(7)): string {
  const transform = createTransform({ treatment: 'token', class: dataClass, kind, key, clock: { now: () => 0, monotonic: () => 0 }, integerBits: 64 });
  return Buffer.from(transform(Buffer.from(value)) ?? '').toString();
}
const TOKEN = tokenOf(SSN);

beforeAll(async () => {
  server = await startRealPostgres('18');
  await server.sql(`create table people (id int, ssn text, account bigint, device uuid, other text, word text); create table guesses (v text);
    create table kept (word text); create view renamed as select ssn as number, word from people;
    create view deep as select number as n, word from renamed where word is not null; create materialized view copied as select * from people`);
  const line = (fields: object, text?: string): void => void log.push(inspect({ text, ...fields }, { depth: 8 }));
  const logger: Logger = { debug: line, info: line, warn: line, error: line, child: () => logger };
  world = await startPathWorld({ server, policy: POLICY, logger });
  world.identities.set('dora', { groups: ['desk'] });
  world.identities.set('eve', { groups: ['blind'] });
});
beforeEach(async () => {
  // The tables stay: what is made anew is known to the gateway a second later.
  await server.sql(`truncate people, guesses, kept;
    insert into people values (1, '${SSN.replace("'", "''")}', ${ACCOUNT}, '${UUID}', 'x', 'here'), (2, '123-45-6789', 2, null, '123-45-6789', 'there');
    insert into guesses values ('${SSN.replace("'", "''")}'), ('${TOKEN}'); refresh materialized view copied`);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function as<T>(person: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: world.url(`token-${person}`) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
const ask = (text: string, values?: unknown[], person = 'dora'): Promise<unknown[][]> =>
  as(person, async (client) => (await client.query({ text, rowMode: 'array', ...(values === undefined ? {} : { values }) })).rows as unknown[][]);

/** Past the gateway. */
async function direct(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe('find their row', () => {
  it.each([
    `select word from people where ssn = '${TOKEN}'`,
    `select word from people where '${TOKEN}' = ssn and id > 0`,
    `select word from people where ssn in ('nobody', '${TOKEN}')`,
    `select word from people where ssn = '${TOKEN}'::text`,
    `select word from people where ssn = any (array['${TOKEN}'])`,
    `select p.word from people p join people q on q.id = p.id and q.ssn = '${TOKEN}'`,
    `with x as (select * from people where ssn = '${TOKEN}') select word from x`,
    `select word from (select ssn as s, word from people) x where s = '${TOKEN}'`,
    `select word from people where account = ${tokenOf(ACCOUNT, 'account', 'integer')}`,
    `select word from people where device = '${tokenOf(UUID, 'device', 'uuid')}'`,
    `select word from people where ssn = any ('{nobody,"${TOKEN}", NULL}')`,
    `select word from people where ssn = any ('{${TOKEN}}'::text[])`,
    `select word from people where account = any ('{1,${tokenOf(ACCOUNT, 'account', 'integer')}}'::bigint[])`,
    `select word from people where ssn <> '${tokenOf('123-45-6789')}'`,
    `select word from people where ssn not in ('nobody', '${tokenOf('123-45-6789')}')`,
    `select word from people where ssn <> all (array['${tokenOf('123-45-6789')}'])`,
    `select word from people where not ssn = '${tokenOf('123-45-6789')}'`,
    `select word from people where ssn is distinct from '${tokenOf('123-45-6789')}'`,
    `select word from people where ssn is not distinct from '${TOKEN}'`,
    `select word from renamed where number = '${TOKEN}'`,
    `select word from deep where n = any ('{${TOKEN}}')`,
    `select distinct 'here' from people group by word having count(*) filter (where ssn = '${TOKEN}') = 1`,
    `select word from copied where ssn = '${TOKEN}'`,
  ])('%s', async (text) => {
    expect(await ask(text)).toEqual([['here']]);
  });

  it('as numbers below zero, and no sign before one makes a comment of it (defects 26)', async () => {
    const low = tokenOf('-7', 'account', 'integer');
    await server.sql('update people set account = -7 where id = 1');
    for (const text of [`account=${low}`, `account = any (array[1,${low}])`, `account in (${low},${low})`, `account = any ('{${low}}') and id-${'1'}=0`])
      expect(await ask(`select word from people where ${text}`)).toEqual([['here']]);
    // Not written as the constant that it is: nothing is put in its place, and it is not asked with either.
    await expect(ask(`select word from people where account = - ${low.slice(1)}`)).rejects.toThrow(/a token stands in/);
  });

  it('and are what comes back', async () => {
    expect(await ask(`select ssn from people where ssn = '${TOKEN}'`)).toEqual([[TOKEN]]);
  });

  it('when they are bound as text', async () => {
    expect(await ask('select word from people where ssn = $1', [TOKEN])).toEqual([['here']]);
    expect(await ask('select word from people where ssn in ($1, $2) and id = $3', ['nobody', TOKEN, 1])).toEqual([['here']]);
    expect(await ask('select word from people where account = $1', [tokenOf(ACCOUNT, 'account', 'integer')])).toEqual([['here']]);
    expect(await ask('select word from people where device = $1', [tokenOf(UUID, 'device', 'uuid')])).toEqual([['here']]);
  });

  it('and not beside parameters that are too large to be looked through: refused, and not told that there is no such row', async () => {
    const client = await RawClient.login(world.port, 'bank-db', 'token-dora', 'bank-db');
    const large = bind('', '', TOKEN, 'x'.repeat(1_200_000));
    const replies = await client.run(parse('', 'select id from people where ssn = $1 and word <> $2'), large, execute(''), sync());
    client.close();
    expect(replies.filter(({ type }) => type === 'E').map((reply) => fields(reply)['M'])).toEqual([expect.stringContaining('looked through for tokens')]);
  });

  it('when a statement is prepared once and bound to several', async () => {
    await as('dora', async (client) => {
      for (const [token, word] of [
        [TOKEN, 'here'],
        [tokenOf('123-45-6789'), 'there'],
        [TOKEN, 'here'],
      ])
        expect((await client.query({ name: 'by-ssn', text: 'select word from people where ssn = $1', values: [token] })).rows).toEqual([{ word }]);
    });
  });

  it.each([
    ['text', 25, 'ssn', Buffer.from(TOKEN)],
    ['bigint', 20, 'account', int64(tokenOf(ACCOUNT, 'account', 'integer'))],
    ['uuid', 2950, 'device', Buffer.from(tokenOf(UUID, 'device', 'uuid').replaceAll('-', ''), 'hex')],
  ])('when they are bound in binary: %s', async (_, type, column, value) => {
    const client = await RawClient.login(world.port, 'bank-db', 'token-dora', 'bank-db');
    const int16 = (number: number): Buffer => Buffer.of(number >> 8, number);
    const replies = await client.run(
      Buffer.concat([
        frame('P', `\0select word from people where ${column} = $1\0`, int16(1), int32(type)),
        frame('B', '\0\0', int16(1), int16(1), int16(1), int32(value.length), value, int16(0)),
        frame('E', '\0', int32(0)),
        frame('S'),
      ]),
    );
    expect(replies.find(({ type }) => type === 'D')?.body.toString('latin1')).toContain('here');
    client.socket.destroy();
  });

  it('in a write that does not write them', async () => {
    await as('dora', (client) => client.query(`update people set word = 'new' where ssn = '${TOKEN}'`));
    await as('dora', (client) => client.query('update people set word = $2 where ssn = $1', [TOKEN, 'newer']));
    expect(await direct('select word from people where id = 1')).toEqual([{ word: 'newer' }]);
    await as('dora', (client) => client.query(`delete from people where ssn = '${TOKEN}'`));
    expect(await direct('select id from people')).toEqual([{ id: 2 }]);
  });
});

describe('find nothing', () => {
  it.each([
    ['of another deployment', `select word from people where ssn = '${tokenOf(SSN, 'ssn', 'text', keys(8))}'`],
    ['that is forged', `select word from people where ssn = '${TOKEN.slice(0, -1)}${TOKEN.endsWith('a') ? 'b' : 'a'}'`],
    ['of no value', `select word from people where ssn = '${tokenOf('000-00-0000')}'`],
  ])('%s', async (_, text) => {
    await as('dora', async (client) => {
      let rows: unknown[] = [];
      for (const part of text.split('; ')) rows = (await client.query(part)).rows;
      expect(rows).toEqual([]);
    });
  });

  it('where policy does not say so', async () => {
    expect(await ask(`select word from people where ssn = '${TOKEN}'`, undefined, 'ann')).toEqual([]);
    expect(await ask('select word from people where ssn = $1', [TOKEN], 'ann')).toEqual([]);
  });

  it('and are refused where the column may not decide', async () => {
    await expect(ask(`select word from people where ssn = '${TOKEN}'`, undefined, 'eve')).rejects.toThrow(/may not decide/);
  });

  it('is what a column of no class holds: somebody keeps tokens there', async () => {
    expect(await ask(`select v from guesses where v = '${TOKEN}'`)).toEqual([[TOKEN]]);
    expect(await ask('select v from guesses where v = any ($1)', [[TOKEN]])).toEqual([[TOKEN]]);
    expect(await ask(`select v, word from guesses join people on id = 1 where v = '${TOKEN}'`)).toEqual([[TOKEN, 'here']]);
  });

  it('is not shown by what shows the text of statements', async () => {
    expect(JSON.stringify(await ask(`select current_query(), word from people where ssn = '${TOKEN}'`))).not.toContain('536');
  });
});

describe('in statements that run others', () => {
  const run = (...texts: string[]): Promise<unknown[]> =>
    as('dora', async (client) => {
      let rows: unknown[] = [];
      for (const text of texts) rows = ([await client.query(text)].flat().at(-1) as pg.QueryResult).rows;
      return rows;
    });
  const PREPARE = 'prepare p (text) as select word from people where ssn = $1';

  it('EXECUTE finds the row of a prepared statement, made before or in the same text', async () => {
    expect(await run(PREPARE, `execute p ('${TOKEN}')`)).toEqual([{ word: 'here' }]);
    expect(await run(`${PREPARE}; execute p ('${TOKEN}')`)).toEqual([{ word: 'here' }]);
    expect(await run(PREPARE, `deallocate p; prepare p as select word from people where id > 0 and ssn <> $1; execute p ('${TOKEN}'::text)`)).toEqual([
      { word: 'there' },
    ]);
    expect(await run('prepare p (text[]) as select word from people where ssn = any ($1)', `execute p ('{x,${TOKEN}}')`)).toEqual([{ word: 'here' }]);
    expect(await run('prepare p (text[]) as select word from people where ssn = any ($1)', `execute p (array['x', '${TOKEN}'])`)).toEqual([{ word: 'here' }]);
  });

  it('EXECUTE of what the protocol prepared, and Bind of what SQL prepared', async () => {
    await as('dora', async (client) => {
      await client.query({ name: 'q', text: 'select word from people where ssn = $1', values: ['x'] });
      expect((await client.query(`execute q ('${TOKEN}')`)).rows).toEqual([{ word: 'here' }]);
      expect((await client.query({ name: 'q', text: 'select word from people where ssn = $1', values: [TOKEN] })).rows).toEqual([{ word: 'here' }]);
    });
    const client = await RawClient.login(world.port, 'bank-db', 'token-dora', 'bank-db');
    await client.run(frame('Q', `${PREPARE}\0`));
    const value = Buffer.from(TOKEN);
    const replies = await client.run(
      Buffer.concat([frame('B', '\0p\0', Buffer.of(0, 0, 0, 1), int32(value.length), value, Buffer.of(0, 0)), frame('E', '\0', int32(0)), frame('S')]),
    );
    expect(replies.find(({ type }) => type === 'D')?.body.toString('latin1')).toContain('here');
    client.socket.destroy();
  });

  it('cursors', async () => {
    expect(await run('begin', `declare c cursor for select word from people where ssn = '${TOKEN}'`, 'fetch all from c')).toEqual([{ word: 'here' }]);
    const shown = await run('begin', `declare c cursor for select word from people where ssn = '${TOKEN}'`, 'select statement from pg_cursors');
    expect(JSON.stringify(shown)).not.toContain('536');
  });

  it('CREATE TABLE AS, SELECT INTO and INSERT of what they find', async () => {
    await run('create temporary table mine as select word from people where ssn = $$nobody$$');
    expect(await run(`create temporary table mine as select word from people where ssn = '${TOKEN}'`, 'select * from mine')).toEqual([{ word: 'here' }]);
    expect(await run(`select word into temporary mine from people where ssn = any ('{${TOKEN}}')`, 'select * from mine')).toEqual([{ word: 'here' }]);
    await run(`insert into kept select word from people where ssn = '${TOKEN}'`);
    await run(`merge into kept k using people p on p.ssn = '${TOKEN}' and k.word = p.word when matched then update set word = 'met'`);
    expect(await direct('select word from kept')).toEqual([{ word: 'met' }]);
  });

  it('COPY out', async () => {
    const { stdout } = await runProgram(`${DEBIAN_BIN}/psql`, ['-XAt', '-d', world.url('token-dora')], {
      input: `copy (select word from people where ssn in ('x', '${TOKEN}')) to stdout;\n`,
    });
    expect(stdout).toBe('here\n');
  });
});

describe('bound in arrays', () => {
  it('a thousand at once, and no more', async () => {
    await server.sql("truncate people; insert into people select n, 'value ' || n, n, null, '', 'w' || n from generate_series(1, 1000) n");
    const tokens = Array.from({ length: 1_000 }, (_, n) => tokenOf(`value ${n + 1}`));
    expect(await ask('select count(*) from people where ssn = any ($1)', [tokens])).toEqual([['1000']]);
    expect(await ask(`select word from people where ssn = any ('{${tokens.slice(7, 9).join(',')}}') order by id`)).toEqual([['w8'], ['w9']]);
    await expect(ask('select count(*) from people where ssn = any ($1)', [[...tokens, tokenOf('one more')]])).rejects.toThrow(/may hold 1000 tokens/);
  });

  it('as text', async () => {
    expect(await ask('select word from people where ssn = any ($1)', [['nobody, "or" none', TOKEN]])).toEqual([['here']]);
    expect(await ask('select word from people where ssn <> all ($1)', [[tokenOf('123-45-6789')]])).toEqual([['here']]);
    expect(await ask('select word from people where account = any ($1::bigint[])', [[1, tokenOf(ACCOUNT, 'account', 'integer')]])).toEqual([['here']]);
  });

  it.each([
    ['text', 1009, 25, 'ssn', [Buffer.from('nobody'), null, Buffer.from(TOKEN)]],
    ['bigint', 1016, 20, 'account', [int64('7'), int64(tokenOf(ACCOUNT, 'account', 'integer'))]],
    ['uuid', 2951, 2950, 'device', [Buffer.from(tokenOf(UUID, 'device', 'uuid').replaceAll('-', ''), 'hex')]],
  ])('in binary: %s', async (_, array, type, column, values) => {
    const elements = values.flatMap((value) => [int32(value?.length ?? -1), value ?? Buffer.alloc(0)]);
    const bytes = Buffer.concat([int32(1), int32(1), int32(type), int32(values.length), int32(1), ...elements]);
    const client = await RawClient.login(world.port, 'bank-db', 'token-dora', 'bank-db');
    const int16 = (number: number): Buffer => Buffer.of(number >> 8, number);
    const replies = await client.run(
      Buffer.concat([
        frame('P', `\0select word from people where ${column} = any ($1)\0`, int16(1), int32(array)),
        frame('B', '\0\0', int16(1), int16(1), int16(1), int32(bytes.length), bytes, int16(0)),
        frame('E', '\0', int32(0)),
        frame('S'),
      ]),
    );
    expect(replies.find(({ type }) => type === 'D')?.body.toString('latin1')).toContain('here');
    client.socket.destroy();
  });
});

describe('are refused, and find nothing silently nowhere:', () => {
  it.each([
    ['a column of another class', `select word from people where ssn <> 'x' and account::text = '${TOKEN}'`],
    ['two columns', `select v from guesses, people where v in ('${TOKEN}', ssn) and v = '${TOKEN}'`],
    [
      'a column that is of a class in some rows only',
      `select y from (select ssn as x, 'p' as y from people union all select v, v from guesses) q where x = '${TOKEN}'`,
    ],
    ['a computed column', `select word from people where upper(ssn) = '${TOKEN}'`],
    ['another comparison', `select word from people where ssn >= '${TOKEN}'`],
    ['a pattern', `select word from people where ssn like '${TOKEN}%'`],
    ['a row', `select word from people where (id, ssn) = (1, '${TOKEN}')`],
    ['a subquery', `select word from people where ssn in (select '${TOKEN}')`],
    ['values', `select word from people join (values ('${TOKEN}')) v (t) on ssn = t`],
    ['an array of arrays', `select word from people where ssn = any ('{{${TOKEN}}}')`],
    ['an array with an escape', `select word from people where ssn = any (E'{"a\\\\b",${TOKEN}}')`],
    ['a constant with an escape', `select word from people where ssn = E'\\x74${TOKEN.slice(1)}'`],
    ['json', `select word from people where to_jsonb(ssn) = '"${TOKEN}"'`],
    ['a prepared statement', `prepare p as select word from people where ssn = '${TOKEN}'`],
    ['a view', `create view seen as select word from people where ssn = '${TOKEN}'`],
    ['a materialized view', `create materialized view seen as select word from people where ssn = '${TOKEN}'`],
    ['a plan', `explain select word from people where ssn = '${TOKEN}'`],
    ['a plan of what is run', `explain analyze select word from people where ssn = '${TOKEN}'`],
  ])('%s', async (_, text) => {
    await expect(ask(text)).rejects.toMatchObject({ code: '42501', message: expect.stringMatching(/a token stands in/) as unknown });
  });

  it('of another class, equal in value', async () => {
    await expect(ask(`select word from people where ssn > '' and other = '${tokenOf('123-45-6789')}'`)).rejects.toThrow(/a token stands in/);
  });

  it('a parameter that is used for something else, too', async () => {
    await expect(ask('select $1::text from people where ssn = $1', [TOKEN])).rejects.toThrow(/a token stands in/);
    await expect(ask('select word from people where upper(ssn) = $1', [TOKEN])).rejects.toThrow(/a token stands in/);
    await expect(ask('select word from people where account > $1', [tokenOf(ACCOUNT, 'account', 'integer')])).rejects.toThrow(/a token stands in/);
    await expect(ask('select word from people where ssn = any ($1)', [[[TOKEN]]])).rejects.toThrow(/a token stands in/);
  });

  it('a constant of a statement that the protocol prepares', async () => {
    await expect(ask(`select word from people where ssn = '${TOKEN}' and id = $1`, [1])).rejects.toThrow(/bind it as a parameter/);
  });

  it('EXECUTE whose plan is shown, or whose parameter is used for something else', async () => {
    await as('dora', async (client) => {
      await client.query('prepare p (text) as select word from people where ssn = $1');
      await expect(client.query(`explain analyze execute p ('${TOKEN}')`)).rejects.toThrow(/a token stands in/);
      await client.query('prepare q (text) as select $1 from people where ssn = $1');
      await expect(client.query(`execute q ('${TOKEN}')`)).rejects.toThrow(/a token stands in/);
      await expect(client.query(`execute p (upper('${TOKEN}'))`)).rejects.toThrow(/a token stands in/);
    });
  });

  it('in what is written', async () => {
    await expect(ask(`update people set word = '${TOKEN}' where ssn = '${TOKEN}'`)).rejects.toThrow(/put in the place|a token stands in/);
    await expect(ask('update people set word = $1 where ssn = $1', [TOKEN])).rejects.toThrow(/put in the place|a token stands in/);
  });
});

it('errors stand where the client wrote, and say nothing', async () => {
  await expect(ask(`select word from people where ssn = '${TOKEN}' and nothing = 1`)).rejects.toMatchObject({
    position: String(`select word from people where ssn = '${TOKEN}' and nothing = 1`.indexOf('nothing') + 1),
  });
});

it('a look-up that cannot be made refuses the statement, and the session goes on', async () => {
  const blocker = new pg.Client({ connectionString: server.url });
  await blocker.connect();
  await as('dora', async (client) => {
    await blocker.query('begin; lock table people in access exclusive mode');
    await expect(client.query(`select word from people where ssn = '${tokenOf('987-65-4321')}'`)).rejects.toThrow(/could not be resolved/);
    await blocker.query('rollback');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
  await blocker.end();
});

it('the record says of each operation how many were resolved, by which rule, beside what was masked', async () => {
  await as('dora', async (client) => {
    await client.query(`select ssn from people where ssn in ('${TOKEN}', '${tokenOf('123-45-6789')}') and account <> ${tokenOf('1', 'account', 'integer')}`);
    await client.query('select word from people where ssn = $1', [TOKEN]);
    await client.query(`select word from people where ssn = '${tokenOf('000-00-0000')}'`);
  });
  const id = world.sessions.at(-1) ?? '';
  const records = createSessionRecords(world.journalDir, plainJournals, () => Promise.reject(new Error('nothing is erased')), silentLogger);
  const session = { id, journal: world.bootId, content: 'kept', protocol: 'postgres' } as unknown as SessionSummary;
  await eventually('the record is complete', async () => (await records.read(session, { after: 0, limit: 10 })).intact);
  const { operations, events } = await records.read(session, { after: 0, limit: 10 });
  expect(operations.map(({ masked, resolved }) => ({ masked, resolved }))).toEqual([
    { masked: [{ class: 'ssn', treatment: 'token', rule: null, values: 2 }], resolved: [{ class: 'ssn', rule: 'test/by-token', values: 2 }] },
    { masked: [], resolved: [{ class: 'ssn', rule: 'test/by-token', values: 1 }] },
    { masked: [], resolved: undefined },
  ]);
  expect(events).toEqual([]);
});

it('nothing of the values is in the record or the log', async () => {
  for (const name of await readdir(world.journalDir, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const bytes = (await readFile(join(name.parentPath, name.name))).toString('latin1');
    for (const value of ['536-90-43', ACCOUNT, UUID]) expect(bytes.includes(value)).toBe(false);
    if (bytes.includes('tokens.resolved')) expect(bytes).toContain(TOKEN);
  }
  expect(log.join('\n')).not.toContain('536-90-43');
});

function int64(text: string): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigInt64BE(BigInt(text));
  return out;
}
