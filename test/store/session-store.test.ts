import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { SessionFilter } from '../../src/contract/session-store.js';
import { openStore, type Store } from '../../src/store/index.js';
import { record } from '../approval/fixture.js';
import { sessionEnd, sessionStart } from './session-fixture.js';
import { eventually, type StateServer, startStateServer } from './state-server.js';

let server: StateServer;
let store: Store;
let url: string;

beforeAll(async () => {
  server = await startStateServer();
  url = await server.database();
  store = await openStore({ url, logger: silentLogger });
});
afterAll(async () => {
  await store?.close();
  await server?.close();
});

describe('sessions', () => {
  it('are found by kind, by whom they act for, and by the time of their beginning', async () => {
    const start = sessionStart({ name: 'robot' });
    const identity = { ...start.identity, kind: 'agent', onBehalfOf: { issuer: null, subject: 'sub-owner', verified: true } };
    store.sessions.started({ ...start, identity }, 'j1');
    await store.sessions.flush();
    const found = async (filter: Partial<SessionFilter>): Promise<boolean> =>
      (await store.sessions.list({ name: 'robot', limit: 10, ...filter })).some(({ id }) => id === start.session);
    const at = new Date(start.startedAt).toISOString();
    const later = new Date(start.startedAt + 1).toISOString();
    for (const filter of [{ kind: 'agent' }, { onBehalfOf: 'sub-owner' }, { since: at }, { until: later }] as const)
      expect([filter, await found(filter)]).toEqual([filter, true]);
    for (const filter of [{ kind: 'person' }, { onBehalfOf: 'sub-other' }, { since: later }, { until: at }] as const)
      expect([filter, await found(filter)]).toEqual([filter, false]);
  });

  it('are found by names in any case, as operations are', async () => {
    const start = sessionStart({ name: 'Zoë Ångström' });
    const identity = { ...start.identity, onBehalfOf: { issuer: null, subject: 'Sub-Owner', verified: true } };
    store.sessions.started({ ...start, identity }, 'j1');
    await store.sessions.flush();
    const found = async (filter: Partial<SessionFilter>): Promise<boolean> =>
      (await store.sessions.list({ limit: 10, ...filter })).some(({ id }) => id === start.session);
    for (const filter of [{ name: 'Zoë Ångström' }, { name: 'ZOË ÅNGSTRÖM' }, { name: 'zoë ångström' }, { onBehalfOf: 'SUB-OWNER' }])
      expect([filter, await found(filter)]).toEqual([filter, true]);
    for (const filter of [{ name: 'zoe' }, { name: 'zoë%' }]) expect([filter, await found(filter)]).toEqual([filter, false]);
  });

  it('are found by an approval: its id, the state that it is in, or any, by the session that asked and by the one that used it', async () => {
    const [asking, using, none] = [sessionStart({ name: 'asker' }), sessionStart({ name: 'asker' }), sessionStart({ name: 'asker' })];
    for (const start of [asking, using, none]) store.sessions.started(start, 'j1');
    await store.sessions.flush();
    const pending = record({ session: asking.session });
    const used = record({ session: asking.session, state: 'used', waiter: null, used: { session: using.session, sequence: 3, at: 1 } });
    await store.approvals.insert(pending);
    await store.approvals.insert(used);
    const found = async (approval: string): Promise<string[]> => (await store.sessions.list({ name: 'asker', approval, limit: 10 })).map(({ id }) => id).sort();
    expect(await found(pending.id)).toEqual([asking.session]);
    expect(await found(used.id)).toEqual([asking.session, using.session].sort());
    expect(await found('pending')).toEqual([asking.session]);
    expect(await found('used')).toEqual([asking.session, using.session].sort());
    expect(await found('any')).toEqual([asking.session, using.session].sort());
    expect(await found('denied')).toEqual([]);
    expect(await found("x' or true --")).toEqual([]);
  });

  it('stores start, progress and end in order, and gives them back', async () => {
    const start = sessionStart();
    store.sessions.started(start, 'j1');
    await store.sessions.flush();
    expect(await store.sessions.find(start.session)).toMatchObject({
      state: 'live',
      endedAt: null,
      name: 'alice',
      startedAt: '2026-01-02T03:04:05.678Z',
      journal: 'j1',
      operations: 0,
    });
    store.sessions.progress(start.session, { operations: 2, refused: 0, rows: 7, bytesUp: 10, bytesDown: 20 });
    await store.sessions.flush();
    expect(await store.sessions.find(start.session)).toMatchObject({ state: 'live', operations: 2, rows: 7 });
    store.sessions.ended(start.session, sessionEnd());
    await store.sessions.flush();
    expect(await store.sessions.find(start.session)).toMatchObject({
      state: 'ended',
      endReason: 'client',
      endedAt: '2026-01-02T04:04:05.678Z',
      operations: 3,
      refused: 1,
      rows: 20,
      bytesUp: 300,
      bytesDown: 4_000,
    });
  });

  it('folds a whole short session into one row, and never lets a late progress bring it back to life', async () => {
    const start = sessionStart();
    store.sessions.started(start, 'j1');
    store.sessions.progress(start.session, { operations: 1, refused: 0, rows: 0, bytesUp: 0, bytesDown: 0 });
    store.sessions.ended(start.session, sessionEnd());
    await store.sessions.flush();
    store.sessions.progress(start.session, { operations: 1, refused: 0, rows: 0, bytesUp: 0, bytesDown: 0 });
    await store.sessions.flush();
    expect(await store.sessions.find(start.session)).toMatchObject({ state: 'ended', operations: 3 });
  });

  it('stores what was queued without anybody calling flush', async () => {
    const start = sessionStart();
    store.sessions.started(start, 'j1');
    await eventually('the row is stored', async () => (await store.sessions.find(start.session)) !== null);
  });

  it('pages newest first, and filters', async () => {
    const starts = Array.from({ length: 5 }, (_, i) => sessionStart({ name: 'pager', target: i === 0 ? 'other' : 'bank-db' }));
    for (const start of starts) store.sessions.started(start, 'j1');
    await store.sessions.flush();
    const ids = starts
      .map((start) => start.session)
      .sort()
      .reverse();
    const first = await store.sessions.list({ name: 'pager', limit: 2 });
    expect(first.map((session) => session.id)).toEqual(ids.slice(0, 2));
    const second = await store.sessions.list({ name: 'pager', limit: 10, before: first[1]?.id ?? '' });
    expect(second.map((session) => session.id)).toEqual(ids.slice(2));
    expect(await store.sessions.list({ name: 'pager', target: 'other', limit: 10 })).toHaveLength(1);
    expect(await store.sessions.list({ issuer: 'https://elsewhere.test', subject: 'sub-pager', limit: 10 })).toEqual([]);
    expect(await store.sessions.find('s_unknown')).toBeNull();
  });

  it('stores hostile text (NUL, lone surrogates, over-long) without losing the batch it is in', async () => {
    const hostile = sessionStart({ client: `a\0b\ud800c${'x'.repeat(10_000)}`, reason: '\udfff' });
    const plain = sessionStart();
    store.sessions.started(hostile, 'j1');
    store.sessions.started(plain, 'j1');
    await store.sessions.flush();
    expect((await store.sessions.find(hostile.session))?.client).toMatch(/^a\ufffdb\ufffdcx+$/);
    expect(await store.sessions.find(plain.session)).not.toBeNull();
  });

  it('leaves out a row that the database refuses, and only that one', async () => {
    const bad = sessionStart({ startedAt: 8.64e15 });
    const good = Array.from({ length: 6 }, () => sessionStart());
    for (const start of [...good.slice(0, 3), bad, ...good.slice(3)]) store.sessions.started(start, 'j1');
    await store.sessions.flush();
    for (const start of good) expect(await store.sessions.find(start.session)).not.toBeNull();
    expect(await store.sessions.find(bad.session)).toBeNull();
  });

  it('stores 3,000 sessions in one go', async () => {
    const starts = Array.from({ length: 3_000 }, () => sessionStart({ name: 'burst' }));
    for (const start of starts) store.sessions.started(start, 'j1');
    await store.sessions.flush();
    const [row] = await server.query<{ count: string }>(url, "select count(*) from gw.sessions where name = 'burst'");
    expect(row?.count).toBe('3000');
  });

  it('ends the sessions of dead journals only, and only once', async () => {
    const dead = sessionStart();
    const alive = sessionStart();
    store.sessions.started(dead, 'dead');
    store.sessions.started(alive, 'alive');
    await store.sessions.flush();
    expect(await store.liveJournals()).toEqual(expect.arrayContaining(['dead', 'alive']));
    expect(await store.endInterrupted(['dead'], Date.now())).toBe(1);
    expect(await store.endInterrupted(['dead'], Date.now())).toBe(0);
    expect(await store.liveJournals()).not.toContain('dead');
    expect(await store.sessions.find(dead.session)).toMatchObject({ state: 'ended', endReason: 'interrupted' });
    expect(await store.sessions.find(alive.session)).toMatchObject({ state: 'live' });
  });

  it('uses its own relations and functions whatever a client planted in public or the search_path says (D22)', async () => {
    const planted = await server.database();
    await server.query(
      planted,
      "create table public.sessions (id text); create function public.now() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$",
    );
    const role = new URL(planted).pathname.slice(1);
    await server.query(planted, `alter database ${role} set search_path = public, pg_catalog`);
    const other = await openStore({ url: planted, logger: silentLogger });
    try {
      await other.subjects.seen({ issuer: 'i', subject: 's', name: 'n', kind: 'person', email: null, groups: [] });
      const [subject] = await other.subjects.list();
      expect(Date.parse(subject?.lastSeenAt ?? '')).toBeGreaterThan(Date.parse('2020-01-01'));
      const start = sessionStart();
      other.sessions.started(start, 'j');
      await other.sessions.flush();
      expect(await other.sessions.find(start.session)).not.toBeNull();
      expect(await server.query(planted, 'select * from public.sessions')).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe('subjects', () => {
  const alice = { issuer: 'https://idp.test', subject: 'sub-a', name: 'alice', kind: 'person', email: null, groups: ['engineers'] } as const;

  it('remembers who was seen, with the newest name and groups', async () => {
    await store.subjects.seen(alice);
    await store.subjects.seen({ ...alice, groups: ['engineers', 'dba'] });
    const found = (await store.subjects.list()).find((subject) => subject.subject === 'sub-a');
    expect(found).toMatchObject({ name: 'alice', groups: ['engineers', 'dba'], locked: false, lockedBy: null });
  });

  it('does not forget an address because a later token leaves it out', async () => {
    const { issuer } = alice;
    await store.subjects.seen({ ...alice, subject: 'sub-mail', email: 'mail@bank.test' });
    await store.subjects.seen({ ...alice, subject: 'sub-mail', groups: [] });
    expect(await store.subjects.emailOf(issuer, 'sub-mail')).toBe('mail@bank.test');
    await store.subjects.seen({ ...alice, subject: 'sub-mail', email: 'new@bank.test' });
    expect(await store.subjects.emailOf(issuer, 'sub-mail')).toBe('new@bank.test');
  });

  it('remembers whoever opened a session, so that it can be locked: many at once, each as it was last', async () => {
    const names = ['native', 'tunnel', 'native'];
    for (const [index, name] of names.entries()) {
      const start = sessionStart({ name });
      store.sessions.started({ ...start, identity: { ...start.identity, groups: [`group-${index}`] } }, 'j');
    }
    store.sessions.started(sessionStart({ name: 'nul\0in-name' }), 'j');
    await store.sessions.flush();
    const known = new Map((await store.subjects.list()).map((each) => [each.subject, each]));
    expect(known.get('sub-native')).toMatchObject({ name: 'native', kind: 'person', email: 'native@example.test', groups: ['group-2'] });
    expect(known.get('sub-tunnel')).toMatchObject({ groups: ['group-1'] });
    expect(await store.subjects.setLocked('https://idp.test', 'sub-native', true, 'bob', 'left')).toBe(true);
    store.sessions.started(sessionStart({ name: 'native' }), 'j');
    await store.sessions.flush();
    expect(await store.subjects.isLocked('https://idp.test', 'sub-native')).toBe(true);
  });

  it('locks and unlocks one pair of issuer and subject, not the same subject of another issuer', async () => {
    await store.subjects.seen(alice);
    await store.subjects.seen({ ...alice, issuer: 'https://other.test' });
    expect(await store.subjects.setLocked(alice.issuer, 'sub-a', true, 'bob', 'left the company')).toBe(true);
    expect(await store.subjects.isLocked(alice.issuer, 'sub-a')).toBe(true);
    expect(await store.subjects.isLocked('https://other.test', 'sub-a')).toBe(false);
    await store.subjects.seen(alice);
    expect(await store.subjects.isLocked(alice.issuer, 'sub-a')).toBe(true);
    expect(await store.subjects.setLocked(alice.issuer, 'sub-a', false, 'bob', 'mistake')).toBe(true);
    expect(await store.subjects.isLocked(alice.issuer, 'sub-a')).toBe(false);
    expect(await store.subjects.setLocked(alice.issuer, 'nobody', true, 'bob', 'x')).toBe(false);
  });
});
