/** Masking on the path: who sees what in which session, what the record says of it, and what those who set it up are told. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { MaskingDoor } from '../../src/contract/masking-policy.js';
import { createLooksLike, proposeTags } from '../../src/masking/index.js';
import { postgres } from '../../src/protocols/postgres/index.js';
import type { SessionItem } from '../../src/recording/index.js';
import { approveAs, type DeskWorld, startDeskWorld } from '../approval/desk-world.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { wholeStoryOf } from './session-story.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: partial }, email: { treatment: token } }
data: { public.people.ssn: { class: ssn }, '*.*.email': { class: email } }
masks:
  - { id: seen-by-two, treatment: clear, classes: [ssn], subjects: { groups: [engineers] }, needs_approval: true }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: whole-table, effect: require_approval, actions: [select], resources: [relation: public.people], columns: [dob], approval: { groups: [dba] } }
`;
const ROWS =
  "values (1, '536-90-4399', 'ada@bank.test', date '1990-01-02'), (2, '536-90-4400', 'ada@bank.test', date '1991-01-02'), (3, null, 'bob@bank.test', null)";

let server: RealPostgres;
let desks: DeskWorld;
let world: PathWorld;
const clients: pg.Client[] = [];

beforeAll(async () => {
  [server, desks] = await Promise.all([startRealPostgres('18'), startDeskWorld(1)]);
  await server.sql(`create table people (id int, ssn text, email text, dob date); insert into people ${ROWS}; create table notes (body text, n bigint)`);
  world = await startPathWorld({ server, policy: POLICY, approvals: (desks.desks[0] as DeskWorld['desks'][number]).door });
  desks.policy = world.policy;
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  world.setPolicy(POLICY);
  desks.policy = world.policy;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await desks.close();
  await server[Symbol.asyncDispose]();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.url('token-ann') });
  clients.push(client);
  await client.connect();
  return client;
}
async function record(client: pg.Client): Promise<SessionItem[]> {
  const session = world.sessions.at(-1) ?? '';
  clients.splice(clients.indexOf(client), 1);
  await client.end();
  return wholeStoryOf(world, session);
}
const ssns = async (client: pg.Client, sql = 'select ssn from people order by id'): Promise<unknown[]> =>
  (await client.query<{ ssn: string }>(sql)).rows.map(({ ssn }) => ssn);

describe('a session', () => {
  it.each([
    ['show_bin: true', '411111******1111'],
    ['keep_length: true', '**** **** **** 1111'],
    ['show_bin: true, keep_length: true', '4111 11** **** 1111'],
    ['description: as usual', '****1111'],
  ])('is shown of a card what its class says: %s', async (said, shown) => {
    world.setPolicy(
      POLICY.replace('ssn: { treatment: partial }', `ssn: { treatment: partial }, pan: { ${said} }`).replace(
        'data: {',
        'data: { public.cards.number: { class: pan },',
      ),
    );
    await server.sql("drop table if exists cards; create table cards (number text); insert into cards values ('4111 1111 1111 1111')");
    const client = await connect();
    expect((await client.query('select number from cards')).rows).toEqual([{ number: shown }]);
    // What was shown so is known when it comes back.
    await expect(client.query('update cards set number = $1', [shown])).rejects.toThrow(/put in the place of another/);
    await server.sql('drop table cards');
  });

  it('has in its record how many values of which class were masked, by which rule', async () => {
    const client = await connect();
    await client.query('select id, ssn, email from people');
    const masked = (await record(client)).flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? [item.data] : []));
    expect(masked).toEqual([
      {
        operation: 1,
        values: [
          { class: 'ssn', treatment: 'partial', rule: null, values: 2 },
          { class: 'email', treatment: 'token', rule: null, values: 3 },
        ],
      },
    ]);
  });

  it('joins, groups and counts by tokens', async () => {
    const client = await connect();
    const { rows } = await client.query<{ email: string; n: string }>('select email, count(*) n from people group by email order by 2 desc');
    expect(rows.map(({ n }) => n)).toEqual(['2', '1']);
    expect(rows[0]?.email).toMatch(/^tok_email_[a-z2-7]{26}$/);
    const again = await client.query<{ email: string }>('select email from people where id = $1', [1]);
    expect(again.rows[0]?.email).toBe(rows[0]?.email);
  });

  it('follows a new policy at its next operation', async () => {
    const client = await connect();
    expect(await ssns(client)).toEqual(['***-**-4399', '***-**-4400', null]);
    world.setPolicy(POLICY.replace('ssn: { treatment: partial }', "ssn: { treatment: 'null' }"));
    expect(await ssns(client)).toEqual([null, null, null]);
    world.setPolicy(POLICY.replace('ssn: { treatment: partial }', 'ssn: { treatment: clear }'));
    expect(await ssns(client)).toEqual(['536-90-4399', '536-90-4400', null]);
  });

  it('is shown in clear what people approved, and nothing else; the record counts it', async () => {
    const client = await connect();
    const held = ssns(client, 'select ssn, dob from people order by id');
    const [desk] = desks.desks;
    await eventually('a request waits', async () => (await desk?.list({ states: ['pending'], limit: 10 }))?.length === 1);
    const [request] = (await desk?.list({ states: ['pending'], limit: 10 })) ?? [];
    await approveAs(desk as DeskWorld['desks'][number], request as ApprovalRecord, 'bob');
    expect(await held).toEqual(['536-90-4399', '536-90-4400', null]);
    expect(await ssns(client)).toEqual(['***-**-4399', '***-**-4400', null]);
    const counts = (await record(client)).flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? [item.data] : []));
    expect(counts[0]).toMatchObject({ values: [{ class: 'ssn', treatment: 'clear', rule: 'test/seen-by-two' }] });
    expect(counts[1]).toMatchObject({ values: [{ class: 'ssn', treatment: 'partial', rule: null, values: 2 }] });
  });

  it('may not write back what it was shown', async () => {
    const client = await connect();
    await expect(client.query("update people set ssn = '***-**-4399' where id = 1")).rejects.toMatchObject({
      code: '42501',
      message: /in the place of another/,
    });
    await expect(client.query('update people set ssn = $1 where id = 1', ['***-**-4399'])).rejects.toMatchObject({ code: '42501' });
    const direct = new pg.Client({ connectionString: server.url });
    await direct.connect();
    expect((await direct.query<{ ssn: string }>('select ssn from people where id = 1')).rows).toEqual([{ ssn: '536-90-4399' }]);
    await direct.end();
  });
});

describe('those who set it up', () => {
  const door = (): MaskingDoor => {
    const view = world.path.live.list()[0]?.guard.masking();
    if (view == null) throw new Error('nothing is masked');
    return view;
  };

  it('are told column by column what a statement would show, and why', async () => {
    await connect();
    const catalog = await world.path.survey.catalog(new Secret('token-ann'), '127.0.0.1', 'bank-db');
    const explained = await postgres.masking?.explain(
      'select id, ssn, upper(email) as e, count(*) as n, f(1) as f from people group by 1, 2, 3',
      door(),
      catalog,
    );
    expect(explained?.catalog).toBe(true);
    expect(explained?.results[0]?.map(({ name, shown, how, classes, from }) => ({ name, shown, how, classes, from }))).toEqual([
      { name: 'id', shown: 'clear', how: 'unchanged', classes: [], from: ['public.people.id'] },
      { name: 'ssn', shown: 'partial', how: 'unchanged', classes: ['ssn'], from: ['public.people.ssn'] },
      { name: 'e', shown: 'mask', how: 'computed', classes: ['email'], from: ['public.people.email'] },
      { name: 'n', shown: 'clear', how: 'unchanged', classes: [], from: [] },
      { name: 'f', shown: 'mask', how: 'unknown', classes: [], from: [] },
    ]);
    expect((await postgres.masking?.explain('select pg_notify($1, ssn) from people', door(), catalog))?.refusal).toContain(
      'may not flow into a call of pg_notify',
    );
  });

  it('are told that nothing is known without the catalog', async () => {
    await connect();
    expect(await postgres.masking?.explain('select ssn from people', door(), null)).toMatchObject({
      catalog: false,
      results: [[{ how: 'unknown', shown: 'mask' }]],
    });
  });

  it('are proposed tags by names and values, and no value comes with it', async () => {
    const sampled = await world.path.survey.sample(new Secret('token-ann'), '127.0.0.1', 'bank-db', null, 100, createLooksLike());
    expect(JSON.stringify(sampled)).not.toMatch(/4399|ada@/);
    expect(proposeTags(sampled).map(({ column, class: name, why }) => ({ column, name, why }))).toEqual([
      { column: 'public.people.dob', name: 'dob', why: '2 of 2 values look like it, and so does its name' },
      { column: 'public.people.email', name: 'email', why: '3 of 3 values look like it, and so does its name' },
      { column: 'public.people.ssn', name: 'ssn', why: '2 of 2 values look like it, and so does its name' },
    ]);
  });

  it('need a login and a right to connect', async () => {
    await expect(world.path.survey.catalog(new Secret('nobody'), '127.0.0.1', 'bank-db')).rejects.toMatchObject({ code: 'login.token_invalid' });
    await expect(world.path.survey.sample(new Secret('token-ann'), '127.0.0.1', 'nowhere', null, 1, createLooksLike())).rejects.toMatchObject({
      code: 'target.unknown',
    });
  });
});
