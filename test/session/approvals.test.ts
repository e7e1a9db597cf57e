/**
 * Approvals on the path, in front of a real server and over a real state database: the statement waits in its own session, runs in its own
 * transaction once people approved it, and in no other case; and the table says so.
 */
import { createConnection } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { SessionItem } from '../../src/recording/index.js';
import { askingPolicy } from '../approval/asking-policy.js';
import { approveAs, type DeskWorld, reviewer, startDeskWorld } from '../approval/desk-world.js';
import { demand } from '../approval/fixture.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { bind, execute, int32, parse, query, RawClient, shape, sync } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { storyOf } from './session-story.js';

let server: RealPostgres;
let desks: DeskWorld;
let world: PathWorld;
const clients: pg.Client[] = [];
let asks = demand({ grantMs: 3_600_000, breakGlassMs: 600_000 });
let connectAsks: typeof asks | null = null;

const open = async (): Promise<PathWorld> => {
  const started = await startPathWorld({
    server,
    approvals: desk().door,
    wrapPolicy: (set) =>
      askingPolicy(set, {
        operation: (facts) => (facts.effects.some(({ action }) => action === 'delete' || action === 'update') ? asks : null),
        get connect() {
          return connectAsks;
        },
      }),
  });
  desks.policy = started.policy;
  return started;
};

beforeAll(async () => {
  [server, desks] = await Promise.all([startRealPostgres('18'), startDeskWorld(2)]);
  await server.sql('create table entries (id int primary key, note text)');
});
beforeEach(async () => {
  asks = demand({ grantMs: 3_600_000, breakGlassMs: 600_000 });
  connectAsks = null;
  await server.sql("truncate entries; insert into entries select i, 'old' from generate_series(1, 10) i");
  world = await open();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
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

function desk(): DeskWorld['desks'][number] {
  const [, second] = desks.desks;
  if (second === undefined) throw new Error('no desk');
  return second;
}

interface Client {
  readonly client: pg.Client;
  readonly notices: string[];
}

async function connect(person = 'alice'): Promise<Client> {
  const client = new pg.Client({ connectionString: world.url(`token-${person}`) });
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(`${notice.severity ?? ''}: ${notice.message ?? ''} | ${notice.detail ?? ''} | ${notice.hint ?? ''}`));
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return { client, notices };
}

async function pending(count = 1): Promise<ApprovalRecord[]> {
  let found: ApprovalRecord[] = [];
  await eventually(`${count} requests wait`, async () => {
    found = await desk().list({ states: ['pending'], limit: 1_000 });
    return found.length === count;
  });
  return found;
}
const one = async (): Promise<ApprovalRecord> => (await pending())[0] as ApprovalRecord;
const stored = (record: ApprovalRecord): Promise<ApprovalRecord> => desk().find(record.id);
const left = async (): Promise<number> => {
  const direct = new pg.Client({ connectionString: server.url });
  await direct.connect();
  try {
    return Number((await direct.query<{ n: string }>("select count(*) n from entries where note = 'old'")).rows[0]?.n);
  } finally {
    await direct.end();
  }
};
const journal = (session: string): Promise<SessionItem[]> => storyOf(world, session);
const failure = (promise: Promise<unknown>): Promise<{ code?: string; message: string; hint?: string }> =>
  promise.then(
    () => Promise.reject(new Error('it went through')),
    (error: { code?: string; message: string; hint?: string }) => error,
  );

describe('a statement that needs approval', () => {
  it('waits in its own transaction, is described to those who decide, and runs once approved', async () => {
    const { client, notices } = await connect();
    await client.query('begin');
    await client.query("insert into entries values (11, 'mine')");
    const running = client.query('delete from entries where id in (1, 11)');
    const request = await one();
    expect(request).toMatchObject({
      requester: { name: 'alice' },
      target: 'bank-db',
      scope: 'postgres',
      operation: { summary: expect.stringContaining('entries'), form: 'query', language: 'sql', assurance: 'enforced' },
    });
    expect(Buffer.from(request.operation?.exact ?? '', 'base64').toString()).toBe('delete from entries where id in (1, 11)');
    await eventually('the client is told', () => notices.length > 0);
    expect(notices[0]).toMatch(new RegExp(`^NOTICE: waiting for approval ${request.id}: .*dba.*expires.*gw approve ${request.id}`, 's'));
    expect(await left()).toBe(10);
    await approveAs(desk(), request, 'bob');
    expect((await running).rowCount).toBe(2);
    expect(notices.at(-1)).toContain(`${request.id} was approved by bob`);
    expect(await left()).toBe(10);
    await client.query('commit');
    expect(await left()).toBe(9);
    expect(await stored(request)).toMatchObject({ state: 'used', used: { sequence: 3 } });
    const items = await journal(request.session ?? '');
    expect(items.filter(({ kind }) => kind === 'event')).toEqual([
      expect.objectContaining({ event: 'approval.hold', data: expect.objectContaining({ request: request.id, digest: request.digest }) }),
      expect.objectContaining({
        event: 'approval.answer',
        data: expect.objectContaining({ answer: 'used', voters: [expect.objectContaining({ name: 'bob' })] }),
      }),
    ]);
    const operation = items.flatMap((item) => (item.kind === 'operation' && item.operation.sequence === 3 ? [item.operation] : []))[0];
    expect(operation?.decision).toMatchObject({ effect: 'allow', reasons: [expect.stringContaining(`approved by bob (${request.id})`), expect.any(String)] });
  });

  it('tells the reviewer what the target expects of it, and has carried nothing out for that', async () => {
    const { client } = await connect();
    const running = client.query('delete from entries where id < $1', [4]);
    const request = await one();
    await eventually('the estimate is there', async () => (await stored(request)).estimate !== null);
    const shown = await stored(request);
    expect(shown.estimate).toMatchObject({
      rows: expect.any(Number),
      exactRows: 3,
      cost: expect.any(Number),
      note: expect.stringContaining('ModifyTable on entries'),
    });
    expect(shown.operation?.parameters).toEqual([{ type: null, form: 'text', value: '4' }]);
    expect(await left()).toBe(10);
    await approveAs(desk(), request, 'bob');
    expect((await running).rowCount).toBe(3);
  });

  it('does not run when a name in it came to mean something else while people decided', async () => {
    const { client } = await connect();
    const running = failure(client.query("delete from entries where lower(note) = 'old'"));
    const request = await one();
    await server.sql('create schema evil');
    await server.sql("create function evil.lower(varchar) returns text language plpgsql as 'begin return $1; end'");
    await approveAs(desk(), request, 'bob');
    const again = await one();
    expect(again.id).not.toBe(request.id);
    expect(again.operation?.summary).toContain('evil.lower');
    expect(await left()).toBe(10);
    await desk().deny(again.id, reviewer('bob'), 'not this one');
    expect(await running).toMatchObject({ code: '42501' });
    expect(await left()).toBe(10);
    await server.sql('drop schema evil cascade');
  });

  it('is refused by a denial with 42501, its reason and a hint; the session goes on', async () => {
    const { client } = await connect();
    const running = failure(client.query('delete from entries'));
    await desk().deny((await one()).id, reviewer('bob'), 'name the rows');
    expect(await running).toMatchObject({
      code: '42501',
      message: expect.stringMatching(/^bob denied apr_\w+: name the rows/),
      hint: expect.stringContaining('approval.denied'),
    });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await left()).toBe(10);
  });

  it('is refused when it expires, and an approval after that changes nothing', async () => {
    const { client } = await connect();
    const running = failure(client.query('delete from entries'));
    const request = await one();
    desks.clock.advance(asks.expiresInMs);
    await expect(approveAs(desk(), request, 'bob')).rejects.toMatchObject({ code: 'approval.expired' });
    expect(await running).toMatchObject({ code: '42501', hint: expect.stringContaining('approval.expired') });
    expect(await left()).toBe(10);
  });

  it('is taken back by a cancel request, and nothing is cancelled at the target', async () => {
    const { client } = await connect();
    const running = failure(client.query('delete from entries'));
    const request = await one();
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const socket = createConnection(world.port, '127.0.0.1');
    socket.end(Buffer.concat([16, 80_877_102, processID, secretKey].map(int32)));
    expect(await running).toMatchObject({ code: '57014', message: expect.stringContaining('cancelled by its client') });
    expect(await stored(request)).toMatchObject({ state: 'cancelled', ended: { why: 'cancelled by its client' } });
    await expect(approveAs(desk(), request, 'bob')).rejects.toMatchObject({ code: 'approval.decided' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await left()).toBe(10);
  });

  it('is taken back when its client leaves, in mid-wait, and its place in the record says so', async () => {
    const raw = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
    raw.send(query('delete from entries'));
    const request = await one();
    raw.close();
    await eventually('the request is cancelled', async () => (await stored(request)).state === 'cancelled');
    const items = await journal(request.session ?? '');
    expect(items.flatMap((item) => (item.kind === 'operation' ? [item.operation.decision?.effect] : []))).toEqual(['deny']);
    expect(items.at(-1)).toMatchObject({ kind: 'integrity', intact: true });
    expect(await left()).toBe(10);
  });

  it('is not good any more when the policy changes while it waits', async () => {
    const { client } = await connect();
    const running = failure(client.query('delete from entries'));
    const request = await one();
    world.setPolicy('version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: connect, effect: allow, actions: [connect] }]\n');
    desks.policy = world.policy;
    await expect(approveAs(desk(), request, 'bob')).rejects.toMatchObject({ code: expect.stringMatching(/approval\.(stale|decided)/) });
    expect(await running).toMatchObject({ message: expect.stringContaining('the policy changed while it waited') });
    expect(await left()).toBe(10);
  });

  it('is not carried out when the session lost its right while it waited', async () => {
    const { client } = await connect();
    const running = failure(client.query('delete from entries'));
    const request = await one();
    const [session] = world.path.live.list();
    world.path.live.kill(session?.start.session ?? '', 'carol', 'enough');
    await running;
    await eventually('the request is cancelled', async () => (await stored(request)).state === 'cancelled');
    expect(await left()).toBe(10);
  });
});

describe('the extended protocol', () => {
  it('asks about each run with its parameters; another parameter is another question', async () => {
    const { client } = await connect();
    const first = client.query({ name: 'del', text: 'delete from entries where id = $1', values: [1] });
    const request = await one();
    await approveAs(desk(), request, 'bob');
    expect((await first).rowCount).toBe(1);
    const second = failure(client.query({ name: 'del', text: 'delete from entries where id = $1', values: [2] }));
    const next = await one();
    expect(next.digest).not.toBe(request.digest);
    await desk().deny(next.id, reviewer('bob'), 'no');
    await second;
    expect(await left()).toBe(9);
  });

  it('keeps its place in a pipeline: what is before goes on, what is behind waits, an error before it drops it', async () => {
    const raw = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
    const running = raw.run(
      Buffer.concat([
        ...[parse('', "insert into entries values (20, 'new')"), bind('', ''), execute('')],
        ...[parse('', 'delete from entries where id = 3'), bind('', ''), execute('')],
        ...[parse('', "insert into entries values (21, 'new')"), bind('', ''), execute(''), sync()],
      ]),
    );
    await approveAs(desk(), await one(), 'bob');
    expect(shape(await running)).toMatch(/1 2 C.*1 2 C 1 2 C Z:I$/);
    expect(await left()).toBe(9);
    const failing = raw.run(
      Buffer.concat([
        ...[parse('', 'select 1/0'), bind('', ''), execute('')],
        ...[parse('', 'delete from entries where id = 4'), bind('', ''), execute(''), sync()],
      ]),
    );
    await approveAs(desk(), await one(), 'bob');
    expect(shape(await failing)).toMatch(/E .*Z:I$/);
    expect(await left()).toBe(9);
    expect(shape(await raw.run(query('select 1')))).toContain('C Z:I');
    raw.close();
  });

  it('is never found again for a text that names what the session prepared', async () => {
    const { client } = await connect();
    await client.query('prepare zz as select 1');
    const raw = await RawClient.login(world.port, 'bank-db', 'token-alice', 'bank-db');
    const prepared = raw.run(query('prepare zz as delete from entries where id = 5'));
    await approveAs(desk(), await one(), 'bob');
    await prepared;
    for (let round = 0; round < 2; round++) {
      const running = raw.run(query('execute zz'));
      const request = await one();
      expect(request.operation?.summary).toContain('entries');
      await approveAs(desk(), request, 'bob');
      await running;
    }
    raw.close();
    expect(await left()).toBe(9);
  });
});

describe('a session in which names mean something else', () => {
  it('does not run what was approved for the same text elsewhere, and those who decide are told', async () => {
    await server.sql(
      "create schema if not exists evil; create table if not exists evil.entries (id int, note text); insert into evil.entries values (4, 'old')",
    );
    const text = 'delete from entries where id = 4';
    const { client } = await connect();
    const lost = failure(client.query(text));
    const request = await one();
    expect(request.reasons.join()).not.toContain('search_path');
    await world[Symbol.asyncDispose]();
    await lost;
    world = await open();
    await approveAs(desk(), request, 'bob');
    for (const shift of ['set search_path = evil', "select set_config('search_path', 'evil', false)", 'create temporary table entries (id int, note text)']) {
      const { client: moved } = await connect();
      await moved.query(shift);
      const refused = failure(moved.query(text));
      const [asked] = (await pending()).filter(({ id }) => id !== request.id);
      expect(asked?.reasons.join()).toContain('search_path');
      await desk().deny(asked?.id ?? '', reviewer('bob'), 'which table?');
      await refused;
    }
    expect(await stored(request)).toMatchObject({ state: 'approved' });
    const { client: clean } = await connect();
    await clean.query("set application_name = 'x'");
    expect((await clean.query(text)).rowCount).toBe(1);
    expect(await stored(request)).toMatchObject({ state: 'used' });
  });
});

describe('many at once', () => {
  it('a hundred wait, other sessions go on meanwhile, and each gets its own answer', async () => {
    asks = demand({ expiresInMs: 3_600_000 });
    const all = await Promise.all(Array.from({ length: 100 }, () => connect()));
    const results = all.map(({ client }, i) =>
      client.query(`delete from entries where id = ${(i % 10) + 1} and ${i} = ${i}`).then(
        () => 'ran',
        () => 'refused',
      ),
    );
    const requests = await pending(100);
    const { client } = await connect('dave');
    for (let i = 0; i < 50; i++) expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await left()).toBe(10);
    const textOf = (record: ApprovalRecord): string => Buffer.from(record.operation?.exact ?? '', 'base64').toString();
    const even = (record: ApprovalRecord): boolean => Number(/(\d+)$/.exec(textOf(record))?.[1]) % 2 === 0;
    await Promise.all(requests.map((record) => (even(record) ? approveAs(desk(), record, 'bob') : desk().deny(record.id, reviewer('bob'), 'odd'))));
    expect(await Promise.all(results)).toEqual(all.map((_, i) => (i % 2 === 0 ? 'ran' : 'refused')));
    expect(await left()).toBe(5);
  });
});

describe('a gateway that stops while somebody waits', () => {
  it('leaves the request; the client is told, and once approved the same statement of a new session runs, once', async () => {
    const { client } = await connect();
    const lost = failure(client.query('delete from entries where id = 7'));
    const request = await one();
    await world[Symbol.asyncDispose]();
    await lost;
    expect(await stored(request)).toMatchObject({ state: 'pending' });
    world = await open();
    await approveAs(desk(), request, 'bob');
    const { client: again } = await connect();
    expect((await again.query('delete from entries where id = 7')).rowCount).toBe(1);
    expect(await stored(request)).toMatchObject({ state: 'used' });
    const third = failure(again.query('delete from entries where id = 7'));
    await desk().deny((await one()).id, reviewer('bob'), 'once is enough');
    await third;
    expect(await left()).toBe(9);
  });
});

describe('access ahead of time', () => {
  const grant = async (ms = 3_600_000): Promise<ApprovalRecord> => {
    const alice = { ...reviewer('alice').identity, issuer: 'test', subject: 'alice', email: null };
    const draft = await desk().draft(
      {
        kind: 'access',
        identity: alice,
        target: { name: 'bank-db', protocol: 'postgres' },
        account: null,
        scope: null,
        session: null,
        reason: 'month end',
        ticket: null,
        waitMs: 0,
        breakGlass: false,
        sequence: 0,
        demand: asks,
        policy: world.policy,
        rule: null,
        reasons: [],
        operation: null,
      },
      ms,
    );
    return approveAs(desk(), await desk().submit(draft), 'bob');
  };

  it('lets statements through without asking, and its revocation cuts the session that used it', async () => {
    const record = await grant();
    const { client, notices } = await connect();
    expect((await client.query('delete from entries where id = 1')).rowCount).toBe(1);
    expect((await client.query('delete from entries where id = 2')).rowCount).toBe(1);
    expect(notices).toEqual([]);
    const ended = new Promise((resolve) => client.once('end', resolve));
    const other = await connect('dave');
    await desk().revoke(record.id, reviewer('bob'), 'enough', false);
    await ended;
    expect((await other.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await left()).toBe(8);
  });

  it('ends at its minute, with the session', async () => {
    // The path counts by the machine's clock.
    desks.clock.advance(Date.now() - desks.clock.now());
    await grant(2_000);
    const { client } = await connect();
    await client.query('delete from entries where id = 1');
    await new Promise((resolve) => client.once('end', resolve));
    await expect(client.query('select 1')).rejects.toThrow();
  });
});

describe('connecting', () => {
  it('waits for people before the target is dialled, and goes on when they approve', async () => {
    connectAsks = demand();
    await world[Symbol.asyncDispose]();
    world = await open();
    const connecting = connect();
    const request = await one();
    expect(request).toMatchObject({ kind: 'connect', operation: null });
    expect(world.path.live.count()).toBe(0);
    await approveAs(desk(), request, 'bob');
    const { client, notices } = await connecting;
    expect(notices[0]).toContain(`waiting for approval ${request.id}: connecting to bank-db`);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(await stored(request)).toMatchObject({ state: 'used' });
  });

  it('is not opened for fewer people than are asked by the time they approve (a time window of the policy)', async () => {
    connectAsks = demand();
    await world[Symbol.asyncDispose]();
    world = await open();
    const refused = failure(connect());
    const request = await one();
    connectAsks = demand({ quorum: 2, approvers: [{ rule: 'night', groups: ['dba'], quorum: 2 }] });
    await approveAs(desk(), request, 'bob');
    expect(await refused).toMatchObject({ message: expect.stringContaining('policy changed') });
    expect(world.path.live.count()).toBe(0);
  });

  it('is refused when they deny, and the request of a client that leaves is taken back', async () => {
    connectAsks = demand();
    await world[Symbol.asyncDispose]();
    world = await open();
    const refused = failure(connect());
    await desk().deny((await one()).id, reviewer('bob'), 'not today');
    expect(await refused).toMatchObject({ message: expect.stringContaining('not today') });
    const leaving = new pg.Client({ connectionString: world.url('token-alice') });
    leaving.on('error', () => undefined);
    const attempt = leaving.connect().catch(() => undefined);
    const request = await one();
    (leaving as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await eventually('the request is cancelled', async () => (await stored(request)).state === 'cancelled');
    await attempt;
  });
});
