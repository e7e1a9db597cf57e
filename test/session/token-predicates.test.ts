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
import { frame, int32, RawClient } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

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
  const line = (fields: object, text?: string): void => void log.push(inspect({ text, ...fields }, { depth: 8 }));
  const logger: Logger = { debug: line, info: line, warn: line, error: line, child: () => logger };
  world = await startPathWorld({ server, policy: POLICY, logger });
  world.identities.set('dora', { groups: ['desk'] });
  world.identities.set('eve', { groups: ['blind'] });
}, 60_000);
beforeEach(async () => {
  await server.sql(`drop table if exists people, guesses; create table people (id int, ssn text, account bigint, device uuid, other text, word text);
    insert into people values (1, '${SSN.replace("'", "''")}', ${ACCOUNT}, '${UUID}', 'x', 'here'), (2, '123-45-6789', 2, null, '123-45-6789', 'there');
    create table guesses (v text); insert into guesses values ('${SSN.replace("'", "''")}')`);
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
  ])('%s', async (text) => {
    expect(await ask(text)).toEqual(text.includes('any (array') ? [] : [['here']]);
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
    ['of another class', `select word from people where account::text = '${TOKEN}'`],
    ['of another class, equal in value', `select word from people where other = '${tokenOf('123-45-6789')}'`],
    ['of another deployment', `select word from people where ssn = '${tokenOf(SSN, 'ssn', 'text', keys(8))}'`],
    ['that is forged', `select word from people where ssn = '${TOKEN.slice(0, -1)}${TOKEN.endsWith('a') ? 'b' : 'a'}'`],
    ['of no value', `select word from people where ssn = '${tokenOf('000-00-0000')}'`],
    ['compared with a column of no class', `select v from guesses where v = '${TOKEN}'`],
    ['compared with two columns', `select v from guesses, people where v in ('${TOKEN}', ssn) and v = '${TOKEN}'`],
    ['where a column of no class is in it', `select y from (select ssn as x, 'p' as y from people union all select v, v from guesses) q where x = '${TOKEN}'`],
    ['in a prepared statement of SQL', `prepare p as select word from people where ssn = $1; execute p('${TOKEN}')`],
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

  it('in what would show or keep them', async () => {
    expect(await ask('select $1::text from people where ssn = $1', [TOKEN])).toEqual([]);
    await as('dora', async (client) => {
      expect(JSON.stringify((await client.query(`explain (verbose) select word from people where ssn = '${TOKEN}'`)).rows)).toContain(TOKEN);
      await client.query(`create view seen as select word from people where ssn = '${TOKEN}'`);
    });
    await server.sql('drop view seen');
    expect(JSON.stringify(await ask(`select current_query(), word from people where ssn = '${TOKEN}'`))).not.toContain('536');
    await expect(ask(`update people set word = '${TOKEN}' where ssn = '${TOKEN}'`)).rejects.toThrow(/put in the place/);
    await expect(ask('update people set word = $1 where ssn = $1', [TOKEN])).rejects.toThrow(/put in the place/);
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
