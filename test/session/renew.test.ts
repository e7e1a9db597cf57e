/**
 * A right that ends, ends in live sessions too (design section 3): by the lock of whoever a session acts for, and by a renewal that brings
 * an identity with other groups, claims or another expiry. A renewal is never a way to become somebody else.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { carryIdentity } from '../../src/contract/carried-identity.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { Identity } from '../../src/contract/identity.js';
import { readSession } from '../../src/recording/index.js';
import type { LiveSession } from '../../src/session/index.js';
import { complete, errorMessage, ready, type StubServer, startStubServer, until } from '../protocols/postgres/hostile/stub-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { fields, query, RawClient, shape } from '../support/raw-client.js';

const POLICY = `
version: 1
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, dba] } }
  - { id: read, effect: allow, actions: [select], subjects: { groups: [engineers, dba] } }
  - { id: write, effect: allow, actions: [insert], subjects: { groups: [dba] } }
  - { id: on-call, effect: allow, actions: [delete], when: 'has(subject.claims.oncall) && subject.claims.oncall == true' }
`;
const INSERT = query('INSERT INTO t VALUES (1)');
const DELETE = query('DELETE FROM t');
const SELECT = query('SELECT 1');

let server: StubServer;
let world: PathWorld;
beforeAll(async () => {
  server = await startStubServer({
    onMessage: ({ socket }, { type, body }) => {
      // What stands upstream in the place of a refused statement is no SQL.
      const refused = body.toString().startsWith('gw refused');
      if (type === 'Q') socket.write(Buffer.concat([refused ? errorMessage('ERROR', '42601', 'syntax error') : complete('SELECT 0'), ready()]));
    },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach(async () => {
  world = await startPathWorld({ server, policy: POLICY });
});
afterEach(() => world[Symbol.asyncDispose]());

async function connected(person: string, identity: Partial<Identity> = {}): Promise<{ client: RawClient; session: LiveSession }> {
  world.identities.set(person, identity);
  const client = await RawClient.login(world.port, 'bank-db', `token-${person}`, 'bank-db');
  const session = world.path.live.list().find((each) => each.identity.subject === person);
  if (session === undefined) throw new Error(`no session of ${person}`);
  return { client, session };
}
const id = (session: LiveSession): string => session.start.session;
const run = async (client: RawClient, message: Buffer): Promise<string> => shape(await client.run(message));
const ALLOWED = 'C Z:I';
const REFUSED = 'E Z:I';

/** The last words that the client gets when its session ends. */
async function lastWords(client: RawClient): Promise<string> {
  const replies = await client.untilClosed();
  const error = replies.findLast(({ type }) => type === 'E');
  return error === undefined ? '' : (fields(error)['M'] ?? '');
}

function refusal(attempt: () => unknown): GwError {
  try {
    attempt();
  } catch (thrown) {
    return GwError.from(thrown);
  }
  throw new Error('it was not refused');
}

describe('a lock', () => {
  const agent = (issuer: string | null): Partial<Identity> => ({ kind: 'agent', onBehalfOf: { issuer, subject: 'alice', verified: true } });

  it.each([
    ['its issuer', 'test'],
    ['no issuer, which means its own', null],
  ])('on a person ends sessions that act for that person (%s)', async (_what, issuer) => {
    const { client } = await connected('robot', agent(issuer));
    const { client: other } = await connected('droid', { kind: 'agent', onBehalfOf: { issuer: 'elsewhere', subject: 'alice', verified: true } });
    await world.bus.publish({ kind: 'subject.locked', issuer: 'test', subject: 'alice', by: 'root', reason: 'gone' });
    expect(await lastWords(client)).toContain('locked by root');
    expect(await run(other, SELECT)).toBe(ALLOWED);
    other.socket.destroy();
  });

  it('whose event was lost is found in the store, for the person acted for too', async () => {
    const { client } = await connected('robot', agent(null));
    const { client: other } = await connected('bob');
    world.locked.add('test#alice');
    expect(await lastWords(client)).toContain('locked');
    expect(await run(other, SELECT)).toBe(ALLOWED);
    other.socket.destroy();
  });
});

describe('a renewal', () => {
  it('takes rights away that the fresh identity has no more, at the next operation, and says so in the record', async () => {
    const { client, session } = await connected('alice', { groups: ['dba'] });
    expect(await run(client, INSERT)).toBe(ALLOWED);
    const expiresAt = Date.now() + 7_200_000;
    expect(world.path.live.renew(id(session), { ...session.identity, groups: ['engineers'], expiresAt, claims: { amr: ['hwk'], acr: '2' } })).toBe(true);
    expect(await run(client, INSERT)).toBe(REFUSED);
    expect(await run(client, SELECT)).toBe(ALLOWED);
    expect([session.identity.groups, session.guard.expiresAt]).toEqual([['engineers'], expiresAt]);
    client.socket.destroy();
    await until(() => world.path.live.count() === 0);
    const events: unknown[] = [];
    for await (const item of readSession(world.journalDir, world.bootId, id(session))) if (item.kind === 'event') events.push([item.event, item.data]);
    expect(events).toContainEqual(['session.renewed', expect.objectContaining({ groups: ['engineers'], expiresAt, amr: ['hwk'], acr: '2' })]);
  });

  it('gives rights that the fresh identity has', async () => {
    const { client, session } = await connected('alice', { claims: { iat: 1 } });
    expect(await run(client, INSERT)).toBe(REFUSED);
    expect(await run(client, DELETE)).toBe(REFUSED);
    world.path.live.renew(id(session), { ...session.identity, groups: ['dba'], claims: { iat: 2, oncall: true } });
    expect(await run(client, INSERT)).toBe(ALLOWED);
    expect(await run(client, DELETE)).toBe(ALLOWED);
    client.socket.destroy();
  });

  it('ends the session at once when the fresh identity may not connect', async () => {
    const { client, session } = await connected('alice');
    const error = refusal(() => world.path.live.renew(id(session), { ...session.identity, groups: ['leavers'] }));
    expect(error.code).toBe('session.revoked');
    expect(await lastWords(client)).toContain('Policy no longer lets this session be');
    await until(() => world.path.live.count() === 0);
  });

  it('does not lend the expiry of one token to the rights of another', async () => {
    const { client, session } = await connected('alice', { groups: ['dba'] });
    const older = session.identity;
    world.path.live.renew(id(session), { ...older, groups: ['engineers'], expiresAt: older.expiresAt + 3_600_000 });
    world.path.live.renew(id(session), older);
    expect([session.identity.groups, session.guard.expiresAt]).toEqual([['dba'], older.expiresAt]);
    client.socket.destroy();
  });

  it.each<[string, Partial<Identity>]>([
    ['kind', { kind: 'agent' }],
    ['issuer', { issuer: 'elsewhere' }],
    ['subject', { subject: 'bob' }],
    ['principal', { onBehalfOf: { issuer: null, subject: 'carol', verified: true } }],
  ])('by an identity of another %s is refused, here and over the bus, and changes nothing', async (_what, other) => {
    const { client, session } = await connected('alice');
    const before = session.identity;
    const fresh = { ...before, groups: ['dba'], expiresAt: before.expiresAt + 60_000, ...other };
    expect(refusal(() => world.path.live.renew(id(session), fresh)).code).toBe('api.forbidden');
    await world.bus.publish({ kind: 'session.renew', session: id(session), identity: carryIdentity(fresh) });
    expect(session.identity).toBe(before);
    expect(session.guard.expiresAt).toBe(before.expiresAt);
    expect(await run(client, INSERT)).toBe(REFUSED);
    client.socket.destroy();
  });

  it('of a session that is not here is said to be so', async () => {
    const { client, session } = await connected('alice');
    expect(world.path.live.renew('ses_none', session.identity)).toBe(false);
    client.socket.destroy();
  });
});

describe('a renewal over the bus', () => {
  /** More than a bus event can hold. */
  const MANY = Array.from({ length: 400 }, (_, index) => `group-${'x'.repeat(40)}-${index}`);

  it('carries the whole identity', async () => {
    const { client, session } = await connected('alice', { groups: ['dba'], claims: { iat: 1, oncall: true } });
    expect(await run(client, DELETE)).toBe(ALLOWED);
    const identity = carryIdentity({ ...session.identity, groups: ['engineers'], claims: { iat: 2, oncall: false } });
    await world.bus.publish({ kind: 'session.renew', session: id(session), identity: JSON.parse(JSON.stringify(identity)) as typeof identity });
    expect(session.identity).toMatchObject({ groups: ['engineers'], claims: { iat: 2, oncall: false } });
    expect(await run(client, INSERT)).toBe(REFUSED);
    expect(await run(client, DELETE)).toBe(REFUSED);
    expect(Object.isFrozen(session.identity.claims)).toBe(true);
    client.socket.destroy();
  });

  it('extends a session whose groups are too many to travel, when they are the same', async () => {
    const groups = ['dba', ...MANY];
    const { client, session } = await connected('alice', { groups, claims: { groups, iat: 1, sub: 'alice' } });
    const expiresAt = session.identity.expiresAt + 60_000;
    // A fresh token lists its claims in any order and differs in those that belong to the token itself.
    const identity = carryIdentity({ ...session.identity, claims: { sub: 'alice', iat: 2, groups }, expiresAt });
    expect(Buffer.byteLength(JSON.stringify(identity))).toBeLessThan(7_000);
    await world.bus.publish({ kind: 'session.renew', session: id(session), identity });
    expect(session.guard.expiresAt).toBe(expiresAt);
    expect(session.identity).toMatchObject({ groups, claims: { sub: 'alice', iat: 2, groups } });
    expect(await run(client, INSERT)).toBe(ALLOWED);
    client.socket.destroy();
  });

  it.each<[string, Partial<Identity>]>([
    ['groups', { groups: MANY }],
    ['claims', { claims: { groups: MANY, oncall: false } }],
  ])('ends a session whose %s changed and are too many to travel: nobody here knows its rights', async (_what, other) => {
    const { client, session } = await connected('alice', { groups: ['dba', ...MANY], claims: { groups: MANY, oncall: true } });
    await world.bus.publish({ kind: 'session.renew', session: id(session), identity: carryIdentity({ ...session.identity, ...other }) });
    expect(await lastWords(client)).toContain('groups or claims');
  });
});
