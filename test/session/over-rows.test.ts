/**
 * A write over its row limit that people may let through: it has run and is not committed while they are asked, with the real number; their
 * yes commits it, and everything else undoes it. In front of a real server and over a real state database; the table says what became of it.
 */
import { createConnection } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { SessionItem } from '../../src/recording/index.js';
import { approveAs, type DeskWorld, reviewer, startDeskWorld } from '../approval/desk-world.js';
import { demand } from '../approval/fixture.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import {
  bind,
  close,
  describe as describeMessage,
  execute,
  fields,
  int32,
  parse,
  query,
  RawClient,
  type Reply,
  rowsOf,
  shape,
  sync,
} from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { storyOf } from './session-story.js';

const policy = (asks: string, more = ''): string => `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: few, effect: allow, actions: [insert, update, delete, merge], limits: { rows: 3${more} }, approval: { groups: [dba], expires: 10m${asks} } }
`;

let server: RealPostgres;
let desks: DeskWorld;
let world: PathWorld;
const clients: pg.Client[] = [];
const raws: RawClient[] = [];

const desk = (): DeskWorld['desks'][number] => desks.desks[1] as DeskWorld['desks'][number];

async function open(text = policy('')): Promise<void> {
  world = await startPathWorld({ server, approvals: desk().door, policy: text });
  desks.policy = world.policy;
}

beforeAll(async () => {
  [server, desks] = await Promise.all([startRealPostgres('18'), startDeskWorld(2)]);
  await server.sql('create schema ledger; create table ledger.entries (id int primary key, note text); create table log (n int)');
});
beforeEach(async () => {
  await server.sql("truncate ledger.entries, log; insert into ledger.entries select i, 'old' from generate_series(1, 4312) i");
  await open();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
  for (const raw of raws.splice(0)) raw.close();
  await world?.[Symbol.asyncDispose]();
  for (const record of await desk().list({ states: ['pending', 'approved'], limit: 1_000 }))
    await desk()
      .cancel(record.id, { ...reviewer('x').identity, ...record.requester, emailVerified: true }, 'end of the test')
      .catch(() => undefined);
});
afterAll(async () => {
  await desks?.close();
  await server?.[Symbol.asyncDispose]();
});

interface Client {
  readonly client: pg.Client;
  readonly notices: string[];
}

async function connect(person = 'alice'): Promise<Client> {
  const client = new pg.Client({ connectionString: world.url(`token-${person}`) });
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(`${notice.message ?? ''} | ${notice.detail ?? ''} | ${notice.hint ?? ''}`));
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return { client, notices };
}

async function raw(): Promise<RawClient> {
  const client = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
  raws.push(client);
  return client;
}

async function one(): Promise<ApprovalRecord> {
  let found: ApprovalRecord[] = [];
  await eventually('a request waits', async () => {
    found = await desk().list({ states: ['pending'], limit: 1_000 });
    return found.length === 1;
  });
  return found[0] as ApprovalRecord;
}
const stored = (record: ApprovalRecord): Promise<ApprovalRecord> => desk().find(record.id);
const nobodyAsked = async (): Promise<void> => expect(await desk().list({ states: ['pending'], limit: 10 })).toEqual([]);

/** Rows of ledger.entries that are as they were, others, and rows of log; as committed. */
async function state(): Promise<string> {
  const direct = new pg.Client({ connectionString: server.url });
  await direct.connect();
  try {
    const { rows } = await direct.query<{ s: string }>(
      "select count(*) filter (where note = 'old') || ' ' || count(*) filter (where note <> 'old') || ' ' || (select count(*) from log) s from ledger.entries",
    );
    return rows[0]?.s ?? '';
  } finally {
    await direct.end();
  }
}
const UNTOUCHED = '4312 0 0';
const ALL = "update ledger.entries set note = 'new'";
const WORDS = 'this UPDATE changed 4,312 rows in ledger.entries; limit 3';

const journal = (session: string): Promise<SessionItem[]> => storyOf(world, session);
const failure = (promise: Promise<unknown>): Promise<{ code?: string; message: string; hint?: string; detail?: string }> =>
  promise.then(
    () => Promise.reject(new Error('it went through')),
    (error: { code?: string; message: string }) => error,
  );
const errorOf = (replies: readonly Reply[]): Record<string, string> => fields(replies.find(({ type }) => type === 'E') as Reply);
const run = (text: string, ...values: string[]): Buffer[] => [parse('', text), bind('', '', ...values), execute('')];

/** What the server itself would answer. */
async function direct(prepare: readonly string[], ...messages: Buffer[]): Promise<Buffer[]> {
  const client = await RawClient.login(server.port, server.username, server.password, server.database);
  for (const text of prepare) await client.run(query(text));
  const replies = await client.run(...messages);
  await client.run(query('rollback'));
  client.close();
  await server.sql("update ledger.entries set note = 'old'");
  return replies.map(({ type, body }) => Buffer.concat([Buffer.from(type), body]));
}

describe('a write over its limit that somebody may let through', () => {
  it('is shown with the real number, is not committed while they think, and is when they approve', async () => {
    const { client, notices } = await connect();
    const running = client.query(ALL);
    const request = await one();
    expect(request).toMatchObject({
      kind: 'operation',
      rule: 'test/few',
      estimate: { rows: null, exactRows: 4312, note: expect.stringContaining('not committed') },
    });
    expect(request.reasons[0]).toBe(WORDS);
    expect(Buffer.from(request.operation?.exact ?? '', 'base64').toString()).toBe(ALL);
    await eventually('the client is told', () => notices.length > 0);
    expect(notices[0]).toMatch(new RegExp(`^waiting for approval ${request.id}.*1 of dba: ${WORDS}.*gw approve ${request.id}`, 's'));
    expect(await state()).toBe(UNTOUCHED);
    // Others are not in the way, and it is not in theirs.
    const other = await connect('dave');
    expect((await other.client.query('select count(*) n from ledger.entries')).rows).toEqual([{ n: '4312' }]);
    await approveAs(desk(), request, 'bob');
    expect((await running).rowCount).toBe(4312);
    expect(notices.at(-1)).toContain(`${request.id} was approved by bob`);
    expect(await state()).toBe('0 4312 0');
    expect(await stored(request)).toMatchObject({ state: 'used', used: { sequence: 1 } });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    const items = await journal(request.session ?? '');
    expect(items.flatMap((item) => (item.kind === 'event' ? [item.event] : []))).toEqual(['approval.hold', 'approval.answer']);
    expect(items.find((item) => item.kind === 'event')).toMatchObject({ data: { request: request.id, operation: 1, changed: 4312 } });
    expect(items.flatMap((item) => (item.kind === 'operation' ? [item.operation.outcome] : []))[0]).toMatchObject({
      status: 'ok',
      rows: 4312,
      message: 'UPDATE 4312',
    });
  });

  it.each([
    [
      'a denial',
      'approval.denied',
      (request: ApprovalRecord) => desk().deny(request.id, reviewer('bob'), 'name the rows'),
      /^bob denied apr_\w+: name the rows/,
      '42501',
    ],
    ['its expiry', 'approval.expired', () => Promise.resolve(desks.clock.advance(600_000)), /^Nobody approved/, '42501'],
  ] as const)('is undone by %s', async (_what, code, end, words, sqlstate) => {
    for (const block of [false, true]) {
      const { client } = await connect();
      for (const text of block ? ['begin', 'insert into log values (1)'] : []) await client.query(text);
      const running = failure(client.query(ALL));
      await end(await one());
      expect(await running).toMatchObject({
        code: sqlstate,
        message: expect.stringMatching(words),
        detail: expect.stringContaining(WORDS),
        hint: expect.stringContaining(code),
      });
      if (block) await client.query('commit');
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      expect(await state()).toBe(block ? '4312 0 1' : UNTOUCHED);
    }
  });

  it('is undone by a cancel request', async () => {
    const { client } = await connect();
    const running = failure(client.query(ALL));
    const request = await one();
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    createConnection(world.port, '127.0.0.1').end(Buffer.concat([16, 80_877_102, processID, secretKey].map(int32)));
    expect(await running).toMatchObject({ code: '57014', message: expect.stringContaining('cancelled by its client') });
    await expect(approveAs(desk(), request, 'bob')).rejects.toMatchObject({ code: 'approval.decided' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await state()).toBe(UNTOUCHED);
  });

  it.each([
    ['its client leaves', (client: RawClient): void => client.close(), 'client'],
    [
      'its client leaves behind a pipeline that waits',
      (client: RawClient): void => void client.socket.end(Buffer.concat([query('select 1'), query('select 2')])),
      'client',
    ],
    ['somebody ends the session', () => void world.path.live.kill(world.path.live.list()[0]?.start.session ?? '', 'carol', 'enough'), 'killed'],
  ] as const)('is undone when %s', async (_what, end, reason) => {
    const client = await raw();
    client.send(query(ALL));
    const request = await one();
    end(client);
    await eventually('the request is cancelled', async () => (await stored(request)).state === 'cancelled');
    await expect(approveAs(desk(), request, 'bob')).rejects.toMatchObject({ code: 'approval.decided' });
    await eventually('its locks are gone', async () => (await state()) === UNTOUCHED && world.path.live.count() === 0);
    await server.sql("set lock_timeout = '10s'; update ledger.entries set note = note");
    const items = await journal(request.session ?? '');
    expect(items.flatMap((item) => (item.kind === 'operation' ? [item.operation.outcome] : []))[0]).toMatchObject({
      status: 'refused',
      message: expect.stringContaining(`undone: ${WORDS}`),
    });
    expect(items.find(({ kind }) => kind === 'end')).toMatchObject({ end: { reason } });
  });

  it('is undone when its target ends the session', async () => {
    const { client } = await connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() pid');
    const running = failure(client.query(ALL));
    const request = await one();
    await server.sql(`select pg_terminate_backend(${rows[0]?.pid ?? 0})`);
    expect((await running).message).toMatch(/the write is undone|terminated/);
    await eventually('the request is cancelled', async () => (await stored(request)).state === 'cancelled');
    expect(await state()).toBe(UNTOUCHED);
  });

  it('is undone when the policy changes while they think', async () => {
    const { client } = await connect();
    const running = failure(client.query(ALL));
    const request = await one();
    world.setPolicy(policy(', quorum: 2'));
    desks.policy = world.policy;
    expect(await running).toMatchObject({ message: expect.stringContaining('the policy changed while it waited') });
    expect((await stored(request)).state).toBe('cancelled');
    expect(await state()).toBe(UNTOUCHED);
  });

  it('is undone with a gateway that stops; the request stays, and the same write with the same number is released by it, once', async () => {
    const { client } = await connect();
    const lost = failure(client.query(ALL));
    const request = await one();
    await world[Symbol.asyncDispose]();
    await lost;
    expect(await stored(request)).toMatchObject({ state: 'pending' });
    expect(await state()).toBe(UNTOUCHED);
    await open();
    await approveAs(desk(), request, 'bob');
    const { client: again } = await connect();
    await server.sql("insert into ledger.entries values (9000, 'old')");
    const another = failure(again.query(ALL));
    const second = await one();
    expect(second.digest).not.toBe(request.digest);
    await desk().deny(second.id, reviewer('bob'), 'one more than was approved');
    await another;
    await server.sql('delete from ledger.entries where id = 9000');
    expect((await again.query(ALL)).rowCount).toBe(4312);
    expect(await stored(request)).toMatchObject({ state: 'used' });
    const third = failure(again.query(ALL));
    await desk().deny((await one()).id, reviewer('bob'), 'once is enough');
    await third;
    expect(await state()).toBe('0 4312 0');
  });

  it('waits for two people where two are asked', async () => {
    world.setPolicy(policy(', quorum: 2'));
    desks.policy = world.policy;
    const { client, notices } = await connect();
    const running = client.query(ALL);
    const request = await one();
    await approveAs(desk(), request, 'bob');
    await eventually('the first vote is told', () => notices.some((words) => words.includes('more people are needed')));
    expect(await state()).toBe(UNTOUCHED);
    await approveAs(desk(), request, 'carol');
    expect((await running).rowCount).toBe(4312);
    expect(await state()).toBe('0 4312 0');
  });

  it('is undone when somebody who approved it was locked', async () => {
    world.setPolicy(policy(', quorum: 2'));
    desks.policy = world.policy;
    const { client } = await connect();
    const running = failure(client.query(ALL));
    const request = await one();
    await approveAs(desk(), request, 'bob');
    desks.locked.add('sub-bob');
    await approveAs(desk(), request, 'carol');
    expect(await running).toMatchObject({ message: expect.stringContaining('locked since') });
    desks.locked.clear();
    expect(await state()).toBe(UNTOUCHED);
  });

  it('is not late for the time that people take', async () => {
    world.setPolicy(policy('', ', seconds: 1'));
    desks.policy = world.policy;
    const { client } = await connect();
    const running = client.query(ALL);
    const request = await one();
    // Three rounds of the sweep, each of which would have ended it.
    const [session] = world.path.live.list();
    for (let looks = 0, seen = performance.now(); looks < 3; seen = performance.now()) {
      await eventually('a second passes', () => performance.now() - seen > 1_000);
      expect(session?.guard.overdue()).toBeNull();
      looks++;
    }
    await approveAs(desk(), request, 'bob');
    expect((await running).rowCount).toBe(4312);
  });
});

describe('what people gave ahead of time', () => {
  it('counts by the same rules as for everything that is held: a grant covers it where the rule takes grants, and in no other case', async () => {
    const draft = async (): Promise<void> => {
      const question = {
        kind: 'access',
        identity: { ...reviewer('alice').identity, issuer: 'test', subject: 'alice', email: null },
        target: { name: 'bank-db', protocol: 'postgres' },
        scope: null,
        session: null,
        reason: 'month end',
        ticket: null,
        account: null,
        waitMs: 0,
        breakGlass: false,
        sequence: 0,
        demand: demand({ grantMs: 3_600_000 }),
        policy: world.policy,
        rule: null,
        reasons: [],
        operation: null,
      } as const;
      await approveAs(desk(), await desk().submit(await desk().draft(question, 3_600_000)), 'bob');
    };
    await draft();
    const { client } = await connect();
    const refused = failure(client.query(ALL));
    await desk().deny((await one()).id, reviewer('bob'), 'this rule takes no grants');
    await refused;
    expect(await state()).toBe(UNTOUCHED);
    world.setPolicy(policy(', grants: 2h'));
    desks.policy = world.policy;
    await draft();
    expect((await client.query(ALL)).rowCount).toBe(4312);
    await nobodyAsked();
    expect(await state()).toBe('0 4312 0');
  });
});

describe('however it is sent', () => {
  it.each([
    ['a query', [], [query(ALL)]],
    ['RETURNING', [], [query("update ledger.entries set note = 'new' where id < 60 returning id, note")]],
    ['extended', [], [...run(ALL), sync()]],
    [
      'extended, described',
      [],
      [parse('s', `${ALL} where id <= $1 returning id`), bind('p', 's', '40'), describeMessage('P', 'p'), execute('p'), close('S', 's'), sync()],
    ],
    ['in a transaction', ['begin', 'insert into log values (1)'], [query(ALL)]],
    ['extended in a transaction', ['begin', 'insert into log values (1)'], [...run(ALL), sync()]],
    [
      'WITH that reads',
      [],
      [query("with few as (select id from ledger.entries where id < 9) update ledger.entries e set note = 'new' from few where few.id = e.id returning e.id")],
    ],
    ['a pipeline', [], [...run('insert into log values (1)'), ...run(ALL), ...run('insert into log values (2)'), sync()]],
    ['a transaction in a pipeline', [], [...run('begin'), ...run(ALL), ...run('insert into log values (2)'), ...run('commit'), sync()]],
  ] as [string, string[], Buffer[]][])('%s: approved it is what the server says, denied nothing of it is left', async (_name, before, messages) => {
    const expected = await direct(before, ...messages);
    await server.sql('truncate log');
    const client = await raw();
    for (const text of before) await client.run(query(text));
    const running = client.run(...messages);
    await approveAs(desk(), await one(), 'bob');
    const replies = (await running).filter(({ type }) => type !== 'N');
    expect(replies.map(({ type, body }) => Buffer.concat([Buffer.from(type), body]).toString('latin1'))).toEqual(
      expected.map((each) => each.toString('latin1')),
    );
    if (before.length > 0) expect(shape(await client.run(query('commit')))).toBe('C Z:I');
    expect(await state()).not.toMatch(/^4312 0/);
    await server.sql("update ledger.entries set note = 'old'; truncate log");
    for (const text of before) await client.run(query(text));
    const refused = client.run(...messages);
    await desk().deny((await one()).id, reviewer('bob'), 'no');
    const denied = await refused;
    expect(errorOf(denied)['M']).toContain('bob denied');
    expect(shape(denied)).toMatch(/E Z:[IT]$/);
    await client.run(query('commit'));
    expect(await state()).toBe(before.length > 0 ? '4312 0 1' : UNTOUCHED);
    expect(rowsOf(await client.run(query('select 1')))).toEqual([['1']]);
  });

  it('nobody is asked for more rows than a rule allows that names nobody', async () => {
    world.setPolicy(`${policy('')}  - { id: read, effect: allow, actions: [select], limits: { rows: 100 } }\n`);
    desks.policy = world.policy;
    const client = await raw();
    expect(errorOf(await client.run(query(`${ALL} where id <= 101`)))['M']).toBe(WORDS.replace('4,312', '101'));
    await nobodyAsked();
    const running = client.run(query(`${ALL} where id <= 100`));
    await approveAs(desk(), await one(), 'bob');
    await running;
    expect(await state()).toBe('4212 100 0');
  });

  it('bound parameters are shown, and another value is another question', async () => {
    const client = await raw();
    const first = client.run(...run(`${ALL} where id <= $1`, '10'), sync());
    const request = await one();
    expect(request.operation?.parameters).toEqual([{ type: null, form: 'text', value: '10' }]);
    expect(request.estimate?.exactRows).toBe(10);
    await approveAs(desk(), request, 'bob');
    await first;
    const second = client.run(...run(`${ALL} where id <= $1`, '11'), sync());
    const next = await one();
    expect(next.digest).not.toBe(request.digest);
    await desk().deny(next.id, reviewer('bob'), 'no');
    await second;
    expect(await state()).toBe('4302 10 0');
  });

  it('two in one pipeline are asked about one after the other, and one denial undoes both', async () => {
    const client = await raw();
    const running = client.run(...run(`${ALL} where id <= 10`), ...run(`${ALL} where id > 4000`), sync());
    await approveAs(desk(), await one(), 'bob');
    let second: ApprovalRecord | undefined;
    await eventually('the second waits', async () => {
      [second] = await desk().list({ states: ['pending'], limit: 10 });
      return second !== undefined;
    });
    expect(second?.estimate?.exactRows).toBe(312);
    await desk().deny(second?.id ?? '', reviewer('bob'), 'no');
    expect(shape((await running).filter(({ type }) => type !== 'N'))).toBe('1 2 C 1 2 E Z:I');
    expect(await state()).toBe(UNTOUCHED);
  });

  it.each([
    ['a write inside WITH', 'with gone as (delete from ledger.entries returning id) select count(*) from gone', 'could not be counted'],
    ['several statements', `${ALL}; select 1`, 'could not be counted'],
  ])('nobody is asked about what nobody can count: %s', async (_what, text, words) => {
    const client = await raw();
    expect(errorOf(await client.run(query(text)))['M']).toContain(words);
    await nobodyAsked();
    expect(await state()).toBe(UNTOUCHED);
  });

  it('nobody is asked about a result that is larger than what is kept, or than policy delivers', async () => {
    const client = await raw();
    const large = await client.run(query(`update ledger.entries set note = 'new' returning repeat('x', 8000)`));
    expect(errorOf(large)['M']).toContain('larger than the gateway keeps back');
    world.setPolicy(policy('', ', bytes: 1KiB'));
    desks.policy = world.policy;
    expect(errorOf(await client.run(query(`${ALL} returning id`)))['M']).toContain('larger than 1024 bytes');
    await nobodyAsked();
    expect(await state()).toBe(UNTOUCHED);
  });
});
