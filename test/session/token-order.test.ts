/**
 * When tokens are looked up: after the decision on their statement, and after people let it through. Here every look-up fails, because the table is locked:
 * so a refusal that says something else shows that nothing was looked up.
 */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GwError } from '../../src/contract/gw-error.js';
import type { Operation } from '../../src/contract/operation.js';
import type { Verdict } from '../../src/contract/verdict.js';
import { AwaitedVerdict } from '../../src/protocols/postgres/awaited-verdict.js';
import type { Conversation } from '../../src/protocols/postgres/conversation.js';
import { TokenWait } from '../../src/protocols/postgres/token-wait.js';
import { approveAs, type DeskWorld, reviewer, startDeskWorld } from '../approval/desk-world.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { textToken } from '../support/text-token.js';
import { wholeStoryOf } from './session-story.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes: { ssn: { treatment: token } }
data: { '*.people.ssn': { class: ssn } }
masks: [{ id: by-token, resolve_tokens: true }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: not-them, effect: deny, subjects: { groups: [barred] }, actions: [select], resources: [relation: '*.people'] }
  - { id: ask, effect: require_approval, subjects: { groups: [asked] }, actions: [select], resources: [relation: '*.people'], approval: { groups: [dba] } }
`;
const STATEMENT = `select word from people where ssn = '${textToken('ssn', '536-90-4399')}'`;

let server: RealPostgres;
let desks: DeskWorld;
let world: PathWorld;
let blocker: pg.Client;

beforeAll(async () => {
  [server, desks] = await Promise.all([startRealPostgres('18'), startDeskWorld(1)]);
  await server.sql("create table people (ssn text, word text); insert into people values ('536-90-4399', 'here')");
  world = await startPathWorld({ server, policy: POLICY, approvals: desk().door });
  desks.policy = world.policy;
  world.identities.set('ben', { groups: ['barred'] });
  world.identities.set('ada', { groups: ['asked'] });
  blocker = new pg.Client({ connectionString: server.url });
  await blocker.connect();
});
afterAll(async () => {
  await blocker.end();
  await world[Symbol.asyncDispose]();
  await desks.close();
  await server[Symbol.asyncDispose]();
});

function desk(): DeskWorld['desks'][number] {
  const [first] = desks.desks;
  if (first === undefined) throw new Error('no desk');
  return first;
}
async function connect(person: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.url(`token-${person}`) });
  await client.connect();
  // What the session knows of names is there before the table is locked.
  await client.query('select 1');
  return client;
}
async function locked(work: () => Promise<void>): Promise<void> {
  await blocker.query('begin; lock table people in access exclusive mode');
  try {
    await work();
  } finally {
    await blocker.query('rollback');
  }
}
const pending = async () => (await desk().list({ states: ['pending'], limit: 10 }))[0];

it('what policy refuses looks nothing up, as a constant and bound', async () => {
  const client = await connect('ben');
  await locked(async () => {
    await expect(client.query(STATEMENT)).rejects.toThrow(/denied by rule test\/not-them/);
    await expect(client.query('select word from people where ssn = $1', [textToken('ssn', '536-90-4399')])).rejects.toThrow(/denied by rule test\/not-them/);
  });
  await client.end();
});

it('what people are asked about is looked up once they let it through, and then refused where it cannot be', async () => {
  const client = await connect('ada');
  await locked(async () => {
    const [refused, failed] = [client.query(STATEMENT), client.query(STATEMENT)];
    for (const each of [refused, failed]) each.catch(() => undefined);
    await eventually('it waits', async () => (await pending()) !== undefined);
    await desk().deny((await pending())?.id ?? '', reviewer('bob'), 'not this one');
    await expect(refused).rejects.toThrow(/not this one/);
    await eventually('the next waits', async () => (await pending()) !== undefined);
    const next = await pending();
    if (next !== undefined) await approveAs(desk(), next, 'bob');
    await expect(failed).rejects.toMatchObject({ code: '42501', message: expect.stringMatching(/could not be resolved/) as unknown });
  });
  const again = client.query(STATEMENT);
  await eventually('it waits', async () => (await pending()) !== undefined);
  const last = await pending();
  if (last !== undefined) await approveAs(desk(), last, 'bob');
  expect((await again).rows).toEqual([{ word: 'here' }]);
  const session = world.sessions.at(-1) ?? '';
  await client.end();
  const outcomes = (await wholeStoryOf(world, session)).flatMap((item) => (item.kind === 'operation' ? [item.operation.outcome?.status] : []));
  expect(outcomes).toEqual(['ok', undefined, 'refused', 'ok']);
});

it('what waits for too long ends as refused, and nothing of it goes up', () => {
  const finished: unknown[] = [];
  const talk = { context: { guard: { finish: (...args: unknown[]) => void finished.push(args) } } } as unknown as Conversation;
  const wait = new TokenWait(talk, new AwaitedVerdict(talk, () => undefined));
  const verdict = { allowed: true } as unknown as Verdict;
  const asked = { exact: Buffer.from('x'), parameters: null, facts: {}, form: 'query' } as unknown as Operation;
  const error = new GwError('policy.limit_exceeded', 'too long');
  expect(wait.stop(verdict, error)).toBe(false);
  expect(wait.edit(asked, verdict, 'wait', false)).toBe('wait');
  expect(wait.stop({ allowed: true } as unknown as Verdict, error)).toBe(false);
  expect(wait.stop(verdict, error)).toBe(true);
  expect(wait.edit(asked, verdict, 'wait', false)).toBe(error);
  expect(finished).toEqual([[verdict, 'refused', 'too long']]);
  expect(wait.stop(verdict, error)).toBe(false);
});
